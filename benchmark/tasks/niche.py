"""Niche: does a cell's vector say what surrounds it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from scarena.tasks.cell_task import CellTask

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.cells import Cells
    from scarena.tasks.facts import Facts
    from scarena.tasks.probed import Probed

_TYPES = ("niche_pearson", "niche_js")


class Niche(CellTask):
    """Types around a cell, and the layer it lies in, read from its own vector; sections, else blocks, held out."""

    name = "niche"
    title = "Tissue niche"
    question = "Does a cell's vector say which types surround it, and in which layer it lies?"
    headline = "niche_pearson"
    keys = (*_TYPES, "layer_macro_f1", "niche_random", "niche_leak")
    held_out = (
        "Sections (batches) where there are three or more, one section a fold up to five. Else nine blocks of "
        "each section: three columns of equal numbers of cells, each cut into three. A block's border is not left "
        "out, and sections may be of one donor."
    )
    flaw = "Random cells: neighbourhoods overlap, so that most of a test cell's neighbours were learned from."

    def unanswerable(self, facts: Facts) -> str:
        """Return why it cannot be asked."""
        return "" if "coordinates" in facts.targets else "the dataset has no places of cells"

    def measured(self, cells: Cells) -> Mapping[str, Measured | Undefined]:
        """Return what is read of the surroundings, and what random folds would have claimed."""
        from scarena.metrics.measured import Undefined

        of = cells.probed
        types = "labels" not in cells.facts.excluded and len(of.types) > 1
        layers = "layer" in of.known.targets
        if not (types or layers):
            raise Undefined("the dataset has neither cell types nor layers")
        none = Undefined("the dataset has no cell types")
        found = _around(of) if types else {**dict.fromkeys(_TYPES, none)}
        layer = _layers(of) if layers else {"layer_macro_f1": Undefined("the dataset has no layers")}
        return {**layer, **found}


def _folds(of: Probed) -> np.ndarray:
    """Return sections where there are three or more, else blocks of space."""
    from scarena.metrics.probes.niche import blocks

    several = len(np.unique(of.sections)) > 2
    return of.sections if several else blocks(of.known.matrices["coordinates"], of.sections)


def _around(of: Probed) -> dict[str, Measured | Undefined]:
    from scarena.base.folds import grouped_folds, random_folds
    from scarena.metrics.measured import Measured
    from scarena.metrics.probes.niche import composition, divergence
    from scarena.metrics.probes.protein import per_protein as per_target
    from scarena.metrics.probes.ridge import claimed_ridge, held_out_ridge

    y = composition(of.known.matrices["coordinates"], of.classes, of.sections)
    folds = grouped_folds(of.classes, _folds(of), seed=of.seed)
    said, penalties = held_out_ridge(of.x, y, folds)
    random = claimed_ridge(of.x, y, random_folds(of.classes, seed=of.seed), penalties)
    own, other = per_target(said, y, of.sections), per_target(random, y, of.sections)
    return {
        "niche_pearson": own,
        "niche_js": Measured(float(divergence(said, y).mean())),
        "niche_random": Measured(other.value),
        "niche_leak": Measured(other.value - own.value),
    }


def _layers(of: Probed) -> dict[str, Measured | Undefined]:
    from scarena.metrics.measured import Measured
    from scarena.metrics.probes.held_out import claimed, held_out
    from scarena.metrics.probes.scores import confusion, drawn_confusions, draws, macro_f1

    layer = of.known.targets["layer"]
    rows = np.flatnonzero(layer != "")
    names, classes = np.unique(layer[rows], return_inverse=True)
    groups = np.unique(_folds(of)[rows], return_inverse=True)[1].astype(np.int64)
    held = held_out(of.x[rows], classes, groups, seed=of.seed)
    random = claimed(of.x[rows], classes, held, seed=of.seed)
    value, other = (float(macro_f1(confusion(classes, each.predicted, len(names)))) for each in (held, random))
    drawn = macro_f1(drawn_confusions(classes, held.predicted, len(names), draws(classes, groups)))
    return {
        "layer_macro_f1": Measured(value, drawn, held.note),
        "niche_random": Measured(other),
        "niche_leak": Measured(other - value),
    }
