"""Classes: does a gene's vector say which of two stated classes it is in?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scarena.tasks.gene_task import GeneTask, bias_of

if TYPE_CHECKING:
    from scarena.metrics.genes.stated import Stated
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.facts import Facts
    from scarena.tasks.genes import Genes


class Classes(GeneTask):
    """Genes that are stated to be in a class against those stated not to be; cross-validation repeated twenty times."""

    name = "classes"
    title = "Gene classes"
    question = "Does a gene's vector say which of two stated classes it is in, beyond what simple facts say?"
    headline = "classes_gain"
    keys = (
        "classes_gain", "classes_auroc", "classes_bias", "classes_expression", "classes_coverage", "classes_random",
        "classes_leak",
    )  # fmt: skip
    held_out = (
        "Five folds of gene families, dealt out twenty times: with some hundred genes one split differs from another "
        "by several hundredths. AUROC is over pairs of one fold, then averaged over repeats."
    )
    flaw = "One split, without an interval, and no row for expression alone, which reaches .98 for essential genes."

    def unanswerable(self, facts: Facts) -> str:
        """Return why it cannot be asked."""
        return "" if "stated" in facts.targets else "the dataset states of no genes that they are out of a class"

    def measured(self, genes: Genes) -> Mapping[str, Measured | Undefined]:
        """Return AUROC of the vectors, of what is known anyway, and of both."""
        from scarena.metrics.genes.area import Drawn, mean_of_sets
        from scarena.metrics.genes.sets import PROBES, Reading
        from scarena.metrics.measured import Measured

        stated = _stated(genes)
        bias = bias_of(genes)
        reading = Reading(bias, genes.x)
        expression = Reading(replace(bias, of_gene=bias.of_gene[:, :1]), genes.x)
        once, parts = Drawn(genes.drawn.times[:1]), []
        for each in stated:
            repeats = each.repeats(genes.families, seed=genes.seed)
            areas = each.areas(reading, repeats, genes.drawn, PROBES)
            alone = each.areas(expression, repeats, once, ("bias",))
            random = each.repeats(genes.families, seed=genes.seed, random=True)
            other = each.areas(reading, random, once, ("bias", "both"))
            parts.append({**areas, "expression": alone["bias"], "claimed": other["both"] - other["bias"]})
        found = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
        level, claimed = (float(found[name].mean()) for name in ("expression", "claimed"))
        said = " and ".join(f"{int(each.inside.sum())} against {int((~each.inside).sum())} genes" for each in stated)
        gain = mean_of_sets(found["both"] - found["bias"], said, draw=False)
        own, known = (mean_of_sets(found[name], draw=False) for name in ("vectors", "bias"))
        return {
            "classes_gain": gain,
            "classes_auroc": own,
            "classes_bias": known,
            "classes_expression": Measured(level),
            "classes_coverage": genes.coverage(np.unique(np.concatenate([each.rows for each in stated]))),
            "classes_random": Measured(claimed),
            "classes_leak": Measured(claimed - gain.value),
        }


def _stated(genes: Genes) -> list[Stated]:
    """Return the classes of a dataset.

    Raises
    ------
    Undefined
        If one has too few genes.
    """
    from scarena.datasets.gene_truth import MEMBER, STATED_OUT
    from scarena.metrics.genes.stated import Stated

    values = genes.truth.sets.toarray()
    columns = [column for column in values.T if (column == STATED_OUT).any()]
    return [Stated.of(*(np.flatnonzero(column == sign) for sign in (MEMBER, STATED_OUT))) for column in columns]
