"""What anybody knows of a gene without a model: four numbers, or the first of them alone.

Whoever does not beat them has shown that expressed, long and well-studied genes have many annotations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.of_genes import GeneModel

if TYPE_CHECKING:
    import pandas as pd

# About the spread of each over coding genes: constants, so that a gene's vector is the same whatever else is asked for.
_SPREAD = {"mean_expression": 1.0, "tau": 0.2, "length": 0.5, "elsewhere": 1.0}


class GeneBias(GeneModel):
    """The four facts of each gene."""

    card = ModelCard(
        name="gene-bias",
        title="Four facts of a gene",
        family="baseline",
        offers="genes",
        description="mean expression, tissue specificity, length and log1p of the number of sets of other collections; "
        "a missing fact is the mean over the genes asked for",
        source="models/genes",
        licence="MIT",
        uses_device=False,
        parameters=0,
        gene_knowledge=("HPA tissues", "number of annotations in other collections"),
        settings={f"unit_of_{fact}": unit for fact, unit in _SPREAD.items()},
    )

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the facts of the genes of which any is known, each in units of about its spread."""
        facts = genes.reindex(columns=list(_SPREAD)).astype(float).dropna(how="all")
        facts["elsewhere"] = np.log1p(facts["elsewhere"])
        # Of a fact that is known of no gene there is no mean.
        return facts.fillna(facts.mean()).fillna(0.0) / list(_SPREAD.values())


class GeneExpression(GeneModel):
    """Mean expression alone."""

    card = ModelCard(
        name="gene-expression",
        title="Mean expression of a gene",
        family="baseline",
        offers="genes",
        description="the mean over tissues of a gene's log expression, one number",
        source="models/genes",
        licence="MIT",
        uses_device=False,
        parameters=0,
        gene_knowledge=("HPA tissues",),
        settings={"dimension": 1},
    )

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the number for the genes whose expression is known."""
        return genes[["mean_expression"]].astype(float).dropna()
