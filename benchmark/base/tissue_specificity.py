"""How specific to a tissue a gene is expressed: for what is known of genes, and for what is asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def specificity(profiles: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return how specific to a tissue each gene's expression is, τ [n_genes], 0 (alike in all) to 1 (in one alone).

    Parameters
    ----------
    profiles
        log1p of expression [n_genes, n_tissues], NaN where it was not measured: such tissues do not count.

    Returns
    -------
    τ = Σ (1 − x / max x) / (T − 1) of Yanai et al. 2005 (doi:10.1093/bioinformatics/bti042), over log1p; NaN where a
    gene is silent everywhere, or was measured in fewer than two tissues.
    """
    x = np.asarray(profiles, np.float64)
    there = np.isfinite(x)
    n, filled = there.sum(axis=1), np.where(there, x, 0.0)
    top = filled.max(axis=1, initial=0.0)
    said = (n > 1) & (top > 0)
    share = filled.sum(axis=1) / np.where(said, top, 1.0)
    return np.where(said, (n - share) / np.maximum(n - 1, 1), np.nan)
