"""The marks of the figure of a ranking: where a value lies between a column's worst and best, and how it is printed.

Functions of numbers; they know neither boards nor drawing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

# Columns in which all models are as good as equal would else show noise from white to dark.
_LEAST_SPAN, _LEAST_FOLD = 0.05, 1.25


@dataclass(frozen=True, slots=True)
class Mark:
    """One value of the figure.

    Parameters
    ----------
    text
        What is printed: the value, or why there is none.
    share
        Where it lies between the column's worst (0) and best (1) model, cut to these; None where there is no value.
    partial
        Whether it is a mean over part of the datasets or seeds.
    """

    text: str
    share: float | None
    partial: bool = False


# A value and whether it is partial; or the word for why there is none.
Value = tuple[float, bool] | str


def marks_of(
    values: list[Value], cards: list[Json], text: Callable[[float], str], *, lower: bool = False, fold: bool = False
) -> list[Mark]:
    """Return the marks of a column; `fold` for values that differ by factors."""

    def place(value: float) -> float:
        return math.log(max(value, 1e-9)) if fold else value

    known = [(place(v[0]), v[1], card) for v, card in zip(values, cards, strict=True) if not isinstance(v, str)]
    # Noise and labels lie outside of what models reach, means over other datasets perhaps too: they would take the
    # contrast from the rest.
    scale = [x for x, partial, card in known if card["family"] != "control" and not partial]
    scale = scale or [x for x, _, _ in known]
    least = math.log(_LEAST_FOLD) if fold else _LEAST_SPAN
    shares = _shares(scale, least)
    found = []
    for value in values:
        if isinstance(value, str):
            found.append(Mark(value, None))
        else:
            share = shares(place(value[0]))
            found.append(Mark(text(value[0]), 1 - share if lower else share, value[1]))
    return found


def _shares(scale: list[float], least: float) -> Callable[[float], float]:
    """Return the function from a value to its place between the lowest and the highest, cut to 0 and 1."""
    if not scale:
        return lambda value: 0.0
    middle, half = (min(scale) + max(scale)) / 2, max(max(scale) - min(scale), least) / 2
    return lambda value: min(1.0, max(0.0, (value - middle + half) / (2 * half)))


Limits = tuple[float, float]
"""The ends of an axis."""


def limits_of(lowest: float, highest: float, values: list[float]) -> Limits:
    """Return the ends of an axis for a metric of this range: 0 to 1 where it has these, else what the values need.

    Examples
    --------
    >>> limits_of(0.0, 1.0, [0.4]), limits_of(-math.inf, 1.0, [-0.83, 0.06]), limits_of(-1.0, 1.0, [])
    ((0.0, 1.0), (-0.9, 0.1), (0.0, 1.0))
    """
    if not values or (lowest >= 0 and highest <= 1):
        return 0.0, 1.0
    low, high = min(0.0, *values), max(0.0, *values)
    step = 10.0 ** math.floor(math.log10(max(high - low, 1e-3)))
    return _out(low, step, math.floor), _out(high, step, math.ceil)


def _out(value: float, step: float, rounded: Callable[[float], int]) -> float:
    return round(rounded(round(value / step, 6)) * step, 6) + 0.0


def unit(value: float) -> str:
    """Return a score of the order of 1 in at most four characters.

    Examples
    --------
    >>> unit(0.684), unit(1.0), unit(-0.07), unit(-0.004), unit(-1.84)
    ('.68', '1.0', '−.07', '.00', '−1.8')
    """
    if abs(value) >= 1.005:
        return f"{value:.1f}".replace("-", "−")
    text = f"{abs(value):.2f}"
    text = "1.0" if text == "1.00" else text.removeprefix("0")
    return f"−{text}" if value <= -0.005 else text


def short(value: float) -> str:
    """Return a number of any size in at most four characters.

    Examples
    --------
    >>> short(0.013), short(0.134), short(5.03), short(57.1), short(999.6), short(123456)
    ('.01', '.13', '5.0', '57', '1.0k', '123k')
    """
    for most, factor, unit in ((999.5, 1, ""), (999_500, 1e3, "k"), (math.inf, 1e6, "M")):
        if value < most:
            scaled = value / factor
            if scaled < 0.995:
                return f"{scaled:.2f}".removeprefix("0") if scaled >= 0.005 else "<.01"
            return (f"{scaled:.1f}" if scaled < 9.95 else f"{scaled:.0f}") + unit
    raise ValueError(f"{value} is not finite")
