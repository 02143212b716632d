"""Whether predicted effects of another size would score better: then the score is about scale, not about knowledge."""

from __future__ import annotations

import numpy as np

from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.responses.answers import Answers, Found
from scarena.metrics.responses.retrieval import by_context, inverse_rank
from scarena.metrics.responses.value import errors_of, value_of

SCALES = (0.5, 2.0)
NOTABLE = 0.02
"""Gain of another scale above which the note names it."""


def rescaled(answers: Answers) -> Found:
    """Return what the best of `SCALES`, of predicted effects about the control that models are shown, would add."""
    zero = answers.errors.better
    values = {scale: value_of(errors_of(answers.splits, scale), zero=zero) for scale in SCALES}
    retrieved = {scale: _retrieved(answers, scale) for scale in SCALES}
    return {
        "response_rescaled": _gain(value_of(answers.errors), values),
        "response_nir_rescaled": _gain(_retrieved(answers, 1.0), retrieved),
    }


def _retrieved(answers: Answers, scale: float) -> Measured | Undefined:
    ranks = answers.each(lambda split, said: by_context(split, said, inverse_rank), scale)
    given = np.isfinite(ranks)
    return Measured(float(ranks[given].mean())) if given.any() else Undefined("as for response_nir")


def _gain(found: Measured | Undefined, others: dict[float, Measured | Undefined]) -> Measured | Undefined:
    if isinstance(found, Undefined):
        return found
    best, scale = max((each.value, scale) for scale, each in others.items() if isinstance(each, Measured))
    gain = best - found.value
    return Measured(gain, None, f"effects × {scale:g} score better" if gain > NOTABLE else "")
