"""Tables of vectors of genes: what a model may return, and how a table by its own names becomes one by Ensembl id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

_FIX = "return finite numbers, one row an Ensembl id (see Model.gene_vectors)"


def checked_gene_vectors(table: pd.DataFrame, asked: Sequence[str], model: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors of the genes that were asked for, or say what is wrong with them.

    Parameters
    ----------
    table
        What `scarena.models.base.Model.gene_vectors` returned.
    asked
        Ensembl ids, each once.
    model
        Its name, for errors.

    Returns
    -------
    float32 [n_known, d], and the Ensembl ids of its rows [n_known] in the order of `asked`. Rows of other genes are
    left out.

    Raises
    ------
    ModelError
        If it is no table, has a gene twice, none that was asked for, no column, or anything but finite numbers.
    """
    import pandas as pd

    where = f"model {model}"
    if not isinstance(table, pd.DataFrame):
        raise ModelError(f"vectors of genes in a {type(table).__name__}, not a DataFrame", where=where, fix=_FIX)
    twice = table.index[table.index.duplicated()]
    if len(twice):
        raise ModelError(f"{twice.nunique()} genes have several vectors (first: {twice[0]})", where=where, fix=_FIX)
    if not table.shape[1]:
        raise ModelError("vectors of genes without a dimension", where=where, fix=_FIX)
    if wrong := sorted({str(kind) for kind in table.dtypes if getattr(kind, "kind", "O") not in "fiu"}):
        raise ModelError(f"vectors of genes with columns of {', '.join(wrong)}", where=where, fix=_FIX)
    names = [gene for gene in asked if gene in table.index]
    if not names:
        what = f"none of the {len(asked)} genes asked for is among its {len(table)}"
        raise ModelError(what, where=where, fix="name rows by the Ensembl ids that were asked for")
    with np.errstate(over="ignore"):
        # What single precision cannot hold becomes infinite, which is refused below.
        vectors = table.loc[names].to_numpy(np.float64, na_value=np.nan).astype(np.float32)
    if bad := int((~np.isfinite(vectors)).any(axis=1).sum()):
        raise ModelError(f"{bad} of {len(names)} genes have NaN or infinite coordinates", where=where, fix=_FIX)
    return vectors, np.asarray(names, dtype=str)
