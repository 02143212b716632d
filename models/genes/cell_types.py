"""What cell types say of a gene: its expression in the single-cell types of the Human Protein Atlas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.foundation.atlas.hpa import HPA
from scarena.models.of_genes import GeneModel

if TYPE_CHECKING:
    import pandas as pd


class GeneCellTypes(GeneModel):
    """The profile of each gene over cell types."""

    card = ModelCard(
        name="gene-cell-types",
        title="Cell-type profile (HPA)",
        family="baseline",
        offers="genes",
        description="log1p nTPM of a gene in the 81 single-cell types of the Human Protein Atlas, release 23",
        source="doi:10.1126/sciadv.abh2169",
        licence="CC-BY-SA 3.0 (data)",
        uses_device=False,
        parameters=0,
        settings={"n_types": 81},
        training_corpus=HPA.study,
        gene_knowledge=("HPA single-cell types",),
    )

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the profiles of the genes of the atlas."""
        import pandas as pd

        from scarena.models.foundation.atlas.hpa import published

        found = published(ctx.cache)
        profiles = pd.DataFrame(np.log1p(found.values.T), index=found.genes)
        return profiles.loc[genes.index.intersection(profiles.index)]
