"""Principal component regression: how much of the variance the batch explains, before and after integration.

With all components and a categorical batch, the regression needs neither: Σ varₖ·R²ₖ / Σ varₖ over the components is
the variance between batches over the total, whatever the axes. So it takes one pass in double precision, and no SVD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.measured import Measured, Undefined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.resampling import Resampling


def explained_variance(
    x: NDArray[np.floating], batch: NDArray[np.integer], resampling: Resampling | None = None
) -> NDArray[np.float64]:
    """Return the share of the variance of ``x`` that lies between batches, then the share in every replicate.

    Parameters
    ----------
    x
        Array ``[n_cells, d]``.
    batch
        Integer codes ``[n_cells]``, from 0 without gaps.
    resampling
        Draws whose strata never cross batches, so that a batch has its own size in every replicate.

    Returns
    -------
    float64 array ``[1 + n_replicates]``, in [0, 1]; NaN where ``x`` is constant.
    """
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    squares = (centred**2).sum(axis=1)
    between, total, overall = 0.0, squares.sum(), np.zeros((1, centred.shape[1]))
    if resampling is not None:
        total = np.concatenate([[total], resampling.sums(squares)])
    for code, size in enumerate(np.bincount(batch)):
        rows = np.flatnonzero(batch == code)
        sums = centred[rows].sum(axis=0, keepdims=True)
        if resampling is not None:
            sums = np.vstack([sums, resampling.at(rows).sums(centred[rows])])
        between, overall = between + (sums**2).sum(axis=1) / size, overall + sums
    # A replicate has a mean of its own, around which its variances are.
    of_mean = (overall**2).sum(axis=1) / len(x)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.atleast_1d((between - of_mean) / (total - of_mean))


def pcr_comparison(
    before: NDArray[np.floating], after: NDArray[np.floating], batch: NDArray[np.integer],
    *, resampling: Resampling | None = None,
) -> Measured:  # fmt: skip
    """Return the share of the batch's explained variance that integration removed.

    Parameters
    ----------
    before, after
        PCA before integration ``[n_cells, d_pre]`` and embedding ``[n_cells, d]``.
    batch
        Integer codes ``[n_cells]``, from 0 without gaps.

    Returns
    -------
    Measured
        In [0, 1], higher is better, 0 where the batch explains no less than before. Replicates are exact.

    Raises
    ------
    Undefined
        If the batch explained nothing before, or either array is constant.

    References
    ----------
    Büttner et al. 2019, doi 10.1038/s41592-018-0254-1; as scaled by Luecken et al. 2022, doi
    10.1038/s41592-021-01336-8.
    """
    first, then = explained_variance(before, batch, resampling), explained_variance(after, batch, resampling)
    if not first[0] > 0:
        raise Undefined("the batch explains no variance before integration")
    if np.isnan(then[0]):
        raise Undefined("the embedding is constant")
    removed = np.maximum(0.0, (first - then) / first)
    note = "0: the batch explains no less variance than before integration" if removed[0] == 0 else ""
    return Measured(float(removed[0]), removed[1:] if resampling is not None else None, note)
