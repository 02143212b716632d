"""Some hundred genes stated to be in a class or not: cross-validation, repeated, since one split says little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.genes.area import Drawn, area
from scarena.metrics.genes.family import family_folds
from scarena.metrics.genes.matched import Sample
from scarena.metrics.genes.sets import held_out, said_by
from scarena.metrics.measured import Undefined

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from scarena.metrics.genes.sets import Reading

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

REPEATS = 20
IN_A_REPLICATE = 2
"""Repeats of a replicate."""
ENOUGH = 10
"""Genes inside, and as many outside, below which a class is not asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Stated:
    """One class: genes said to be in it and genes said not to be ``[n]``."""

    rows: Rows
    inside: NDArray[np.bool_]

    @classmethod
    def of(cls, inside: Rows, outside: Rows) -> Stated:
        """Return the class of some genes against others.

        Raises
        ------
        Undefined
            If either has too few.
        """
        if min(len(inside), len(outside)) < ENOUGH:
            raise Undefined(
                f"{len(inside)} genes in the class and {len(outside)} out of it: {ENOUGH} of each are needed"
            )
        rows = np.concatenate([inside, outside])
        return cls(rows, np.arange(len(rows)) < len(inside))

    def repeats(self, families: Rows, *, seed: int, random: bool = False) -> list[Rows]:
        """Return folds of the genes of the class, once for each repeat; those of other genes are 0 ``[n_genes]``.

        Parameters
        ----------
        families
            Of all genes ``[n_genes]``.
        seed
            Of the folds.
        random
            Whether each gene is dealt out by itself.
        """
        own = np.arange(len(self.rows)) if random else np.unique(families[self.rows], return_inverse=True)[1]
        found = []
        for repeat in range(REPEATS):
            folds = np.zeros(len(families), np.int64)
            folds[self.rows] = family_folds(own.astype(np.int64), seed=REPEATS * seed + repeat)
            found.append(folds)
        return found

    def areas(
        self, reading: Reading, repeats: Sequence[Rows], drawn: Drawn, probes: Sequence[str]
    ) -> dict[str, Floats]:  # fmt: skip
        """Return the AUROC of each probe, its mean over repeats, and in each replicate ``[1 + n_replicates]``.

        In a replicate families are drawn, and probes learn anew from them in two of the repeats. Without learning anew
        the interval of vectors that hold nothing would be too narrow by √2.
        """
        used = np.ones(len(self.rows), bool)
        sample = Sample(self.rows, self.inside, used, used)
        chosen = [held_out([sample], reading, folds, probes).penalties for folds in repeats]
        rng, every = np.random.default_rng(2), list(range(len(repeats)))
        found: dict[str, list[float]] = {probe: [] for probe in probes}
        for number, times in enumerate(drawn.times):
            some = every if number == 0 else rng.choice(every, IN_A_REPLICATE).tolist()
            areas = [self._areas(sample, reading, repeats[place], chosen[place], times) for place in some]
            for probe in probes:
                numbers = np.array([area[probe] for area in areas])
                told = numbers[np.isfinite(numbers)]
                found[probe].append(float(told.mean()) if len(told) else float("nan"))
        return {probe: np.array(values) for probe, values in found.items()}

    def _areas(
        self, sample: Sample, reading: Reading, folds: Rows, chosen: Mapping[str, tuple[float, ...]], times: Floats
    ) -> dict[str, float]:  # fmt: skip
        said = said_by([sample], reading, folds, chosen, times)
        own = times[None, self.rows]
        return {probe: float(area(said[probe][0], self.inside, folds[self.rows], own)[0]) for probe in said}
