"""What the board says of predicted responses to perturbations."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from scarena.metrics.info import OWN, Direction, MetricInfo

_MEJIA = "Mejia et al. 2025, arXiv 2506.22641"
_SPE = "scperteval 0.2.0, doi 10.64898/2026.07.23.740433"
_CELL_EVAL = "cell-eval 0.8.2 (Arc Institute)"
_GEARS = "GEARS, Roohani et al. 2024, doi 10.1038/s41587-023-01905-6"
_SYSTEMA = "Systema, Viñas Torné et al. 2025, doi 10.1038/s41587-025-02777-8"
_SUMS = "a sum over profiles and genes"
_GRAM = "a product of predictions and truths in each split and context"
_KNOWS = "It is about the dataset and no score of a model"
_TWO = (
    "the better of two answers without information, the control's mean and what training says of an unnamed "
    "perturbation"
)


def _info(
    key: str, title: str, low: float, high: float, better: Direction, definition: str, failure: str, source: str = OWN,
    cost: str = _SUMS,
) -> MetricInfo:  # fmt: skip
    return MetricInfo(f"response_{key}", title, "task", low, high, better, definition, failure, source, cost, "target")


def _correlation(key: str, title: str, definition: str, failure: str, source: str = OWN) -> MetricInfo:
    told = f"{definition}; mean over profiles, an undefined correlation counting as 0"
    return _info(key, title, -1.0, 1.0, "higher", told, failure, source)


_OF_GENES = (
    _info(
        "value", "Response value", -inf, inf, "higher",
        "(E⁻ − E) / (E⁻ − E⁺), E the mean squared error over genes but perturbed ones, mean over held-out profiles; E⁻ "
        f"that of {_TWO}, E⁺ that of the other half of the cells, 0 without cells. 0 knows nothing, 1 is a replicate "
        "experiment; not clipped",
        "Large effects weigh most; without cells the noise of the truth is in it, and 1 cannot be reached",
        f"after {_SPE}; two negatives"),
    _info(
        "value_reproducible", "Response value, reproducible", -inf, inf, "higher",
        "The response value of profiles whose effect correlates above .5 in two halves of the cells",
        "Few profiles in many datasets"),
    _info(
        "value_covered", "Response value, predicted profiles", -inf, inf, "higher",
        "The response value of the profiles that the model says something of",
        "Every model has its own profiles: no comparison where coverage differs"),
    _info(
        "nir", "Response retrieval", 0.0, 1.0, "higher",
        "Share of the other held-out profiles of the same split and context whose truth lies farther from the "
        "prediction than its own truth, ties half, mean over profiles; .5 is chance exactly",
        "Says nothing of size, and little of a profile without an effect; a few candidates are easily told apart",
        f"Normalised inverse rank of {_SPE}; ties and candidates of this package", _GRAM),
    _info(
        "nir_reproducible", "Response retrieval, reproducible", 0.0, 1.0, "higher",
        "The same of profiles whose effect correlates above .5 in two halves of the cells, among all candidates",
        "Few profiles in many datasets", OWN, _GRAM),
    _info(
        "pds", "Perturbation discrimination", 0.0, 1.0, "higher",
        "1 − rank / n of a profile's truth among the n of its split and context, by distance from the prediction (sum "
        "of absolute differences of effects, each from its own control); as published, but for genes left out",
        "Chance is .5 + 1 / 2n, so that it falls as n grows; the order of rows decides ties", _CELL_EVAL,
        "all pairs of predictions and truths in each split and context"),
    _correlation(
        "pearson_control", "Response correlation",
        "Pearson correlation over genes of predicted and observed effect, from two halves of the control",
        "The mean of other perturbations scores where all of them shift alike: read response_systematic"),
    _correlation(
        "pearson_shared", "Response correlation, one control",
        "The same with the scorer's control in both, as published",
        "The control's noise is in both effects, so that predicting no change scores", _GEARS),
    _correlation(
        "pearson_perturbed", "Response correlation, from perturbed",
        "The same from the mean of all perturbations of the context",
        "Predicting the control scores where most perturbations do nothing", _SYSTEMA),
    _correlation(
        "pearson_training", "Response correlation, from training",
        "The same from what training says of an unnamed perturbation",
        "A constant offset of training from held-out profiles counts as an effect"),
    _info(
        "wmse", "Response weighted error", 0.0, inf, "lower",
        "Σ w (x̂ − x)² over genes, w adding up to 1 and growing with (|t| brought to 0 … 1)², t of the other half of "
        "the cells against all other perturbations; mean over profiles",
        "Weighs a few genes alone in a profile of strong effect", f"{_MEJIA}; halves of the cells"),
    _info(
        "r2_weighted", "Response weighted R²", -inf, 1.0, "higher",
        "1 − Σ w (x̂ − x)² / Σ w (Δ − mean Δ)², Δ the observed effect from the mean of the context's perturbations, w "
        "as for response_wmse; mean over profiles, one without spread counting as 0",
        "A profile of small effect can lower the mean without bound", f"{_MEJIA}; halves of the cells"),
    _info(
        "mse", "Response error", 0.0, inf, "lower",
        "Mean squared error over genes but perturbed ones, mean over profiles",
        "Has no unit that compares datasets: read response_value"),
    _info(
        "rescaled", "Response value, what another scale adds", -inf, inf, "none",
        "Best response value of the predicted effects × .5 and × 2, minus the response value",
        "Above .02 the score is about the size of effects, not about which they are"),
    _info(
        "nir_rescaled", "Response retrieval, what another scale adds", -1.0, 1.0, "none",
        "The same of response_nir", "As for response_rescaled", OWN, _GRAM),
    *(
        _info(
            f"reveal_{k}", f"Response value, {k} revealed", -inf, inf, "higher",
            f"The response value after learning from {k} perturbations ({k} profiles of the held-out context where "
            "contexts are held out), of a fixed set of others; the control's mean alone is the zero",
            "One drawn order of perturbations")
        for k in (0, 5, 10, 20)
    ),
    _info(
        "reveal_gain", "Response value, gain by revealing", -inf, inf, "none",
        "The last point of the learning curve minus the first",
        "A model that starts well has less to gain"),
    _info(
        "coverage", "Response coverage", 0.0, 1.0, "none",
        "Share of the values asked for, profiles times genes, that the model predicts; of others the better negative "
        "stands in",
        "A model may say something of every profile and know nothing"),
    _info(
        "systematic", "Systematic variation", -1.0, 1.0, "none",
        "Median correlation of the effects of two perturbations in one context, by genes that none perturbs",
        f"{_KNOWS}; the noise of the control, which all effects share, is in it", _SYSTEMA,
        "a product of all profiles of a context"),
    _info(
        "drf", "Dynamic range of the error", -1.0, 1.0, "none",
        "Median over profiles of (E⁻ − E⁺) / E⁻, clipped to [−1, 1]: what share of the way to a perfect prediction a "
        "replicate experiment goes", _KNOWS, _SPE),
    _info(
        "bds", "Replicates that beat the negative", 0.0, 1.0, "none",
        "Share of profiles of which a replicate experiment has a smaller error than the negative", _KNOWS, _SPE),
    _info(
        "nir_duplicate", "Retrieval by a replicate", 0.0, 1.0, "none",
        "The response retrieval of a replicate experiment", _KNOWS, OWN, _GRAM),
    _info(
        "value_interpolated", "Response value of a shrunk replicate", -inf, inf, "none",
        "The response value of a replicate that is, gene by gene, the mean of other perturbations where it does not "
        "differ from them (by 1 − its adjusted p)", _KNOWS, _SPE),
)  # fmt: skip
PREFIX = {"gene": "", "pair": "pair_", "context": "context_"}
"""Before the keys of each setting: what is unseen. Models answer one and not another, and are ranked in each apart."""
_SAID = {"gene": "", "pair": "Unseen pair: ", "context": "Unseen context: "}


def _of(setting: str) -> tuple[MetricInfo, ...]:
    """Return the metrics of one setting: the same definitions under keys and titles of their own."""
    said = _SAID[setting]
    return tuple(
        replace(info, key=f"{PREFIX[setting]}{info.key}", title=f"{said}{info.title[0].lower()}{info.title[1:]}")
        if said else info
        for info in _OF_GENES
    )  # fmt: skip


INFO = tuple(info for setting in PREFIX for info in _of(setting))
KEYS = {setting: tuple(info.key for info in _of(setting)) for setting in PREFIX}
"""By setting."""
