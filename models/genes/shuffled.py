"""Negative control: real vectors of genes, dealt out to other genes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.genes.tissues import GeneTissues, whole_profiles
from scarena.models.of_genes import GeneModel

if TYPE_CHECKING:
    import pandas as pd


class GeneShuffled(GeneModel):
    """The tissue profiles, each of them another gene's."""

    card = ModelCard(
        name="gene-shuffled",
        title="Tissue profile (HPA), shuffled",
        family="control",
        offers="genes",
        control="negative",
        description="the vectors of gene-tissues, dealt out to other genes by chance: what their spread alone gives",
        source="models/genes",
        licence="CC-BY-SA 3.0 (data)",
        uses_device=False,
        parameters=0,
        training_corpus=GeneTissues.card.training_corpus,
    )

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the profiles in another order, dealt over all genes there are, whichever of them are asked for."""
        profiles = whole_profiles(ctx).sort_index()
        order = np.random.default_rng(ctx.seed).permutation(len(profiles))
        dealt = profiles.iloc[order].set_axis(profiles.index)
        return dealt.loc[genes.index.intersection(dealt.index)]
