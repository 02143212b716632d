"""What one model predicted for a dataset, with what several scores are made from.

Where a model says nothing of a profile or a gene the better of the two negatives stands in: it adds no information, and
coverage says so.

Shapes: A profiles of all folds in a row, K genes kept in a split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.responses.draws import mean_of
from scarena.metrics.responses.retrieval import by_context, inverse_rank
from scarena.metrics.responses.value import Errors, errors_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scarena.metrics.responses.asked import Asked, Known

    Floats = NDArray[np.float64]

Found = dict[str, Measured | Undefined]
NO_CELLS = "no cells are at hand, so there is no second half of any"


@dataclass(frozen=True, eq=False)  # what scores share is kept on it
class Answers:
    """What one model predicted for a dataset.

    Parameters
    ----------
    known
        The dataset.
    splits
        Folds, one or more: every profile is asked about in one of them.
    reveal
        By how many are learned from, the splits of the learning curve.
    shared_control
        Whether scorer and models have one control.
    """

    known: Known
    splits: Sequence[Asked]
    reveal: Mapping[int, Sequence[Asked]] = field(default_factory=dict)
    shared_control: bool = False

    @cached_property
    def errors(self) -> Errors:
        """Squared errors of each profile."""
        return errors_of(self.splits)

    @cached_property
    def inverse_ranks(self) -> Floats:
        """`inverse_rank` of each profile ``[A]``, NaN where it is alone."""
        return self.each(lambda split, said: by_context(split, said, inverse_rank))

    def each(self, score: Callable[[Asked, Floats], Floats], scale: float = 1.0) -> Floats:
        """Return a score of each profile ``[A]``, from each split and what was said of it, gaps filled."""
        return np.concatenate([score(split, split.filled(self.errors.better, scale)) for split in self.splits])

    def mean(self, score: Callable[[Asked, Floats], Floats], note: str = "") -> Measured | Undefined:
        """Return the mean over profiles of a score of each."""
        return mean_of(self.each(score), self.errors.perturbation, note)
