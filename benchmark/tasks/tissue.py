"""Tissue: does a gene's vector say in which tissues it is expressed, beyond how strongly?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from scarena.tasks.gene_task import GeneTask
from scarena.tasks.own_task import or_undefined

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.tasks.facts import Facts
    from scarena.tasks.genes import Genes


class Tissue(GeneTask):
    """Specificity beyond mean expression by ridge, and the tissue of the maximum; families held out."""

    name = "tissue"
    title = "Tissue specificity"
    question = "Does a gene's vector say in which tissues it is expressed, beyond how strongly?"
    headline = "tissue_tau_residual"
    keys = (
        "tissue_tau_residual", "tissue_max_macro_f1", "tissue_bias", "tissue_max_bias", "tissue_coverage",
        "tissue_random", "tissue_leak",
    )  # fmt: skip
    held_out = (
        "Five folds of gene families. τ is Σ (1 − x / max x) / (T − 1) over T tissues, x = log1p of expression; what "
        "is asked is its residual after a cubic spline on mean expression. Correlations are taken within folds. The "
        "tissue of the maximum is asked of genes with τ above .85, of tissues with 10 of them or more."
    )
    flaw = (
        "τ itself: it is a function of mean expression (correlation −.94 over human tissues), so that the level of a "
        "gene is the answer. A vector that was made from the same tissues holds the answer; the model's card says so."
    )

    def unanswerable(self, facts: Facts) -> str:
        """Return why it cannot be asked."""
        return "" if "tissues" in facts.targets else "the dataset has no tissues"

    def measured(self, genes: Genes) -> Mapping[str, Measured | Undefined]:
        """Return what the vectors, and what is known anyway, say of tissues; and what random folds would claim.

        Raises
        ------
        Undefined
            If too few genes are expressed for a spline.
        """
        from scarena.metrics.genes.bias import of_facts
        from scarena.metrics.genes.tissue import ENOUGH, KNOTS, held_out_correlation, level_and_specificity, residual
        from scarena.metrics.measured import Measured, Undefined

        mean, tau = level_and_specificity(genes.truth.tissues)
        rows = np.flatnonzero(np.isfinite(tau))
        if len(rows) < ENOUGH * KNOTS:
            raise Undefined(f"{len(rows)} genes are expressed in some tissue: {ENOUGH * KNOTS} are needed")
        y, x, times = residual(mean[rows], tau[rows]), genes.x[rows], genes.drawn.times[:, rows]
        folds, random = (np.unique(each[rows], return_inverse=True)[1] for each in (genes.folds, genes.random_folds))
        own = held_out_correlation(x, y, folds, times)
        # τ is what is asked: it is none of what may be known of it.
        known = of_facts(np.delete(genes.known_facts, 1, axis=1))[rows]
        bias = held_out_correlation(known / np.sqrt(known.shape[1]), y, folds, times)
        other = held_out_correlation(x, y, random, times[:1])[0]
        return {
            "tissue_tau_residual": Measured(float(own[0]), own[1:], f"{len(rows)} genes"),
            "tissue_max_macro_f1": or_undefined(lambda: _main_tissue(genes, genes.x)),
            "tissue_bias": Measured(float(bias[0]), bias[1:]),
            "tissue_max_bias": or_undefined(lambda: _main_tissue(genes, of_facts(genes.known_facts) / np.sqrt(12.0))),
            "tissue_coverage": genes.coverage(rows),
            "tissue_random": Measured(float(other)),
            "tissue_leak": Measured(float(other - own[0])),
        }


def _main_tissue(genes: Genes, x: np.ndarray) -> Measured:
    """Return how well the tissue of the maximum is read from some columns of all genes."""
    from scarena.metrics.genes.tissue import Tissues
    from scarena.metrics.measured import Measured

    tissues = Tissues(genes.truth.tissues)
    f1 = tissues.macro_f1(x, genes.folds, genes.drawn.times)
    return Measured(float(f1[0]), f1[1:], tissues.note)
