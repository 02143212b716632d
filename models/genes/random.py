"""Negative control: noise, the same for a gene wherever and beside whatever it is asked for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.of_genes import GeneModel

if TYPE_CHECKING:
    import pandas as pd

_DIMENSIONS = 512


class GeneRandom(GeneModel):
    """Standard normal numbers, drawn for each gene from its name and the seed."""

    card = ModelCard(
        name="gene-random",
        title="Random 512-d (genes)",
        family="control",
        offers="genes",
        control="negative",
        description="independent Gaussian noise in 512 dimensions, seeded by the gene's id",
        source="models/genes",
        licence="MIT",
        uses_device=False,
        settings={"dimension": _DIMENSIONS},
    )

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return noise for every gene."""
        import pandas as pd

        drawn = [_of(str(gene), ctx.seed) for gene in genes.index]
        return pd.DataFrame(np.reshape(drawn, (len(genes), _DIMENSIONS)), index=genes.index)


def _of(gene: str, seed: int) -> np.ndarray:
    # Not Python's own hash, which is another one in every process.
    entropy = int.from_bytes(hashlib.sha256(f"{seed} {gene}".encode()).digest()[:16])
    return np.random.default_rng(entropy).standard_normal(_DIMENSIONS, dtype=np.float32)
