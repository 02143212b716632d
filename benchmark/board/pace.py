"""How long a model would take on other data: start-up, and a rate, fitted to its runs over datasets of other sizes.

The seconds of a run are start-up + fixed + work · rate. What a model's work is, it says itself (`Model.work`): the
values of the matrix, or passes over the cells where there are more of them the fewer cells there are. Start-up is
measured; the other two are fitted to the seconds of embedding, every dataset by its relative error.

Nothing is guessed: without runs on two datasets of which one is twice the work of the other, or of a model that is not
known here, there is no pace.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from scarena.board.costs import TimedRun, by_model, seconds_by_dataset, timed_runs

Json = dict[str, Any]
# From numbers of cells and genes to what the time of embedding grows with.
Work = Callable[[int, int], float]

_SPAN = 2.0
# A rate that makes less of the longest run than this share of what is fixed is no more than what runs differ by.
_TOLD = 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """What a model takes by the size of the data.

    Parameters
    ----------
    startup_s
        Seconds before and after embedding, median over its runs.
    fixed_s
        Seconds of embedding that do not grow with the data, as the imports that a model does only then.
    s_per_work
        Seconds for a unit of work; 0 where the runs do not show that more data took longer.
    work
        The model's own rule.
    largest
        Most work of a run that was measured.
    genes
        Median number of genes of the datasets, for whoever does not say.
    n_datasets
        How many it was fitted to.
    """

    startup_s: float
    fixed_s: float
    s_per_work: float
    work: Work
    largest: float
    genes: int
    n_datasets: int

    def seconds(self, cells: float, genes: int | None = None) -> float | None:
        """Return the seconds of a run; None beyond what was measured where no rate could be told from start-up."""
        work = self.work(round(cells), self.genes if genes is None else genes)
        if not self.s_per_work and work > self.largest:
            return None
        return self.startup_s + self.fixed_s + self.s_per_work * work

    def beyond(self, cells: float, genes: int | None = None) -> bool:
        """Return whether so much data is more work than any run that was measured."""
        return self.work(round(cells), self.genes if genes is None else genes) > self.largest

    def __rtruediv__(self, cells: float) -> float:
        """Return cells / pace: the seconds for so many cells, as of a constant speed; NaN where they are not known."""
        found = self.seconds(cells)
        return math.nan if found is None else found


def paces(board: Json) -> dict[str, Pace]:
    """Return the pace of each model of a board that has one, by name."""
    return {model: pace for model, runs in _by_model(board).items() if (pace := _pace(model, runs)) is not None}


def left_out_errors(board: Json) -> dict[str, dict[str, float]]:
    """Return, by model and dataset, how far off a run there is predicted from the model's other datasets.

    As a factor: 2 where it took twice as long or half as long. A dataset without which there is no pace has none.
    """
    found: dict[str, dict[str, float]] = {}
    for model, runs in _by_model(board).items():
        for dataset, took in seconds_by_dataset(runs).items():
            pace = _pace(model, [run for run in runs if run.dataset != dataset])
            one = next(run for run in runs if run.dataset == dataset)
            said = None if pace is None else pace.seconds(one.cells, one.genes)
            if said and took:
                found.setdefault(model, {})[dataset] = max(said / took, took / said)
    return found


def _by_model(board: Json) -> dict[str, list[TimedRun]]:
    return by_model(run for run in timed_runs(board) if run.genes is not None)


def rule_of(model: str) -> Work | None:
    """Return what a model says that its time grows with; None of one that is not known here."""
    from scarena.models.registry import all_models

    known = all_models().get(model.partition("@")[0])
    return None if known is None else known.work


def _pace(model: str, runs: Sequence[TimedRun]) -> Pace | None:
    rule = rule_of(model)
    size = {run.dataset: (run.cells, run.genes or 0) for run in runs}
    if rule is None or len(size) < 2:
        return None
    work = [rule(*size[dataset]) for dataset in size]
    if min(work) <= 0 or max(work) < _SPAN * min(work):
        return None
    took = seconds_by_dataset(list(runs), lambda run: run.embed_s)
    fixed, rate = fitted(work, [took[dataset] for dataset in size])
    rate = rate if rate * max(work) >= _TOLD * fixed else 0.0
    genes = round(median(genes for _, genes in size.values()))
    return Pace(median(run.startup_s for run in runs), fixed, rate, rule, max(work), genes, len(size))


def fitted(work: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """Return the a and b, neither below 0, for which a + b · work is nearest to the seconds by relative error.

    That is the least sum of squares of log(seconds / (a + b · work)): a small dataset counts as much as a large one.

    >>> a, b = fitted([100, 1000, 10_000], [2.1, 3.0, 12.0])
    >>> round(a, 3), round(b, 6)
    (2.0, 0.001)
    """
    from scipy.optimize import minimize_scalar

    w, y = np.asarray(work, float) / np.median(work), np.asarray(seconds, float)

    def scale(share: float) -> tuple[float, float]:
        """Return the factor of (1 − share) + share · w that fits best, and how badly it does."""
        apart = np.log(y / ((1 - share) + share * w))
        return float(np.exp(apart.mean())), float(((apart - apart.mean()) ** 2).sum())

    # The share of the rate lies anywhere between a millionth and one; the two ends are nothing but start-up or rate.
    grid = np.concatenate([[0.0], 1 / (1 + np.logspace(6, -6, 121)), [1.0]])
    best = int(np.argmin([scale(share)[1] for share in grid]))
    share = float(grid[best])
    if 0 < best < len(grid) - 1:
        ends = np.log(grid[best - 1 : best + 2 : 2].clip(1e-9, 1 - 1e-9))
        found = minimize_scalar(lambda log: scale(math.exp(log))[1], bounds=tuple(ends), method="bounded",
                                options={"xatol": 1e-10})  # fmt: skip
        share = math.exp(found.x) if found.fun < scale(share)[1] else share
    factor = scale(share)[0]
    return factor * (1 - share), factor * share / float(np.median(work))
