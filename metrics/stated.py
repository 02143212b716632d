"""From what was measured to scores with their states: what goes wrong is a state of its keys, and of no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.checks import one_line
from scarena.metrics.measured import Measured, Undefined
from scarena.metrics.registry import METRICS
from scarena.metrics.resampling import interval
from scarena.metrics.scores import DIGITS, Score

if TYPE_CHECKING:
    from numpy.typing import NDArray

Found = Mapping[str, Measured | Undefined]


def stated(
    keys: Sequence[str], compute: Callable[[], Found], reasons: Mapping[str, str]
) -> tuple[dict[str, Score], dict[str, NDArray[np.float64]]]:
    """Return the scores of some keys that are computed together, and the replicates behind them.

    Parameters
    ----------
    keys
        What to state; each has a score in the end.
    compute
        Gives all of them, or raises :class:`Undefined` where none has an answer.
    reasons
        Keys that the dataset cannot answer; nothing is computed where that is all of them.
    """
    given = {key: Score.not_applicable(reasons[key]) for key in keys if key in reasons}
    if len(given) == len(keys):
        return given, {}
    try:
        found = compute()
    except Undefined as why:
        return {**dict.fromkeys(keys, Score.not_applicable(str(why))), **given}, {}
    except MemoryError:
        raise  # the machine's failure, not the metric's: the step reports it as out of memory
    # numba, LAPACK and igraph raise what they like, and one metric's failure is a state of the board, not its end.
    except Exception as error:  # noqa: BLE001
        return {**dict.fromkeys(keys, Score.failed(one_line(error))), **given}, {}
    measured = {key: found[key] for key in keys if key not in given}
    drawn = {
        key: each.replicates
        for key, each in measured.items()
        if isinstance(each, Measured) and each.replicates is not None and np.isfinite(each.replicates).all()
    }
    return {**{key: _score(key, each, drawn) for key, each in measured.items()}, **given}, drawn


def _score(key: str, found: Measured | Undefined, replicates: Mapping[str, NDArray[np.float64]]) -> Score:
    if isinstance(found, Undefined):
        return Score.not_applicable(str(found))
    return with_interval(key, Score.of(found.value, found.note), replicates)


def with_interval(key: str, score: Score, replicates: Mapping[str, NDArray[np.float64]]) -> Score:
    """Return a score with the ends of its interval, where there are replicates of it."""
    if score.value is None or key not in replicates:
        return score
    info = METRICS[key]
    low, high = interval(score.value, replicates[key], info.low, info.high)
    return Score(score.value, score.state, score.reason, round(low, DIGITS), round(high, DIGITS))
