"""The cells that GEARS learns from, by number in place of name, in an order that depends on names alone.

Shapes: B cells, G measured genes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.models.perturbations.lessons import generator
from scarena.models.responses import targets_of

if TYPE_CHECKING:
    from scarena.models.responses import Seen

BATCH, RATE, DECAY, HIDDEN, DIRECTION = 32, 1e-3, 5e-4, 64, 0.1
"""As the package has them: cells a step, step size, weight decay, width, and the weight of the loss on directions."""
N_CHANGED = 20
"""Genes by which an epoch is chosen, those that change most, as GEARS has it."""


@dataclass(frozen=True, slots=True, eq=False)
class CellsOf:
    """What is trained on.

    Parameters
    ----------
    values
        Log-normalised expression, float32 [B, G].
    perturbation
        Number of the perturbed genes of each cell, int [B]; -1 for the control.
    context
        Number of the context, int [B].
    perturbations
        Ensembl ids of the perturbed genes, by number.
    """

    values: np.ndarray
    perturbation: np.ndarray
    context: np.ndarray
    perturbations: list[tuple[str, ...]]

    @property
    def control(self) -> np.ndarray:
        """Mean of the control's cells, float32 [G]."""
        return np.asarray(self.values[self.perturbation < 0].mean(axis=0), np.float32)

    def of(self, number: int) -> np.ndarray:
        """Cells of a perturbation, float32 [n, G]."""
        return self.values[self.perturbation == number]

    def control_for(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a cell of the control of the same context for each perturbed cell; a control's cell is its own."""
        found = np.asarray(rows).copy()
        control = self.perturbation < 0
        for context in np.unique(self.context[rows]):
            needy = np.flatnonzero((self.context[rows] == context) & ~control[rows])
            pool = np.flatnonzero(control & (self.context == context))
            found[needy] = rng.choice(pool, len(needy))
        return found

    def tried(self, seed: int) -> list[int]:
        """Return which perturbations choose the epoch: a tenth, one at least."""
        n = len(self.perturbations)
        return sorted(generator("GEARS", seed).permutation(n)[: max(1, round(n / 10))].tolist())

    def changed(self, number: int) -> np.ndarray:
        """Return the genes that change most from the control, by |t|, int [20]."""
        own, control = self.of(number), self.values[self.perturbation < 0]
        error = own.var(axis=0) / len(own) + control.var(axis=0) / len(control)
        t = np.abs(own.mean(axis=0) - control.mean(axis=0)) / np.sqrt(np.maximum(error, 1e-12))
        return np.argsort(-t, kind="stable")[:N_CHANGED]


def cells_of(seen: Seen, known: Collection[str]) -> CellsOf:
    """Return the cells of perturbations of known genes, and of the control."""
    assert seen.training_cells is not None
    cells = seen.training_cells()
    cells = cells[cells.obs_names.sort_values(), seen.measured.sort_values()]
    of_profile = dict(zip(seen.items.index, targets_of(seen.items), strict=True)) | {"": ()}
    genes = [of_profile[name] for name in cells.obs["profile"].astype(str)]
    treated = (cells.obs["profile"].astype(str) != "").to_numpy()
    kept = np.array([not is_treated or (bool(each) and set(each) <= set(known))
                     for is_treated, each in zip(treated, genes, strict=True)], bool)  # fmt: skip
    perturbations = sorted({each for each, keep in zip(genes, kept, strict=True) if keep and each})
    number = {genes: row for row, genes in enumerate(perturbations)} | {(): -1}
    contexts = {name: row for row, name in enumerate(sorted(seen.controls.index))}
    numbers = np.array([number[each] for each, keep in zip(genes, kept, strict=True) if keep])
    return CellsOf(
        cells.X[kept].toarray().astype(np.float32), numbers,
        np.array([contexts[name] for name in cells.obs["context"][kept].astype(str)]), perturbations,
    )  # fmt: skip
