"""The product `response`: what one model predicts that perturbations do, beside what they did."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scarena.tasks.facts import Facts

if TYPE_CHECKING:
    from scarena.datasets.response_truth import ResponseTruth, Split
    from scarena.tasks.product import Product

BETWEEN = " | "
"""Between the name of a split and that of a profile, in the rows of what a model predicted."""


def row_names(splits: tuple[Split, ...]) -> list[str]:
    """Return the names of all rows that a model is asked for: one a split and profile, in their order."""
    return [f"{split.name}{BETWEEN}{profile}" for split in splits for profile in split.asked]


@dataclass(frozen=True, eq=False)  # what tasks share is kept on it
class Responses:
    """What a task on perturbations is given.

    Parameters
    ----------
    predicted
        float32 [n_rows, G] in the order of `row_names` of the splits of `truth`; NaN where the model says nothing.
    truth
        The dataset.
    seed
        Of everything that draws.
    """

    product: ClassVar[Product] = "response"

    predicted: np.ndarray
    truth: ResponseTruth
    seed: int

    @cached_property
    def facts(self) -> Facts:
        """What decides which tasks the dataset can answer."""
        truth = self.truth
        kinds = {split.kind for split in truth.splits}
        n_perturbations = truth.profiles["perturbation"].nunique()
        return Facts(len(truth.profiles), n_perturbations, len(truth.contexts), targets=truth.targets | kinds)

    @cached_property
    def by_split(self) -> dict[str, np.ndarray]:
        """Predictions of each split, by its name, float32 [asked, G]."""
        ends = np.cumsum([len(split.asked) for split in self.truth.splits])[:-1]
        return dict(zip((s.name for s in self.truth.splits), np.split(self.predicted, ends), strict=True))
