"""Principal component regression: how much of the variance the batch explains, before and after integration.

With all components and a categorical batch, the regression needs neither: Σ varₖ·R²ₖ / Σ varₖ over the components is
the variance between batches over the total, whatever the axes. So it takes one pass in double precision, and no SVD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def explained_variance(x: NDArray[np.floating], batch: NDArray[np.integer]) -> float:
    """Return the share of the variance of ``x`` that lies between batches.

    Parameters
    ----------
    x
        Array ``[n_cells, d]``.
    batch
        Integer codes ``[n_cells]``, from 0.

    Returns
    -------
    float
        In [0, 1]; NaN where ``x`` is constant.
    """
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    total = float((centred**2).sum())
    if total == 0:
        return float("nan")
    sums = np.stack([centred[batch == code].sum(axis=0) for code in np.unique(batch)])
    between = (sums**2).sum(axis=1) / np.unique(batch, return_counts=True)[1]
    return float(between.sum()) / total


def pcr_comparison(before: NDArray[np.floating], after: NDArray[np.floating], batch: NDArray[np.integer]) -> float:
    """Return the share of the batch's explained variance that integration removed.

    Parameters
    ----------
    before, after
        PCA before integration ``[n_cells, d_pre]`` and embedding ``[n_cells, d]``.
    batch
        Integer codes ``[n_cells]``, from 0.

    Returns
    -------
    float
        In [0, 1], higher is better, 0 where the batch explains more than before; NaN where it explained nothing
        before or either array is constant.

    References ---------- Büttner et al. 2019, doi 10.1038/s41592-018-0254-1; as scaled by Luecken et al. 2022, doi
    10.1038/s41592-021-01336-8.
    """
    first, then = explained_variance(before, batch), explained_variance(after, batch)
    if first == 0 or np.isnan(first) or np.isnan(then):
        return float("nan")
    return max(0.0, (first - then) / first)
