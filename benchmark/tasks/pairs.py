"""Pairs: do the vectors of two genes that a probe has not seen say whether they are related?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from scarena.tasks.gene_task import GeneTask

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.facts import Facts
    from scarena.tasks.genes import Genes


class GenePairs(GeneTask):
    """Related against other pairs by ridge on products and differences, both genes held out; and by cosine alone."""

    name = "pairs"
    title = "Gene pairs"
    question = "Do the vectors of two genes that a probe has not seen say whether they are related?"
    headline = "pairs_auroc"
    keys = (
        "pairs_auroc", "pairs_cosine", "pairs_degree", "pairs_own_negatives", "pairs_own_degree", "pairs_coverage",
        "pairs_random", "pairs_leak",
    )  # fmt: skip
    held_out = (
        "Five folds of gene families. A pair is learned from if both genes are outside the fold that is asked, and "
        "asked if both are in it. Pairs with one gene inside are not used. Features are the products and absolute "
        "differences of the first 64 principal components. Unrelated pairs are made by exchanging partners between "
        "related pairs whose genes lie in the same two folds. So every gene is in as many unrelated as related pairs. "
        "A pair that is listed as related is never drawn as unrelated."
    )
    flaw = (
        "Negatives with other degrees: the number of partners of a gene already separates related from other pairs. "
        "Random folds of pairs: each gene was seen with other partners."
    )

    def unanswerable(self, facts: Facts) -> str:
        """Return why it cannot be asked."""
        return "" if "pairs" in facts.targets else "the dataset has no pairs of genes"

    def measured(self, genes: Genes) -> Mapping[str, Measured | Undefined]:
        """Return AUROC of the probe, of cosines, and of degrees; and what random folds of pairs would claim.

        Raises
        ------
        Undefined
            If no fold holds a related pair and another one.
        """
        from scarena.base.folds import random_folds
        from scarena.metrics.genes.degree_matched import degree_matched
        from scarena.metrics.genes.pairs import Pairs
        from scarena.metrics.measured import Measured, Undefined

        listed, times, n_genes = genes.truth.pairs, genes.drawn.times, len(genes.truth.genes)
        matched, lost = degree_matched(listed[listed[:, 2] == 1, :2], genes.folds, seed=genes.seed)
        pairs, of_dataset = Pairs(matched, genes.folds), Pairs(listed, genes.folds)
        asked = np.flatnonzero(pairs.fold >= 0)
        own = pairs.area(pairs.probe(genes.x), times)
        if not np.isfinite(own[0]):
            raise Undefined("no fold holds a related pair and another one")
        dealt = random_folds(matched[:, 2], seed=genes.seed)
        leaky = Pairs.dealt(matched, n_genes, dealt)
        other = float(leaky.area(leaky.probe(genes.x), times[:1])[0])
        note = f"{len(asked)} of {len(matched)} pairs are asked, each once"
        if lost:
            note += f"; {lost} related pairs of hubs have no counterpart and are left out"
        return {
            "pairs_auroc": _measured(own, note),
            "pairs_cosine": _measured(pairs.area(pairs.cosines(genes.x), times)),
            "pairs_degree": _measured(pairs.area(pairs.degrees(n_genes), times)),
            "pairs_own_negatives": _own(lambda: of_dataset.area(of_dataset.probe(genes.x), times)),
            "pairs_own_degree": _own(lambda: of_dataset.area(of_dataset.degrees(n_genes), times)),
            "pairs_coverage": genes.coverage(np.unique(matched[asked, :2])),
            "pairs_random": Measured(other),
            "pairs_leak": Measured(other - float(own[0])),
        }


def _measured(areas: np.ndarray, note: str = "") -> Measured:
    """Return the first of some areas, the others being its replicates; those without a pair say the value itself."""
    from scarena.metrics.measured import Measured

    value = float(areas[0])
    return Measured(value, np.where(np.isfinite(areas[1:]), areas[1:], value), note)


def _own(measure: Callable[[], np.ndarray]) -> Measured | Undefined:
    """Return an AUROC against the unrelated pairs of the dataset, or that it has none."""
    from scarena.metrics.measured import Undefined

    areas = measure()
    return _measured(areas) if np.isfinite(areas[0]) else Undefined("no fold has unrelated pairs of the dataset's own")
