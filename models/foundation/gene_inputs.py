"""What a model has of a gene before it has seen any cell: its static vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scarena.models.foundation.gene_vectors import Table, gene_vectors
from scarena.models.foundation.model import Transformer

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.foundation.model import FoundationModel


def input_vectors(model: FoundationModel, genes: Sequence[str]) -> pd.DataFrame:
    """Return one vector a gene: its rows of all tables that an encoder reads.

    A bag has one table. A transformer has two, of tokens and of the bag that it adds to; they stand side by side, each
    divided by the root of its mean square over the vocabulary, so that neither drowns the other.

    Parameters
    ----------
    model
        Of either kind.
    genes
        Its vocabulary.

    Returns
    -------
    float32, indexed by Ensembl id; a bag's width, or the transformer's width and its embedding's together.
    """
    import pandas as pd

    tables: tuple[Table, ...] = ("encoder", "bag") if isinstance(model.encoder, Transformer) else ("bag",)
    found = [gene_vectors(model, genes, table) for table in tables]
    if len(found) == 1:
        return found[0]
    scaled = [table.to_numpy() / np.sqrt(np.square(table.to_numpy(), dtype=np.float64).mean()) for table in found]
    return pd.DataFrame(np.hstack(scaled).astype(np.float32), index=found[0].index)
