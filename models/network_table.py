"""What a model says of a network, checked before anything is scored: names join, missing is not zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import ModelError
from scarena.models.said_table import joined

if TYPE_CHECKING:
    import pandas as pd


def checked_network(table: pd.DataFrame, regulators: Sequence[str], genes: Sequence[str], model: str) -> np.ndarray:
    """Return a model's network over the asked regulators and genes.

    Parameters
    ----------
    table
        What `scarena.models.base.Model.network` returned: a row a regulator, a column a gene, in any order.
    regulators, genes
        Ensembl ids that are asked about; other rows and columns are left out.
    model
        Its name, for errors.

    Returns
    -------
    float32 [n_regulators, n_genes], NaN where the model says nothing of a pair and on a gene's edge to itself.

    Raises
    ------
    ModelError
        If a name stands twice, a value is no number or infinite, or nothing is said of any pair that is asked about.
    """
    where = f"{model}: network"
    found = joined(table, regulators, genes, where)
    found[np.asarray(regulators, object)[:, None] == np.asarray(genes, object)[None, :]] = np.nan
    if not np.isfinite(found).any():
        what = f"nothing is said of any pair of {len(regulators)} regulators and {len(genes)} genes"
        raise ModelError(what, where=where, fix="name rows and columns by the Ensembl ids that are asked about")
    return found
