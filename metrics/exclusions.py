"""Which metrics a dataset leaves undefined, and why: what is known before anything is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scarena.base.errors import DataError
from scarena.metrics.aggregate import WEIGHTS
from scarena.metrics.registry import OF_EMBEDDING, keys_of

if TYPE_CHECKING:
    from scarena.metrics.inputs import Inputs

# Scores that look at neither labels nor what is derived from them.
_WITHOUT_LABELS = (
    "ilisi", "pcr", "cell_cycle", "hvg_overlap", "knn_preservation", "distance_correlation", "distance_emd",
    "effective_rank",
)  # fmt: skip
# What each reason a dataset may give rules out.
_RULED_OUT: dict[str, tuple[str, ...]] = {
    "batch": keys_of("batch"),
    "bio": keys_of("bio"),
    "ontology": keys_of("ontology"),
    "labels": tuple(key for key in OF_EMBEDDING if key not in (*_WITHOUT_LABELS, *WEIGHTS)),
}
# Within one label there may still be batches to mix, and cells to transfer; between labels there is nothing.
_NEED_TWO_LABELS = (*(key for key in keys_of("bio") if key not in _WITHOUT_LABELS), "rogi", "rogi_xd")
_NEED_TWO_BATCHES = keys_of("batch")


def exclusions(inputs: Inputs) -> dict[str, str]:
    """Return the metrics that this dataset leaves undefined, with the reason.

    Raises
    ------
    DataError
        If the dataset rules out what is neither a group nor a metric.
    """
    excluded = inputs.reference.not_applicable
    unknown = sorted(set(excluded) - set(_RULED_OUT) - set(OF_EMBEDDING))
    if unknown:
        fix = f"use {', '.join(_RULED_OUT)} or a metric key"
        raise DataError(f"{unknown[0]!r} is no group of metrics", where="not_applicable", fix=fix)
    reasons: dict[str, str] = {}
    if inputs.labels.max() == 0:
        reasons |= dict.fromkeys(_NEED_TWO_LABELS, "one label: there is nothing to tell apart")
    if inputs.batch.max() == 0:
        reasons |= dict.fromkeys(_NEED_TWO_BATCHES, "one batch: there is nothing to correct")
    return reasons | {key: reason for group, reason in excluded.items() for key in _RULED_OUT.get(group, (group,))}
