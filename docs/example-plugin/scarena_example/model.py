"""Random projection: every gene has a direction of its own, drawn from its Ensembl id."""

import zlib

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard


class Projection(Model):
    """Log-normalised counts on 32 fixed directions; frozen, since a cell's vector depends on the cell alone."""

    card = ModelCard(
        name="example-projection",
        title="Random projection",
        family="baseline",
        description="log1p CP10k of every gene, on 32 directions drawn from the genes' ids",
        source="doi:10.1016/S0022-0000(03)00025-4",
        licence="MIT",
        settings={"dimension": 32},
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return float32 [n_cells, d] in the order of ``data.obs_names``; cell types are not in `data`."""
        directions = [np.random.default_rng(zlib.crc32(gene.encode())).standard_normal(32) for gene in data.var_names]
        counts = data.X.astype(np.float64)
        total = np.maximum(np.asarray(counts.sum(axis=1)), 1)
        return np.asarray(counts.multiply(1e4 / total).log1p() @ np.array(directions), dtype=np.float32)
