"""Group means and the total of scIB, given only when every part is there.

Averaging around a hole would let a method whose kBET failed overtake one whose kBET was low, which is what a
``groupby().mean()`` that drops NaN does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.scores import FAILED, NOT_APPLICABLE, Score

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

BIO = ("isolated_labels", "kmeans_nmi", "kmeans_ari", "silhouette_label", "clisi")
BATCH = ("bras", "ilisi", "kbet", "graph_connectivity", "pcr")
TOTAL = {"bio": 0.6, "batch": 0.4}
# In the order in which they can be computed.
WEIGHTS: dict[str, dict[str, float]] = {
    "bio": dict.fromkeys(BIO, 1.0), "batch": dict.fromkeys(BATCH, 1.0), "total": TOTAL,
}  # fmt: skip


def weighted_mean(scores: Mapping[str, Score], weights: Mapping[str, float]) -> Score:
    """Return the weighted mean of scores, or the state and reason of the parts that are missing.

    Parameters
    ----------
    scores
        At least the keys of ``weights``.
    weights
        Weight of each part.

    Returns
    -------
    Score
        ``failed`` if a part failed, else ``not applicable`` if a part is, else the mean.
    """
    for state in (FAILED, NOT_APPLICABLE):
        missing = [key for key in weights if scores[key].state == state]
        if missing:
            return Score(None, state, "; ".join(f"{key}: {scores[key].reason}" for key in missing))
    values = {key: scores[key].value for key in weights}
    total = sum(weight * value for key, weight in weights.items() if (value := values[key]) is not None)
    return Score.of(total / sum(weights.values()))


def weighted_replicates(
    replicates: Mapping[str, NDArray[np.float64]], weights: Mapping[str, float]
) -> NDArray[np.float64] | None:
    """Return the weighted mean of replicates ``[n_replicates]``, ``None`` where a part has none."""
    if any(key not in replicates for key in weights):
        return None
    total = sum(weight * replicates[key] for key, weight in weights.items())
    return np.asarray(total) / sum(weights.values())


def aggregates(scores: Mapping[str, Score]) -> dict[str, Score]:
    """Return ``bio`` and ``batch`` (unweighted means of their five metrics) and ``total`` = 0.6 bio + 0.4 batch.

    References
    ----------
    Luecken et al. 2022, doi 10.1038/s41592-021-01336-8; without the min-max scaling over methods, which makes a score
    depend on its competitors.
    """
    found = dict(scores)
    for key, weights in WEIGHTS.items():
        found[key] = weighted_mean(found, weights)
    return {key: found[key] for key in WEIGHTS}


def aggregate_replicates(replicates: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Return the replicates of the aggregates all of whose parts have some."""
    found = dict(replicates)
    for key, weights in WEIGHTS.items():
        mean = weighted_replicates(found, weights)
        if mean is not None:
            found[key] = mean
    return {key: found[key] for key in WEIGHTS if key in found}
