"""Protein: can the proteins on a cell of a sample not seen be read from its vector?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from scarena.tasks.cell_task import CellTask, one_group
from scarena.tasks.own_task import or_undefined

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.cells import Cells
    from scarena.tasks.facts import Facts


class Protein(CellTask):
    """Each protein by ridge regression, samples held out; pooled and within types."""

    name = "protein"
    title = "Surface proteins"
    question = "Can the proteins on a cell of a sample not seen be read from its vector?"
    headline = "protein_pearson"
    keys = ("protein_pearson", "protein_pearson_within", "protein_rna", "protein_random", "protein_leak")
    held_out = (
        "Five folds of samples (donors where they are known, else batches). A protein's counts become "
        "log1p(count) less the mean of that over the cell's proteins. Correlations are taken within each sample "
        "of 20 cells or more, and averaged over samples, then over proteins."
    )
    flaw = (
        "A correlation over the proteins of one cell is won by each protein's mean over all cells. Predictions "
        "that are constant or not finite are left out of the mean, or set to 0, by the scorer's choice. Here a "
        "constant prediction has correlation 0 and counts."
    )

    def unanswerable(self, facts: Facts) -> str:
        """Return why it cannot be asked."""
        return one_group(facts) if "proteins" in facts.targets else "the dataset has no proteins"

    def measured(self, cells: Cells) -> Mapping[str, Measured | Undefined]:
        """Return correlations of predicted and measured proteins, and what random folds would have claimed."""
        from scarena.base.folds import grouped_folds, random_folds
        from scarena.metrics.measured import Measured, Undefined
        from scarena.metrics.probes.protein import centred_log_ratio, of_rna, per_protein
        from scarena.metrics.probes.ridge import claimed_ridge, held_out_ridge

        of = cells.probed
        y = centred_log_ratio(of.known.matrices["proteins"])
        folds = grouped_folds(np.zeros(len(y), np.int64), of.groups, seed=of.seed)
        said, penalties = held_out_ridge(of.x, y, folds)
        random = claimed_ridge(of.x, y, random_folds(np.zeros(len(y), np.int64), seed=of.seed), penalties)
        own, other = per_protein(said, y, of.groups), per_protein(random, y, of.groups)
        within: Measured | Undefined
        labels = "labels" not in cells.facts.excluded and len(of.types) > 1
        within = Undefined("the dataset has no cell types")
        if labels:
            within = or_undefined(lambda: per_protein(said, y, of.groups * len(of.types) + of.classes))
        return {
            "protein_pearson": own,
            "protein_pearson_within": within,
            "protein_rna": of_rna(of.known.matrices["coding_rna"], y, of.groups),
            "protein_random": Measured(other.value),
            "protein_leak": Measured(other.value - own.value),
        }
