"""The sets of a dataset as questions: which of them can be asked, of which genes, and how right the answers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.genes.area import Drawn, area
from scarena.metrics.genes.matched import Sample, Strata, sample_of
from scarena.metrics.measured import Undefined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

ENOUGH = 10
"""Genes of a set that are learned from, and as many that are asked about: a set with fewer is not asked."""
LEFT = 5
"""Of those learned from, what must lie in other folds than the one that is asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """One set.

    Parameters
    ----------
    name
        In the dataset.
    learned, asked
        Genes that are in it ``[n]``: the same ones, or, where the set says which of them are newer, disjoint.
    """

    name: str
    learned: Rows
    asked: Rows


def samples_of(
    sets: Sequence[Members], strata: Strata, folds: Rows, *, seed: int, random: bool = False
) -> tuple[list[Sample], str]:  # fmt: skip
    """Return each set that can be asked with its negatives, and what a reader has to know of them.

    Parameters
    ----------
    sets
        All sets of the dataset.
    strata, folds
        Of all genes.
    seed
        Of the draws.
    random
        Whether negatives are random genes, ten a positive, in place of three matched ones.

    Raises
    ------
    Undefined
        If no set can be asked.
    """
    enough = [each for each in sets if min(len(each.learned), len(each.asked)) >= ENOUGH]
    drawn = [
        _with_enough_left(
            sample_of(each.name, each.learned, each.asked, strata, folds, seed=seed, random=random), folds
        )
        for each in enough
    ]
    found = [sample for sample in drawn if (sample.asked & sample.inside).any()]
    if not found:
        raise Undefined(f"no set has {ENOUGH} genes, of several families, that are in the dataset")
    borrowed, negatives = (sum(n) for n in zip(*((s.borrowed, int((~s.inside).sum())) for s in found), strict=True))
    said = [f"{len(found)} sets"]
    if lost := len(sets) - len(enough):
        said.append(f"{lost} with fewer than {ENOUGH} genes are not asked")
    if lost := len(enough) - len(found):
        said.append(f"{lost} lie in one family and are not asked")
    if borrowed:
        said.append(f"{borrowed} of {negatives} negatives are of a neighbouring bin")
    return found, "; ".join(said)


def _with_enough_left(sample: Sample, folds: Rows) -> Sample:
    """Return a set that is not asked in folds without which too few of its genes are left to learn from."""
    members = np.bincount(folds[sample.rows[sample.inside & sample.learned]], minlength=int(folds.max()) + 1)
    left = members.sum() - members
    return replace(sample, asked=sample.asked & (left >= LEFT)[folds[sample.rows]])


def areas_of(
    samples: Sequence[Sample], scores: Sequence[Floats], folds: Rows, drawn: Drawn,
    known: NDArray[np.bool_] | None = None,
) -> Floats:  # fmt: skip
    """Return the AUROC of each set over pairs of one fold, and in each replicate ``[n_sets, 1 + n_replicates]``.

    Parameters
    ----------
    samples
        The sets.
    scores
        Of the genes of each ``[n]``.
    folds
        Of all genes.
    drawn
        How often each gene counts.
    known
        Genes that are asked about, all where it is not given ``[n_genes]``.
    """
    found = np.full((len(samples), len(drawn.times)), np.nan)
    for place, (sample, said) in enumerate(zip(samples, scores, strict=True)):
        used = np.flatnonzero(sample.asked if known is None else sample.asked & known[sample.rows])
        rows = sample.rows[used]
        found[place] = area(said[used], sample.inside[used], folds[rows], drawn.times[:, rows])
    return found


def asked_genes(samples: Sequence[Sample]) -> Rows:
    """Return the genes that some set asks about, each once."""
    return np.unique(np.concatenate([sample.rows[sample.asked] for sample in samples]))
