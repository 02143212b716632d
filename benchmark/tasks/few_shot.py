"""Few-shot: how many labelled cells a type does a probe need?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from scarena.tasks.cell_task import CellTask, no_types

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.cells import Cells
    from scarena.tasks.facts import Facts


class FewShot(CellTask):
    """Macro F1 by the number of labelled cells a type, donors held out."""

    name = "few-shot"
    title = "Few-shot"
    question = "How well are types read after 1, 5, 10 or 50 labelled cells of each?"
    headline = "few_shot_area"
    keys = (
        "few_shot_area", "few_shot_1", "few_shot_5", "few_shot_10", "few_shot_50", "few_shot_centroid_area",
        "few_shot_random", "few_shot_leak",
    )  # fmt: skip
    held_out = (
        "Five folds of donors, else batches. There are ten draws; draw number i asks fold i modulo five, and "
        "takes k cells of each type, in all, from the other folds. The draws are the same for all models, and the "
        "cells of a smaller k are always among those of a larger one."
    )
    flaw = "One draw of cells, of the donors that are asked about too."

    def unanswerable(self, facts: Facts) -> str:
        """Return why there is no probe: it needs several types, and several donors or batches."""
        return no_types(facts)

    def measured(self, cells: Cells) -> Mapping[str, Measured | Undefined]:
        """Return the curve, the area under it, and what random folds would have claimed of the area."""
        from scarena.base.folds import random_folds
        from scarena.metrics.measured import Measured
        from scarena.metrics.probes.few_shot import DRAWS, SHOTS, area, curve
        from scarena.metrics.probes.scores import mean_of_units

        of = cells.probed
        found = curve(of.x, of.classes, of.groups, seed=of.seed)
        random = curve(of.x, of.classes, random_folds(of.classes, seed=of.seed), seed=of.seed)
        own, other, note = area(found.probe), float(np.mean(area(random.probe))), f"{DRAWS} draws"
        return {
            "few_shot_area": mean_of_units(own, note),
            **{f"few_shot_{k}": mean_of_units(found.probe[:, place], note) for place, k in enumerate(SHOTS)},
            "few_shot_centroid_area": mean_of_units(area(found.centroid), note),
            "few_shot_random": Measured(other),
            "few_shot_leak": Measured(other - float(own.mean())),
        }
