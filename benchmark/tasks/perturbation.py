"""Perturbation: can a model say what a perturbation does that it has not seen, what two do, what one does elsewhere?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from scarena.metrics.info_responses import KEYS, PREFIX
from scarena.tasks.own_task import OwnTask

if TYPE_CHECKING:
    from scarena.datasets.response_truth import Setting
    from scarena.metrics.details import Details
    from scarena.metrics.measured import Measured, Undefined
    from scarena.metrics.scores import Scores
    from scarena.tasks.facts import Facts
    from scarena.tasks.responses import Responses

_DIGITS = 9


class Perturbation(OwnTask["Responses"]):
    """Mean profiles predicted for perturbations that a model has not seen. Subclasses ask about what else is unseen."""

    setting: ClassVar[Setting] = "gene"
    name = "perturbation"
    title = "Perturbation response"
    question = "Can a model say what a perturbation does that it has not seen, better than the control and the mean do?"
    product = "response"
    headline = "response_value"
    controls = ("response-duplicate", "response-no-change", "response-random")
    keys = KEYS["gene"]
    held_out = (
        "Perturbations with all their guides and contexts, never cells; every profile is asked about once. Controls "
        "are divided once: one half is the scorer's, models see the other. Of a perturbation's cells one half is the "
        "truth, the other the replicate experiment that 1 stands for. Genes that are perturbed in any profile of a "
        "split are left out of it. Replicates draw perturbations, the same for all models."
    )
    flaw = (
        "One control in truth and prediction, so that its noise correlates with itself; one negative, so that the "
        "control or the mean of other perturbations scores where it happens not to be that one; undefined correlations "
        "dropped, which raises a mean; genes chosen by the truth that is scored; no replicate beside the scores, and "
        "no word of profiles that a model does not predict."
    )

    def unanswerable(self, facts: Facts) -> str:
        """Return why it cannot be asked."""
        if "response" not in facts.targets:
            return "the dataset does not say what perturbations do"
        if self.setting not in facts.targets:
            return f"the dataset asks about no unseen {self.setting}"
        return "" if facts.targets & {"fold", "published"} else "the dataset holds no profile out"

    def score(self, given: Responses) -> Scores:
        """Return the scores of one run, on one thread, which makes the last bits of a sum the same everywhere."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            scores = super().score(given)
            known = any(score.state == "ok" for score in scores.values())
            return replace(scores, details=_details(given)) if known else scores

    def measured(self, given: Responses) -> Mapping[str, Measured | Undefined]:
        """Return how far predictions are from what was observed."""
        from scarena.metrics.responses.scored import scored

        prefix = PREFIX[self.setting]
        return {f"{prefix}{key}": each for key, each in scored(given.answers).items()}


class PerturbationPair(Perturbation):
    """The same of two perturbations together, of which a model may have seen each alone."""

    setting = "pair"
    name = "perturbation-pair"
    title = "Perturbation response, pairs"
    question = "Can a model say what two perturbations do together, better than the control and the mean do?"
    headline = "pair_response_value"
    keys = KEYS["pair"]
    held_out = "Pairs of perturbations; single ones are learned from. Otherwise as in `perturbation`."
    flaw = (
        "As in `perturbation`. Models are compared on pairs that each of them can answer, so that the additive model, "
        "which needs both single ones, is scored on easier pairs than others."
    )


class PerturbationContext(Perturbation):
    """The same of contexts: what is known of a perturbation elsewhere is to be said of cells of another kind."""

    setting = "context"
    name = "perturbation-context"
    title = "Perturbation response, contexts"
    question = "Can a model say what a perturbation does in cells of another type, donor or line?"
    headline = "context_response_value"
    keys = KEYS["context"]
    held_out = "Whole contexts, but for their control, which is given. Otherwise as in `perturbation`."
    flaw = (
        "As in `perturbation`. The mean of treated cells of other contexts stands for the simplest answer; the control "
        "of the context plus the mean effect elsewhere, which is simpler still, is better and mostly left out."
    )


def _details(given: Responses) -> Details | None:
    """Return what each profile has; nothing of a dataset with more than 10,000."""
    import numpy as np

    from scarena.metrics.details import MAX_PROFILES, OF_PROFILE, Details, ProfileScores
    from scarena.tasks.responses import BETWEEN

    table = given.per_profile
    if len(table) > MAX_PROFILES:
        return None
    numbers = np.round(table[list(OF_PROFILE)].to_numpy(np.float64), _DIGITS).astype(np.float32)
    names = tuple(f"{split}{BETWEEN}{profile}" for split, profile in zip(table["split"], table.index, strict=True))
    return Details((), (), profiles=ProfileScores(names, numbers))
