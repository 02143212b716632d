"""The network of a model that has vectors of genes and no network of its own: their cosines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scarena.base.errors import NotApplicable

if TYPE_CHECKING:
    from anndata import AnnData


def cosine_network(
    vectors_of: Callable[[pd.DataFrame], pd.DataFrame], data: AnnData, regulators: Sequence[str]
) -> pd.DataFrame:
    """Return the cosine of each regulator's vector with that of each gene, −1 to 1; see `Model.network`.

    Genes are asked for by name alone: what is known of them otherwise is NaN. A regulator that the cells do not measure
    is asked for too, by its id in place of its symbol.

    Parameters
    ----------
    vectors_of
        A model's `gene_vectors`.
    data, regulators
        As for `Model.network`.

    Raises
    ------
    NotApplicable
        If the model has no vectors of genes, or none of these by their names alone.
    """
    from scarena.datasets.gene_facts import FACTS

    symbols = pd.Series(data.var["symbol"].astype(str).to_numpy(), index=data.var_names)
    others = [gene for gene in dict.fromkeys(regulators) if gene not in symbols.index]
    symbols = pd.concat([symbols, pd.Series(others, index=others, dtype=object)])
    vectors = vectors_of(pd.DataFrame({"symbol": symbols}).reindex(columns=["symbol", *FACTS]))
    if vectors.empty:
        raise NotApplicable("it has no vector of any of these genes by name alone", where="network", fix="none needed")
    values = vectors.to_numpy(np.float64)
    unit = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    rows = vectors.index.get_indexer(pd.Index([gene for gene in regulators if gene in vectors.index], dtype=object))
    columns = np.flatnonzero(vectors.index.isin(data.var_names))
    return pd.DataFrame(unit[rows] @ unit[columns].T, index=vectors.index[rows], columns=vectors.index[columns])
