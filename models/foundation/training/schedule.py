"""The learning rate as a share of its peak: warm-up, stable, decay."""

from __future__ import annotations


def share_of_peak(progress: float, warm_up: float, decay: float) -> float:
    """Return the rate at some point of the budget: a linear rise, a plateau, a linear fall to zero.

    Parameters
    ----------
    progress
        Part of the budget that is spent, 0 to 1; beyond 1 the rate stays zero.
    warm_up, decay
        Parts of the budget for the rise and the fall, together at most 1.

    Returns
    -------
    0 to 1.
    """
    rise = progress / warm_up if warm_up else 1.0
    fall = (1 - progress) / decay if decay else 1.0
    return max(0.0, min(rise, fall, 1.0))


def progress_of_step(step: int, steps: int) -> float:
    """Return the part of the budget spent at the middle of a step, so that neither the first nor the last rate is zero.

    >>> progress_of_step(0, 2), progress_of_step(1, 2)
    (0.25, 0.75)
    """
    return (step + 0.5) / steps
