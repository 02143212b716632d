"""Cells simulated from profiles of cell types: what pretraining sees of the tissues no cell of which can be had.

A cell is its type's profile with what keeps cells of a type apart: it lies between two types (a state on the way, or a
doublet), its genes vary, it holds some of the soup that all cells of its study swim in, and its counts are drawn from
what that comes to. What one technology makes of a gene and another does not is the views' affair (`views`), which draw
a factor for every gene.

Every study is a group, as a batch of a corpus is: cells of a step are of one study, and only the genes that the study
measured are in them.

Shapes: B cells, P profiles, V genes of the vocabulary, N counts above zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from scarena.models.foundation.cell_sources import Group
from scarena.models.foundation.tokenize import Cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class SimulationConfig(BaseModel):
    """How cells of one type differ."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mixed: float = Field(0.3, ge=0, le=1, description="share of cells that lie between two types of their study")
    most_of_other: float = Field(0.5, ge=0, le=0.5, description="at most this share of such a cell is the other type")
    variation: float = Field(0.5, ge=0, description="SD of the log factors by which a cell's genes vary")
    ambient: float = Field(0.1, ge=0, lt=1, description="at most this share of a cell is the mean of its study")
    shallowest: int = Field(600, ge=1, description="counts of a cell at least; their logarithm is drawn evenly")
    deepest: int = Field(20_000, ge=1, description="counts of a cell at most")


@dataclass(frozen=True, slots=True)
class Shared:
    """Cells of the same types in two studies, cell by cell."""

    parts: tuple[tuple[Cells, NDArray[np.bool_]], tuple[Cells, NDArray[np.bool_]]]
    """Of each study, with the genes that it measured."""
    types: NDArray[np.integer]
    """Of the cells of either, a number a type."""


class SimulatedSource:
    """Groups of cells that are made when they are asked for."""

    def __init__(
        self, share_PV: NDArray[np.float32], study_P: Sequence[str], measured: dict[str, NDArray[np.bool_]],
        config: SimulationConfig, group_size: int = 1000, term_P: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        """Keep what cells are made from.

        Parameters
        ----------
        share_PV
            Expression in any linear unit; what a study has not measured counts as nothing.
        study_P
            Study of each profile.
        measured
            Genes of each study, bool [V].
        config
            See :class:`SimulationConfig`.
        group_size
            Cells that each profile stands for, where groups are drawn by their size.
        term_P
            Type of each profile by a name that studies share, empty where there is none; for `draw_shared` alone.
        """
        self._config = config
        names = sorted(set(study_P))
        of_study = np.array([names.index(each) for each in study_P])
        self._shares = []
        for number, name in enumerate(names):
            held_PV = np.where(measured[name], share_PV[of_study == number], 0).astype(np.float32)
            self._shares.append(held_PV / held_PV.sum(axis=1, keepdims=True))
        self.groups = [
            Group(name, group_size * len(held), measured[name]) for name, held in zip(names, self._shares, strict=True)
        ]

        terms = np.array([""] * len(of_study) if term_P is None else term_P, dtype=str)
        self._terms = [terms[of_study == number] for number in range(len(names))]
        known = [set(each.tolist()) - {""} for each in self._terms]
        self.shared = [
            (one, other, sorted(known[one] & known[other]))
            for one, other in combinations(range(len(names)), 2)
            if len(known[one] & known[other]) > 1
        ]
        """Pairs of studies, by their numbers, and the types that both have; only pairs that share two at least."""

    def draw_shared(self, n_types: int, rng: np.random.Generator) -> Shared:
        """Return new cells of two studies, cell by cell of one type, of types drawn evenly from those they share."""
        one, other, terms = self.shared[int(rng.integers(len(self.shared)))]
        type_B = rng.integers(len(terms), size=n_types)
        parts = []
        for study in (one, other):
            having = [np.flatnonzero(self._terms[study] == term) for term in terms]
            profile_B = np.array([rng.choice(having[each]) for each in type_B])
            parts.append((self._made(study, profile_B, rng), self.groups[study].measured_V))
        return Shared((parts[0], parts[1]), type_B)

    def draw(self, group: int, n_cells: int, rng: np.random.Generator) -> Cells:
        """Return new cells of a study, of types drawn evenly."""
        return self._made(group, rng.integers(len(self._shares[group]), size=n_cells), rng)

    def made_of(self, study: str, profile_B: NDArray[np.integer], rng: np.random.Generator) -> Cells:
        """Return new cells of a study, each of a profile, given by its number among those of the study."""
        return self._made([group.name for group in self.groups].index(study), profile_B, rng)

    def _made(self, group: int, first: NDArray[np.integer], rng: np.random.Generator) -> Cells:
        """Return new cells of a study, each of a profile, given by its number."""
        from scarena.models.foundation.simulated_kernels import drawn

        shares_PV, config, n_cells = self._shares[group], self._config, len(first)
        second = rng.integers(len(shares_PV), size=n_cells)
        other = np.where(rng.random(n_cells) < config.mixed, config.most_of_other * rng.random(n_cells), 0.0)
        soup = config.ambient * rng.random(n_cells)
        depth = np.exp(rng.uniform(np.log(config.shallowest), np.log(config.deepest), n_cells))
        starts, genes, counts = drawn(
            shares_PV, shares_PV.mean(axis=0), first, second, other, soup, depth, config.variation,
            np.uint64(rng.integers(1 << 62)),
        )  # fmt: skip
        summed = np.add.reduceat(np.append(counts, 0), np.minimum(starts[:-1], len(counts))) * (np.diff(starts) > 0)
        return Cells(starts, genes, counts, summed.astype(np.float32))
