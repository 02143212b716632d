"""Vectors of genes as a model has learned them, and which genes are near each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np

from scarena.base.errors import DataError, ModelError

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.foundation.model import FoundationModel

Table = Literal["encoder", "decoder", "bag"]
TABLES: tuple[Table, ...] = get_args(Table)


def gene_vectors(model: FoundationModel, genes: Sequence[str], table: Table = "decoder") -> pd.DataFrame:
    """Return one vector a gene.

    Parameters
    ----------
    model
        Of either kind.
    genes
        Its vocabulary.
    table
        ``encoder``: what a gene adds to its token (transformers alone); ``bag``: what a cell's expression of a gene
        adds to the sum; ``decoder``: the direction in which a cell's vector raises the gene's counts.

    Returns
    -------
    float32, indexed by Ensembl id; [n_genes, width of the table].

    Raises
    ------
    ModelError
        If the model has no such table, or another number of genes.
    """
    import pandas as pd
    import torch

    from scarena.models.foundation.model import Transformer

    encoder = model.encoder
    if table not in TABLES:
        raise ModelError(f"unknown table {table!r}", where="gene_vectors", fix=f"one of {', '.join(TABLES)}")
    if len(genes) != model.config.n_genes:
        what = f"{len(genes)} genes for a model of {model.config.n_genes}"
        raise ModelError(what, where="gene_vectors", fix="give the genes of the same checkpoint")
    if table == "encoder" and not isinstance(encoder, Transformer):
        raise ModelError("a bag reads no tokens", where="gene_vectors: encoder", fix="choose bag or decoder")
    with torch.no_grad():
        if table == "encoder":
            found = cast("Transformer", encoder).gene_table()
        else:
            found = encoder.bag.vectors() if table == "bag" else model.decoder.genes.weight
    return pd.DataFrame(found.detach().float().cpu().numpy().copy(), index=pd.Index(list(genes), name="gene"))


def nearest_genes(
    vectors: pd.DataFrame, gene: str, n_genes: int = 10, among: Collection[str] | None = None
) -> pd.DataFrame:
    """Return the genes whose vectors point the way of one gene's.

    Parameters
    ----------
    vectors
        Of :func:`gene_vectors`.
    gene
        Ensembl id.
    n_genes
        How many to return, at most.
    among
        Ensembl ids to choose from, those a dataset measures for instance: a gene that no cell of the training corpus
        expressed has a vector too, but one that was never learned.

    Returns
    -------
    Indexed by Ensembl id, ``cosine`` (−1 to 1) falling, of equals the lower id first; without the gene itself.

    Raises
    ------
    DataError
        If the gene has no vector.
    """
    import pandas as pd

    if gene not in vectors.index:
        fix = "give an Ensembl id of the model's vocabulary"
        raise DataError(f"no vector for {gene!r}", where="nearest_genes", fix=fix)
    values = vectors.to_numpy(np.float64)
    unit = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    cosine = pd.Series(unit @ unit[vectors.index.get_loc(gene)], index=vectors.index, name="cosine").drop(gene)
    if among is not None:
        cosine = cosine[cosine.index.isin(list(among))]
    return cosine.sort_index().sort_values(ascending=False, kind="stable").head(n_genes).to_frame()
