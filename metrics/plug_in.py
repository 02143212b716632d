"""A metric of another package: what it is, and the function that computes it from what all metrics share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scarena.metrics.info import MetricInfo

if TYPE_CHECKING:
    from scarena.metrics.inputs import Inputs
    from scarena.metrics.measured import Measured, Undefined


@dataclass(frozen=True, slots=True)
class Metric:
    """What an entry point of the group ``scarena.metrics`` names. It joins every board and no aggregate.

    Parameters
    ----------
    info
        One description a key.
    compute
        From an embedding with its annotation to every key of `info`. It raises
        :class:`~scarena.metrics.measured.Undefined` where the dataset cannot answer; anything else it raises is the
        state ``failed`` of its keys and of no other.
    """

    info: tuple[MetricInfo, ...]
    compute: Callable[[Inputs], Mapping[str, Measured | Undefined]]
