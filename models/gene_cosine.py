"""The network of a model that has vectors of genes and no network of its own: their cosines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.models.base import Context, Model


def cosine_network(model: Model, data: AnnData, regulators: Sequence[str], ctx: Context) -> pd.DataFrame:
    """Return the cosine of each regulator's vector with that of each gene, −1 to 1; see `Model.network`.

    Genes are asked for by name alone: what is known of them otherwise is NaN.

    Raises
    ------
    NotApplicable
        If the model has no vectors of genes.
    """
    from scarena.datasets.gene_facts import FACTS

    symbols = pd.Series(data.var["symbol"].astype(str).to_numpy(), index=data.var_names)
    asked = pd.DataFrame({"symbol": symbols}).reindex(columns=["symbol", *FACTS])
    vectors = model.gene_vectors(asked, ctx)
    values = vectors.to_numpy(np.float64)
    unit = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    rows = vectors.index.get_indexer([gene for gene in regulators if gene in vectors.index])
    return pd.DataFrame(unit[rows] @ unit.T, index=vectors.index[rows], columns=vectors.index)
