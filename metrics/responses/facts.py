"""What a dataset allows any model to show, and how much of it one spoke of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.responses.answers import NO_CELLS, Answers, Found
from scarena.metrics.responses.correlations import median_between
from scarena.metrics.responses.retrieval import by_context, inverse_rank
from scarena.metrics.responses.value import errors_of, value_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.responses.asked import Asked, Known

_REPLICATE = ("response_drf", "response_bds", "response_nir_duplicate", "response_value_interpolated")


def facts(answers: Answers) -> Found:
    """Return coverage, systematic variation, and what a replicate experiment has."""
    return {
        "response_coverage": _coverage(answers), "response_systematic": systematic(answers.known),
        **_replicate(answers),
    }  # fmt: skip


def _coverage(answers: Answers) -> Measured:
    said = [np.isfinite(split.predicted) for split in answers.splits]
    n_said, n_asked = sum(int(each.sum()) for each in said), sum(each.size for each in said)
    rows = np.concatenate([each.any(axis=1) for each in said])
    columns = np.mean([each[each.any(axis=1)].mean() if each.any() else 0.0 for each in said])
    note = f"{rows.sum()} of {len(rows)} profiles, {100 * columns:.1f} % of the genes of these"
    return Measured(n_said / n_asked, None, note)


def systematic(known: Known) -> Measured | Undefined:
    """Return the median correlation of the effects of two perturbations in one context, by genes that none is of."""
    kept = ~known.targeted.any(axis=0)
    effects = known.observed[:, kept] - known.control_scored[np.ix_(known.context, kept)]
    found = median_between(effects, known.context)
    return Measured(found) if np.isfinite(found) else Undefined("no context has two perturbations")


def _replicate(answers: Answers) -> Found:
    """Return how far a replicate experiment gets: the dynamic range of the metrics on this dataset.

    Dynamic range fraction and bound discrimination score are those of scperteval 0.2.0, doi 10.64898/2026.07.23.740433,
    with the better negative.
    """
    errors = answers.errors
    if not errors.replicated:
        return dict.fromkeys(_REPLICATE, Undefined(NO_CELLS))
    negative, duplicate = errors.negative[errors.better], errors.duplicate
    fraction = np.clip((negative - duplicate) / np.where(negative > 0, negative, 1.0), -1, 1)
    ranks = np.concatenate([
        by_context(split, np.asarray(split.duplicate, np.float64), inverse_rank) for split in answers.splits
    ])  # fmt: skip
    given = np.isfinite(ranks)
    shrunk = value_of(errors_of(answers.splits, instead=[_interpolated(split) for split in answers.splits]))
    return {
        "response_drf": Measured(float(np.median(fraction))),
        "response_bds": Measured(float((duplicate < negative).mean())),
        "response_nir_duplicate": Measured(float(ranks[given].mean())) if given.any() else Undefined("as response_nir"),
        "response_value_interpolated": shrunk if isinstance(shrunk, Undefined) else Measured(shrunk.value),
    }  # fmt: skip


def _interpolated(split: Asked) -> NDArray[np.float64]:
    """Return the replicate where it differs from other perturbations, and the mean of these where it does not.

    Each gene is α · replicate + (1 − α) · mean with α = 1 − adjusted p; a gene without a p value has the mean.
    """
    sure = 1 - np.nan_to_num(np.asarray(split.doubt, np.float64), nan=1.0)
    return sure * np.asarray(split.duplicate, np.float64) + (1 - sure) * split.unnamed[split.context]
