"""A dataset as a gene bag sees it: its values weighted by what genes are worth, every cell of one length.

What the directions of a model, those of a dataset itself, and the rivals that have no network are compared on.

Shapes: B cells, G genes of a dataset that a model knows, V genes of its vocabulary, K components.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from scarena.base.errors import DataError, ModelError
from scarena.models.foundation.model import GeneBag
from scarena.models.foundation.tokenize import places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scarena.models.foundation.model import FoundationModel

N_OWN = 50
"""Components of a dataset's own, as many as baselines take."""


class Weighted:
    """Counts of cells to the values that a gene bag adds up."""

    def __init__(self, weights_V: NDArray[np.floating], genes: Sequence[str], measured: Sequence[str]) -> None:
        """Keep the genes that are known.

        Parameters
        ----------
        weights_V
            Above zero.
        genes
            The vocabulary, Ensembl ids.
        measured
            Those of a dataset, in its order.

        Raises
        ------
        ModelError
            If they have none in common.
        """
        place = places(list(measured), list(genes))
        self.columns_G = np.flatnonzero(place >= 0)
        self.place_G = place[self.columns_G]
        self.weights_G = np.asarray(weights_V, np.float32)[self.place_G]

    def __call__(self, counts: csr_matrix) -> csr_matrix:
        """Return float32 [B, G]: log1p of counts per 10,000 times weights, of length 16; no entry for a zero."""
        depth_B = np.maximum(np.asarray(counts.sum(axis=1), np.float32).ravel(), 1)
        held = csr_matrix(counts[:, self.columns_G], dtype=np.float32)
        held.data = np.log1p(held.data * np.repeat(1e4 / depth_B, np.diff(held.indptr)).astype(np.float32))
        held.data *= self.weights_G[held.indices]
        length_B = np.sqrt(np.asarray(held.multiply(held).sum(axis=1)).ravel())
        return csr_matrix(diags_array(GeneBag.SCALE / np.maximum(length_B, 1e-6)) @ held).astype(np.float32)

    def components(self, values: csr_matrix, seed: int, n_components: int = N_OWN) -> NDArray[np.float32]:
        """Return orthonormal directions along which these cells differ most, [G, K].

        Raises
        ------
        DataError
            If there are fewer than two cells or two genes.
        """
        import scanpy as sc
        from anndata import AnnData

        data = AnnData(values)
        n_components = min(n_components, min(data.shape) - 1)
        if n_components < 1:
            what, fix = f"{data.n_obs} cells of {data.n_vars} known genes have no components", "give more of both"
            raise DataError(what, where="counts", fix=fix)
        sc.pp.pca(data, n_comps=n_components, svd_solver="arpack", random_state=seed)
        return np.asarray(data.varm["PCs"], np.float32)


def weights_of(model: FoundationModel) -> NDArray[np.float32]:
    """Return what each gene of a model's vocabulary is worth, > 0, [V]; ones where it says nothing of that."""
    weights_V = model.encoder.bag.weights()
    if weights_V is None:
        return np.ones(model.config.n_genes, np.float32)
    return weights_V.detach().cpu().numpy()


def weights_in(folder: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Return the vocabulary of a checkpoint and what each of its genes is worth.

    Raises
    ------
    ModelError
        If it cannot be read, or its genes have no weights.
    """
    from scarena.models.foundation.checkpoint import load, read_genes

    model = load(folder)
    if model.encoder.bag.weights() is None:
        raise ModelError("its genes have no weights", where=str(folder), fix="pretrain with model.gene_weights: true")
    return read_genes(folder), weights_of(model)
