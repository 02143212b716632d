"""Which genes are in a set, by a class-balanced ridge on genes of other families: many sets, in closed form.

Members count as much as all negatives together, as scikit-learn's ``class_weight="balanced"`` has it, by the numbers of
the whole sample. One penalty is chosen for all sets at once, for each fold by the error on the others: one for each set
would follow the noise of few genes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.genes.folded import NEXT_TO_NONE, PENALTIES, USUAL, Folded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.metrics.genes.bias import Bias
    from scarena.metrics.genes.matched import Sample

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

PROBES = ("bias", "vectors", "both")
CHOOSING = 64
"""Sets that take part in the choice of a penalty, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a probe reads of a gene: a column of ones, then what is known before any model, then the vector.

    Parameters
    ----------
    bias
        Features of facts.
    x
        Vectors ``[n_genes, d]``, from :func:`~scarena.metrics.probes.linear.axes_of`.
    """

    bias: Bias
    x: Floats

    @property
    def n_bias(self) -> int:
        """Number of features of facts."""
        return self.bias.of_gene.shape[1] + self.bias.of_count.shape[1]

    @property
    def columns(self) -> dict[str, Rows]:
        """Columns of each probe: ``bias``, ``vectors``, and ``both``."""
        n, d = 1 + self.n_bias, self.x.shape[1]
        vectors = np.concatenate([[0], np.arange(n, n + d)])
        return {"bias": np.arange(n), "vectors": vectors, "both": np.arange(n + d)}

    def of(self, sample: Sample) -> Floats:
        """Return the columns of the genes of a set ``[n, 1 + n_bias + d]``."""
        parts = [np.ones((len(sample.rows), 1)), self.bias.of(sample.rows, sample.inside), self.x[sample.rows]]
        return np.concatenate(parts, axis=1)

    def penalties(self, probe: str, of_bias: float, grid: Sequence[float]) -> Floats:
        """Return λ of each column of a probe, for each λ of a grid ``[n_grid, n_columns]``; ones have next to none.

        The grid is of facts in the probe ``bias``; elsewhere it is of vectors, and facts have `of_bias`.
        """
        columns = self.columns[probe]
        of_fact = (columns > 0) & (columns <= self.n_bias)
        steps = np.asarray(grid, np.float64)[:, None]
        return np.where(columns == 0, NEXT_TO_NONE, np.where(of_fact, steps if probe == "bias" else of_bias, steps))


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What probes say of the genes of each set with their fold held out, and the penalties that were chosen.

    Parameters
    ----------
    scores
        By probe, for each set ``[n]`` in the order of its rows.
    penalties
        By probe, of each fold.
    """

    scores: Mapping[str, list[Floats]]
    penalties: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def balanced(sample: Sample, times: Floats | None = None) -> Floats:
    """Return weights ``[n]`` that sum to the genes learned from, half of it on those inside; 0 of the others.

    Parameters
    ----------
    sample
        A set.
    times
        How often each gene of the dataset counts ``[n_genes]``; once where it is not given.
    """
    each = np.where(sample.learned, 1.0 if times is None else times[sample.rows], 0.0)
    counts = np.bincount(sample.inside, weights=each, minlength=2)
    return np.asarray(each * (each.sum() / (2 * np.maximum(counts, 1e-12)))[sample.inside.astype(np.int64)])


def held_out(
    samples: Sequence[Sample], reading: Reading, folds: Rows, probes: Sequence[str] = PROBES
) -> Fitted:  # fmt: skip
    """Return what probes say of genes whose fold they did not learn from.

    Parameters
    ----------
    samples
        The sets.
    reading
        What is read of each gene.
    folds
        Of each gene of the dataset ``[n_genes]``, codes from 0.
    probes
        Of `Reading.columns`; ``both`` takes the penalty of facts from ``bias``.
    """
    chosen = _chosen(samples, reading, folds, probes)
    return Fitted(said_by(samples, reading, folds, chosen), chosen)


def said_by(
    samples: Sequence[Sample], reading: Reading, folds: Rows, chosen: Mapping[str, tuple[float, ...]],
    times: Floats | None = None,
) -> dict[str, list[Floats]]:  # fmt: skip
    """Return what probes with some penalties say of genes whose fold they did not learn from, as `Fitted.scores`.

    Parameters
    ----------
    samples, reading, folds
        As for `held_out`.
    chosen
        By probe, of each fold.
    times
        How often each gene of the dataset is learned from ``[n_genes]``; once where it is not given.
    """
    n_folds = int(folds.max()) + 1
    scores: dict[str, list[Floats]] = {probe: [] for probe in chosen}
    for sample in samples:
        z, sums = _summed(sample, reading, folds, times)
        for probe, penalty in chosen.items():
            said, columns = np.zeros(len(sample.rows)), reading.columns[probe]
            for fold in range(n_folds):
                rows = folds[sample.rows] == fold
                of_bias = chosen.get("bias", (USUAL,) * n_folds)[fold]
                penalties = reading.penalties(probe, of_bias, penalty[fold : fold + 1])
                others = [other for other in range(n_folds) if other != fold]
                said[rows] = z[np.ix_(rows, columns)] @ sums.weights(others, penalties, columns)[0, :, 0]
            scores[probe].append(said)
    return scores


def _summed(
    sample: Sample, reading: Reading, folds: Rows, times: Floats | None = None
) -> tuple[Floats, Folded]:  # fmt: skip
    z = reading.of(sample)
    sums = Folded(int(folds.max()) + 1, z.shape[1])
    sums.add(z, _signs(sample), balanced(sample, times), folds[sample.rows])
    return z, sums


def _signs(sample: Sample) -> Floats:
    return np.where(sample.inside, 1.0, -1.0)[:, None]


def _chosen(
    samples: Sequence[Sample], reading: Reading, folds: Rows, probes: Sequence[str]
) -> dict[str, tuple[float, ...]]:  # fmt: skip
    """Return the penalty of each probe and fold: that of the least error on the folds beside it, over all sets."""
    n_folds = int(folds.max()) + 1
    usual = (USUAL,) * n_folds
    if n_folds < 3:
        return dict.fromkeys(probes, usual)
    spread = np.unique(np.linspace(0, len(samples) - 1, CHOOSING).round().astype(np.int64))
    summed = [(samples[place], *_summed(samples[place], reading, folds)) for place in spread]
    chosen: dict[str, tuple[float, ...]] = {}
    for probe in probes:
        columns = reading.columns[probe]
        errors = np.zeros((n_folds, len(PENALTIES)))
        for one, other in combinations(range(n_folds), 2):
            others = [fold for fold in range(n_folds) if fold not in (one, other)]
            for left_out, asked in ((one, other), (other, one)):
                penalties = reading.penalties(probe, chosen.get("bias", usual)[left_out], PENALTIES)
                for sample, z, sums in summed:
                    weights = sums.weights(others, penalties, columns)[:, :, 0]
                    errors[left_out] += _errors(sample, z, weights, columns, folds[sample.rows] == asked)
        chosen[probe] = tuple(PENALTIES[place] for place in errors.argmin(axis=1))
    return chosen


def _errors(sample: Sample, z: Floats, weights: Floats, columns: Rows, rows: NDArray[np.bool_]) -> Floats:
    """Return the weighted mean squared error of each penalty on some genes ``[n_grid]``; 0 without any."""
    weight = balanced(sample)[rows]
    if not weight.any():
        return np.zeros(len(weights))
    wrong = np.square(z[np.ix_(rows, columns)] @ weights.T - _signs(sample)[rows])
    return np.asarray(weight @ wrong / weight.sum())
