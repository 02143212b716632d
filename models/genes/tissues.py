"""What bulk tissues say of a gene: its expression in the tissues of the Human Protein Atlas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scarena.models.base import Context, ModelCard
from scarena.models.of_genes import GeneModel

if TYPE_CHECKING:
    import pandas as pd


def whole_profiles(ctx: Context) -> pd.DataFrame:
    """Return the profiles of the atlas without gaps, genes × tissues.

    A gap says nothing of the tissue: there the gene has its own mean. Genes with gaps in more than half are left out.
    """
    from scarena.datasets.gene_facts import tissue_profiles

    profiles = tissue_profiles(cache=ctx.cache)
    measured = profiles[profiles.notna().mean(axis=1) >= 0.5]
    return measured.T.fillna(measured.mean(axis=1)).T


class GeneTissues(GeneModel):
    """The profile of each gene over tissues."""

    card = ModelCard(
        name="gene-tissues",
        title="Tissue profile (HPA)",
        family="baseline",
        offers="genes",
        description="log1p of a gene's consensus expression in 61 tissues and blood cells of the Human Protein Atlas; "
        "in one that did not measure the gene, its mean over those that did",
        source="doi:10.1126/science.1260419",
        licence="CC-BY-SA 3.0 (data)",
        uses_device=False,
        parameters=0,
        settings={"n_tissues": 61},
        training_corpus=("Human Protein Atlas, consensus tissue expression",),
        gene_knowledge=("HPA tissues",),
    )

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the profiles of the genes that were measured in half of the tissues or more."""
        profiles = whole_profiles(ctx)
        return profiles.loc[genes.index.intersection(profiles.index)]
