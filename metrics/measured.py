"""What a metric returns: a number, what it would have been in each bootstrap replicate, and a note for the reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Undefined(Exception):
    """The metric has no answer on these cells, whatever the embedding; the message is the reason on the board."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric's value.

    Parameters
    ----------
    value
        The score on all cells.
    replicates
        The score in each bootstrap replicate ``[n_replicates]``; ``None`` where no resampling was asked for, or where
        the metric describes the dataset and has no sampling error worth stating.
    note
        What the reader of the number has to know.
    """

    value: float
    replicates: NDArray[np.float64] | None = None
    note: str = ""
