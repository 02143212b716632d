"""Function: does a gene's vector say which pathway it is in, beyond what simple facts say?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from scarena.tasks.gene_task import GeneTask, bias_of
from scarena.tasks.own_task import or_undefined

if TYPE_CHECKING:
    from scarena.metrics.genes.collection import Members
    from scarena.metrics.genes.matched import Strata
    from scarena.metrics.genes.sets import Reading
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.facts import Facts
    from scarena.tasks.genes import Genes


class Function(GeneTask):
    """Each set of genes by ridge, families held out, against matched genes; nested in what anybody may know."""

    name = "function"
    title = "Gene function"
    question = "Does a gene's vector say which pathway it is in, beyond what simple facts say?"
    headline = "function_gain"
    keys = (
        "function_gain", "function_auroc", "function_bias", "function_covered", "function_coverage",
        "function_all_negatives", "function_bias_all", "function_random", "function_leak",
    )  # fmt: skip
    held_out = (
        "Five folds of gene families, the same for all sets of a dataset. Each member of a set has three negatives: "
        "genes of the same fold, of the same twentieth of mean expression and in about as many other sets (eight "
        "bins). Where a bin has too few, the nearest one lends some. A set with fewer than 10 genes is not asked, nor "
        "a fold without which fewer than 5 members are left to learn from. Some datasets say which annotations are "
        "newer. A probe then learns from the genes annotated earlier and is asked about those annotated later. Both "
        "groups have negatives of their own."
    )
    flaw = (
        "Negatives are random genes: the simple facts then reach a higher AUROC than was published for vectors of "
        "genes. Folds are random: paralogues are on both sides, and a vector of the sequence wins."
    )

    def unanswerable(self, facts: Facts) -> str:
        """Return why it cannot be asked."""
        return "" if facts.targets & {"sets", "newer"} else "the dataset has no sets of genes"

    def measured(self, genes: Genes) -> Mapping[str, Measured | Undefined]:
        """Return AUROC of the vectors, of what is known anyway, and of both; and what other designs would claim."""
        from scarena.metrics.genes.area import mean_of_sets
        from scarena.metrics.genes.collection import areas_of, asked_genes, samples_of
        from scarena.metrics.genes.matched import Strata
        from scarena.metrics.genes.sets import Reading, held_out
        from scarena.metrics.measured import Measured

        sets, counts = _members(genes)
        strata = Strata.made(genes.known_facts[:, 0], counts)
        reading, drawn = Reading(bias_of(genes, counts), genes.x), genes.drawn
        samples, note = samples_of(sets, strata, genes.folds, seed=genes.seed)
        said = held_out(samples, reading, genes.folds).scores
        found = {probe: areas_of(samples, said[probe], genes.folds, drawn) for probe in said}
        gain = mean_of_sets(found["both"] - found["bias"], note)

        def covered() -> Measured:
            return mean_of_sets(areas_of(samples, said["vectors"], genes.folds, drawn, genes.known))

        claimed = _claimed(genes, sets, strata, reading)
        everybody, _ = samples_of(sets, strata, genes.folds, seed=genes.seed, random=True)
        of_all = held_out(everybody, reading, genes.folds, ("bias", "vectors")).scores
        against_all = {probe: areas_of(everybody, of_all[probe], genes.folds, drawn) for probe in of_all}
        return {
            "function_gain": gain,
            "function_auroc": mean_of_sets(found["vectors"]),
            "function_bias": mean_of_sets(found["bias"]),
            "function_covered": or_undefined(covered),
            "function_coverage": genes.coverage(asked_genes(samples)),
            "function_all_negatives": mean_of_sets(against_all["vectors"]),
            "function_bias_all": mean_of_sets(against_all["bias"]),
            "function_random": Measured(claimed),
            "function_leak": Measured(claimed - gain.value),
        }


def _members(genes: Genes) -> tuple[list[Members], np.ndarray]:
    """Return the sets of a dataset, and in how many each of its genes is."""
    from scarena.datasets.gene_truth import MEMBER, NEWER
    from scarena.metrics.genes.collection import Members

    by_set = genes.truth.sets.tocsc()
    by_set.sort_indices()
    newer = "newer" in genes.facts.targets
    found, counts = [], np.zeros(by_set.shape[0], np.int64)
    for place, name in enumerate(genes.truth.set_names):
        part = slice(by_set.indptr[place], by_set.indptr[place + 1])
        rows, values = by_set.indices[part].astype(np.int64), by_set.data[part]
        learned = rows[values == MEMBER]
        found.append(Members(name, learned, rows[values == NEWER] if newer else learned))
        counts[rows[values > 0]] += 1
    return found, counts


def _claimed(genes: Genes, sets: list[Members], strata: Strata, reading: Reading) -> float:
    """Return the gain that random folds of genes would have claimed."""
    from scarena.metrics.genes.area import Drawn, mean_of_sets
    from scarena.metrics.genes.collection import areas_of, samples_of
    from scarena.metrics.genes.sets import held_out

    folds = genes.random_folds
    samples, _ = samples_of(sets, strata, folds, seed=genes.seed)
    said = held_out(samples, reading, folds, ("bias", "both")).scores
    once = Drawn(genes.drawn.times[:1])
    return mean_of_sets(
        areas_of(samples, said["both"], folds, once) - areas_of(samples, said["bias"], folds, once)
    ).value
