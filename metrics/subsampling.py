"""Some of many cells (or genes), drawn without replacement, where a metric cannot look at all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def subsample(n: int, most: int, seed: int | np.random.Generator) -> NDArray[np.int64]:
    """Return ``most`` of the numbers 0 … n − 1, ascending; all of them, and nothing is drawn, where there are no more.

    Parameters
    ----------
    n
        Of how many is drawn.
    most
        How many at most.
    seed
        Of the draw, or the generator that draws.
    """
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False))


def subsample_note(n_taken: int, n: int, seed: int) -> str:
    """Return what the reader of a score on ``n_taken`` of ``n`` cells has to know, "" where these are all."""
    return f"{n_taken} of {n} cells, drawn with seed {seed}" if n_taken < n else ""
