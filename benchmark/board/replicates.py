"""Scores with their bootstrap replicates, combined over seeds and datasets: arrays in, arrays out.

A replicate is centred on its score. Column r of all models on one dataset comes from the same draws of cells, and stays
column r here, so that differences are paired.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scarena.board.uncertainty import Floats

Kind = Literal["cells", "seeds"]


@dataclass(frozen=True, slots=True)
class Sample:
    """A score with what it would have been otherwise.

    Parameters
    ----------
    value
        The score: a mean over seeds, and over datasets after :func:`mean_of`.
    cells
        The score with other cells and another seed ``[n_replicates]``; ``None`` where a part has no replicates.
    seeds
        The score with another seed alone ``[n_replicates]``; ``None`` where a part has one seed.
    """

    value: float
    cells: Floats | None = None
    seeds: Floats | None = None


def generator(*names: str) -> np.random.Generator:
    """Return a generator that depends on the names alone, so that no order of models or datasets changes a draw."""
    return np.random.default_rng(list(hashlib.sha256("\0".join(names).encode()).digest()))


def seed_draws(n_seeds: int, n_replicates: int, *names: str) -> NDArray[np.intp]:
    """Return which seed each replicate takes ``[n_replicates]``: drawn at random, each seed equally often.

    One seed a replicate, not a mean of as many as there are: with two seeds that has the variance of their mean, and
    with three to five, where a bootstrap of so few is too narrow, it covers more of what it should.
    """
    return generator(*names).permutation(np.arange(n_replicates) % n_seeds)


def combine_seeds(values: ArrayLike, replicates: ArrayLike | None, draws: NDArray[np.intp]) -> Sample:
    """Return one model's score on one dataset, over its seeds.

    Parameters
    ----------
    values
        Scores ``[n_seeds]``, at least one.
    replicates
        Replicates over cells ``[n_seeds, n_replicates]``, or ``None`` where a seed has none.
    draws
        Of :func:`seed_draws`.
    """
    x = np.asarray(values, dtype=np.float64)
    value = fmean(x.tolist())
    seeds = x[draws] if len(x) > 1 else None
    if replicates is None:
        return Sample(value, None, seeds)
    rows = np.asarray(replicates, dtype=np.float64)
    centred = rows - rows.mean(axis=1, keepdims=True) + x[:, None]
    return Sample(value, centred[draws, np.arange(len(draws))], seeds)


def mean_of(parts: Sequence[Sample]) -> Sample:
    """Return the mean of scores on several datasets; a kind of replicates that one of them lacks is lost."""
    value = fmean(part.value for part in parts)
    cells = [part.cells for part in parts if part.cells is not None]
    seeds = [part.seeds for part in parts if part.seeds is not None]
    return Sample(value, _mean_if_all(cells, len(parts)), _mean_if_all(seeds, len(parts)))


def _mean_if_all(arrays: list[Floats], wanted: int) -> Floats | None:
    return np.mean(arrays, axis=0) if arrays and len(arrays) == wanted else None


def shared(samples: Sequence[Sample]) -> tuple[Kind | None, Floats | None]:
    """Return the best kind of replicates that all samples have, with their array ``[n_samples, n_replicates]``.

    One kind for all: a score whose interval leaves out the cells would win every comparison with one that does not.
    """
    cells = [sample.cells for sample in samples if sample.cells is not None]
    if cells and len(cells) == len(samples):
        return "cells", np.stack(cells)
    seeds = [sample.seeds for sample in samples if sample.seeds is not None]
    if seeds and len(seeds) == len(samples):
        return "seeds", np.stack(seeds)
    return None, None
