"""What profiles of cell types say of genes: how specific each is, and the directions along which types differ.

Where training starts from. Mitochondrial, ribosomal and housekeeping genes fill a cell's vector with what protocols
change; by their weight, which is inside a cell's length, they leave it to the genes that tell types apart.

Shapes: P profiles, S sources, V genes of the vocabulary, K components.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

POWER = 4
"""Of τ: between a gene of everywhere (.6) and of one type (1) lies a factor of eight."""
LEAST = 1e-4
"""Weight of genes of which nothing is known, and of those that all types express alike: small, but free to grow."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a gene bag starts from."""

    weights_V: NDArray[np.float32]
    """Above zero, one at most."""
    features_VK: NDArray[np.float32]
    """Columns of mean square one over the genes; zero for a gene that no source has."""


def specificity(log_PV: NDArray[np.floating], measured_PV: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return τ of each gene, [V]: 0 where all types express it alike (or nothing is known), 1 where one alone does.

    Parameters
    ----------
    log_PV
        log1p of expression per 10,000.
    measured_PV
        Where a gene was measured: a missing value is not a zero.

    References
    ----------
    Yanai et al. 2005, doi:10.1093/bioinformatics/bti042.
    """
    held_PV = np.where(measured_PV, log_PV, 0.0)
    highest_V, n_V = held_PV.max(axis=0), measured_PV.sum(axis=0)
    known_V = (highest_V > 0) & (n_V > 1)
    share_PV = held_PV / np.where(known_V, highest_V, 1.0)
    tau_V = (n_V - share_PV.sum(axis=0)) / np.maximum(n_V - 1, 1)
    return np.where(known_V, tau_V, 0.0)


def components(
    log_PV: NDArray[np.floating], measured_PV: NDArray[np.bool_], source_P: NDArray[np.integer],
    weights_V: NDArray[np.floating], n_components: int,
) -> NDArray[np.float64]:  # fmt: skip
    """Return the directions along which profiles of one source differ most, [V, K].

    Each gene is centred within each source, so that what tells studies apart is not among the directions; where a
    source has not measured it, it is taken to be as on average.

    Parameters
    ----------
    log_PV, measured_PV
        As for :func:`specificity`.
    source_P
        Source of each profile.
    weights_V
        By which the values are multiplied.
    n_components
        Most directions; fewer where the profiles span fewer.

    Returns
    -------
    Columns orthogonal, of mean square one; the largest entry of each is positive.
    """
    rows = []
    for source in np.unique(source_P):
        own_P = source_P == source
        centred = np.where(measured_PV[own_P], log_PV[own_P] - log_PV[own_P].mean(axis=0), 0.0)
        rows.append(centred * weights_V)
    _, lengths_K, right_KV = np.linalg.svd(np.concatenate(rows), full_matrices=False)
    kept = min(n_components, int((lengths_K > 1e-6 * max(lengths_K[0], 1e-300)).sum()))
    found_VK = right_KV[:kept].T * np.sqrt(right_KV.shape[1])
    top_K = np.abs(found_VK).argmax(axis=0)
    return found_VK * np.sign(found_VK[top_K, np.arange(kept)])


def _measured_most(measured_PV: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the profiles that at least half of the genes were measured of that were of any; all if there are none."""
    share_P = measured_PV.sum(axis=1) / max(1, int(measured_PV.any(axis=0).sum()))
    return share_P >= 0.5 if (share_P >= 0.5).any() else np.ones(len(share_P), bool)


def start_of(
    log_PV: NDArray[np.floating], measured_PV: NDArray[np.bool_], source_P: NDArray[np.integer], n_components: int
) -> Start:
    """Return where a gene bag starts from that knows these profiles; parameters as for :func:`components`.

    Of sources that measured few of the genes, as a list of markers, the directions are taken and not the specificity:
    their values are shares of another whole, and would pass for higher ones.
    """
    whole_P = _measured_most(measured_PV)
    weights_V = np.maximum(specificity(log_PV[whole_P], measured_PV[whole_P]) ** POWER, LEAST)
    features_VK = components(log_PV, measured_PV, source_P, weights_V, n_components)
    return Start(weights_V.astype(np.float32), features_VK.astype(np.float32))
