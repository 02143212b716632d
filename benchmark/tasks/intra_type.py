"""Intra-type: are cells of one type still beside those that they were beside before integration?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from scarena.tasks.cell_task import CellTask

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.cells import Cells
    from scarena.tasks.facts import Facts


class IntraType(CellTask):
    """Neighbours kept within each type of a batch; and scIB-E's published form, within batches."""

    name = "intra-type"
    title = "Within types"
    question = "Are cells of one type still beside those that they were beside before integration?"
    headline = "intra_jaccard"
    keys = ("intra_jaccard", "intra_jaccard_published", "intra_ceiling")
    held_out = (
        "Nothing is learned. Log-normalised genes are dealt out to two halves at random; the embedding is "
        "compared with 50 principal components of the 2,000 most variable genes of either half, made within each "
        "type of each batch."
    )
    flaw = (
        "scIB-E takes the overlap within a batch, not within a type, so that differences between types decide it, "
        "and principal components score 1 by construction. It also averages the overlap with a metric of batch "
        "effects (PCR comparison) and calls the mean intra-type."
    )

    def unanswerable(self, facts: Facts) -> str:
        """Return why it cannot be asked."""
        if "labels" in facts.excluded:
            return facts.excluded["labels"]
        return "" if "near_batch" in facts.targets else "neighbours before integration were not kept for this board"

    def measured(self, cells: Cells) -> Mapping[str, Measured | Undefined]:
        """Return overlaps with the neighbours before integration; replicates draw types."""
        from scarena.metrics.measured import Measured
        from scarena.metrics.within import jaccard_by_group, near_within

        of, had = cells.probed, cells.known.matrices
        within = of.sections * len(of.types) + of.classes
        near = near_within(of.x, within)
        halves = [jaccard_by_group(near, had[f"near_half_{half}"], within)[1] for half in "ab"]
        types, ceiling = jaccard_by_group(had["near_half_a"], had["near_half_b"], within)
        published = jaccard_by_group(near_within(of.x, of.sections), had["near_batch"], of.sections)[1]
        return {
            "intra_jaccard": _mean(np.mean(halves, axis=0), f"{len(types)} types of a batch"),
            "intra_jaccard_published": _mean(published, f"{len(published)} batches"),
            "intra_ceiling": Measured(float(ceiling.mean())) if len(ceiling) else _mean(ceiling, ""),
        }


def _mean(values: np.ndarray, note: str) -> Measured | Undefined:
    from scarena.metrics.measured import Undefined
    from scarena.metrics.probes.scores import mean_over_groups
    from scarena.metrics.within import SMALLEST

    return mean_over_groups(values, note=note) if len(values) else Undefined(f"no group of {SMALLEST} cells")
