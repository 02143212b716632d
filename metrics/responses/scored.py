"""Every score of one model's predicted responses.

Shapes: A profiles of all folds in a row, K genes kept in a split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.responses.affine import rescaled
from scarena.metrics.responses.answers import NO_CELLS, Answers, Found
from scarena.metrics.responses.correlations import correlations
from scarena.metrics.responses.draws import mean_of
from scarena.metrics.responses.facts import facts
from scarena.metrics.responses.learning import learning
from scarena.metrics.responses.published import discrimination
from scarena.metrics.responses.retrieval import by_context
from scarena.metrics.responses.value import ENOUGH, Errors, squared, value_of
from scarena.metrics.responses.weighted import weighted_error, weighted_r2, weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scarena.metrics.responses.asked import Asked

    Floats = NDArray[np.float64]

_ALONE = "no split asks about two perturbations in one context"


def scored(answers: Answers) -> Found:
    """Return all scores of a model."""
    return {
        **_values(answers), **_retrieved(answers), **_correlated(answers), **_weighted(answers),
        "response_mse": answers.mean(lambda split, said: squared(said, split.truth)),
        **rescaled(answers), **learning(answers.reveal), **facts(answers),
    }  # fmt: skip


def per_profile(answers: Answers) -> dict[str, NDArray[np.generic]]:
    """Return what each profile has, by column ``[A]``, folds in a row.

    ``error``, ``negative`` and ``duplicate`` are the mean squared errors that the value is made of, of the model, of
    the negative that is its zero and of the replicate experiment (0 without cells); ``nir`` is NaN where a profile is
    alone in its context.
    """
    errors = answers.errors
    return {
        "predicted": errors.covered, "error": errors.model[errors.better],
        "negative": errors.negative[errors.better], "duplicate": errors.duplicate, "nir": answers.inverse_ranks,
        "reproducibility": errors.reproducibility,
    }  # fmt: skip


def _values(answers: Answers) -> Found:
    errors = answers.errors
    covered: Measured | Undefined = Undefined("it predicts no profile")
    if errors.covered.any():
        covered = value_of(errors, errors.covered, errors.better, errors.drawn.at(errors.covered))
    return {
        "response_value": value_of(errors),
        "response_value_reproducible": _reproducible(errors, lambda rows: value_of(errors, rows)),
        "response_value_covered": covered,
    }


def _reproducible(errors: Errors, score: Callable[[NDArray[np.bool_]], Measured | Undefined]) -> Measured | Undefined:
    """Return a score of the profiles that a replicate experiment finds again."""
    if not errors.replicated:
        return Undefined(NO_CELLS)
    if not errors.reproducible.any():
        return Undefined(f"no profile has a reproducibility above {ENOUGH}")
    return score(errors.reproducible)


def _retrieved(answers: Answers) -> Found:
    ranks, errors = answers.inverse_ranks, answers.errors
    keys = ("response_nir", "response_nir_reproducible", "response_pds")
    if not np.isfinite(ranks).any():
        return dict.fromkeys(keys, Undefined(_ALONE))
    alone = int((~np.isfinite(ranks)).sum())
    note = f"{alone} profiles are alone in their context" if alone else ""
    values = (
        mean_of(ranks, errors.perturbation, note),
        _reproducible(errors, lambda rows: mean_of(ranks[rows], errors.perturbation[rows])),
        answers.mean(lambda split, said: by_context(split, said, discrimination, own_control=True), note),
    )
    return dict(zip(keys, values, strict=True))


def _correlated(answers: Answers) -> Found:
    def effects(shown: str, scored: str, said: str = "") -> Measured | Undefined:
        flat: list[int] = []

        def score(split: Asked, predicted: Floats) -> Floats:
            off = (getattr(split, name)[split.context] for name in (shown, scored))
            values, undefined = correlations(predicted, split.truth, *off)
            flat.append(int(undefined.sum()))
            return values

        found = answers.mean(score)
        if isinstance(found, Undefined):
            return found
        lost = f"{sum(flat)} undefined, counted as 0" if sum(flat) else ""
        return Measured(found.value, found.replicates, "; ".join(part for part in (said, lost, found.note) if part))

    one = "scorer and models have one control, whose noise is in both" if answers.shared_control else ""
    return {
        "response_pearson_control": effects("control_shown", "control_scored", one),
        "response_pearson_shared": effects("control_scored", "control_scored"),
        "response_pearson_perturbed": effects("perturbed", "perturbed"),
        "response_pearson_training": effects("unnamed", "unnamed"),
    }


def _weighted(answers: Answers) -> Found:
    keys = ("response_wmse", "response_r2_weighted")
    if answers.known.strength is None:
        return dict.fromkeys(keys, Undefined(NO_CELLS))

    def error(split: Asked, said: Floats) -> Floats:
        return weighted_error(said, split.truth, weights(_strength(split)))

    def r2(split: Asked, said: Floats) -> Floats:
        return weighted_r2(said, split.truth, split.perturbed[split.context], weights(_strength(split)))[0]

    return {"response_wmse": answers.mean(error), "response_r2_weighted": answers.mean(r2)}


def _strength(split: Asked) -> NDArray[np.floating]:
    if split.strength is None:
        raise Undefined(NO_CELLS)
    return split.strength
