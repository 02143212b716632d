"""One score of the board: a number, or the reason why there is none. It knows no metric and no aggregation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scarena.metrics.details import Details

OK = "ok"
NOT_APPLICABLE = "not applicable"
FAILED = "failed"
DIGITS = 9
STATES = (OK, NOT_APPLICABLE, FAILED)


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's value with its state.

    Parameters
    ----------
    value
        The score, finite; ``None`` exactly when the state is not ``ok``, because missing is not zero.
    state
        ``ok``, ``not applicable`` (the dataset cannot answer the question) or ``failed`` (the metric broke).
    reason
        Why there is no value. Beside a value it is a note that the reader of the number needs.
    low, high
        Ends of the 95 % interval, where one was computed.

    Raises
    ------
    ValueError
        For an unknown state, a value in a state without one, or a value that is not finite. Use
        :meth:`of` for a number that may be NaN.

    Examples
    --------
    >>> Score.of(0.5).state, Score.of(float("nan")).state
    ('ok', 'failed')
    """

    value: float | None
    state: str = OK
    reason: str = ""
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"score state {self.state!r} is none of {', '.join(STATES)}")
        if (self.value is not None) != (self.state == OK):
            raise ValueError(f"a score in state {self.state!r} cannot have the value {self.value!r}")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"the score {self.value!r} is not finite; Score.of turns it into a failure")

    @classmethod
    def of(cls, value: float, note: str = "") -> Score:
        """Return ``value`` as a score; NaN and infinity become ``failed``, never a number."""
        # The last bits of a sum depend on memory alignment and threads, and two runs must write the same bytes.
        number = round(float(value), DIGITS)
        if not math.isfinite(number):
            return cls.failed(f"the metric returned {number}" + (f" ({note})" if note else ""))
        return cls(number, OK, note)

    @classmethod
    def not_applicable(cls, reason: str) -> Score:
        """Return the score of a question that this dataset cannot answer."""
        return cls(None, NOT_APPLICABLE, reason)

    @classmethod
    def failed(cls, reason: str) -> Score:
        """Return the score of a metric that broke, with one line that says how."""
        return cls(None, FAILED, " ".join(reason.split()))


@dataclass(frozen=True, slots=True, eq=False)  # equal as any two mappings of equal scores
class Scores(Mapping[str, Score]):
    """All scores of one embedding, by key in the order of the board.

    Parameters
    ----------
    by_key
        The scores.
    replicates
        What a score would have been in each bootstrap replicate ``[n_replicates]``, for those that have an interval.
    details
        Which types were taken for which and how they lie, as far as metrics that were asked for found out.
    unlabelled
        Cells that were left out since they have no label.
    """

    by_key: Mapping[str, Score]
    replicates: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    details: Details | None = None
    unlabelled: int = 0

    def __getitem__(self, key: str) -> Score:
        """Return the score of a metric."""
        return self.by_key[key]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys."""
        return iter(self.by_key)

    def __len__(self) -> int:
        """Return the number of scores."""
        return len(self.by_key)
