"""What a dataset of genes knows, and its prepared form: the one file that models and tasks of genes read.

An h5ad whose observations are genes. X has a column a set of genes (a pathway, a class), with a sign for what is known
of a gene there; what models may see of a gene is in obs (`scarena.datasets.gene_facts`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from scarena.base.advice import made_again
from scarena.base.errors import DataError
from scarena.base.files import replacing
from scarena.base.untrusted import reading

if TYPE_CHECKING:
    import pandas as pd

MEMBER, NEWER, STATED_OUT = 1, 2, -1
"""Of a gene in a set: in it; in it since a date, so that it is asked about and never learned from; said to be out."""


@dataclass(frozen=True, slots=True, eq=False)
class GeneTruth:
    """What one dataset knows of genes.

    Parameters
    ----------
    genes
        By Ensembl id: ``symbol``, ``family`` (genes that are held out together) and the columns of
        `scarena.datasets.gene_facts.FACTS`, NaN where nobody knows.
    sets
        int8 [n_genes, n_sets]: `MEMBER`, `NEWER`, `STATED_OUT`, or 0 where nothing is said. A set with genes that are
        stated to be out is asked about these and its members alone, any other about matched genes too.
    set_names
        Of the columns of `sets`.
    tissues
        float32 [n_genes, n_tissues], log1p of expression; no column where the dataset has none.
    tissue_names
        Of the columns of `tissues`.
    pairs
        int64 [n_pairs, 3]: places in `genes` of two genes, and whether they are related (1) or not (0).
    card
        The dataset's card as JSON.
    notes
        What was lost or dropped, a line each.
    """

    genes: pd.DataFrame
    sets: csr_matrix
    set_names: tuple[str, ...]
    tissues: np.ndarray
    tissue_names: tuple[str, ...]
    pairs: np.ndarray
    card: str = "{}"
    notes: tuple[str, ...] = ()
    further: dict[str, Any] = field(default_factory=dict)
    """Hashes of the sources, and what else a prepared dataset says of itself."""

    @property
    def targets(self) -> frozenset[str]:
        """What it knows: ``sets``, ``newer``, ``stated``, ``tissues``, ``pairs``."""
        values = set(np.unique(self.sets.data).tolist())
        has = {
            "sets": MEMBER in values and STATED_OUT not in values, "newer": NEWER in values,
            "stated": STATED_OUT in values, "tissues": self.tissues.shape[1] > 0, "pairs": len(self.pairs) > 0,
        }  # fmt: skip
        return frozenset(name for name, there in has.items() if there)


def write_gene_truth(truth: GeneTruth, path: Path) -> None:
    """Write the prepared form as a whole or not at all."""
    import pandas as pd
    from anndata import AnnData

    var = pd.DataFrame(index=pd.Index(truth.set_names, dtype=str))
    data = AnnData(truth.sets.astype(np.int8), obs=truth.genes.copy(), var=var)
    data.obsm["tissues"] = np.asarray(truth.tissues, np.float32)
    told = {"card": truth.card, "notes": list(truth.notes), "tissues": list(truth.tissue_names), "pairs": truth.pairs}
    data.uns.update({**told, "further": truth.further})
    with replacing(path) as part:
        data.write_h5ad(part)


def read_gene_truth(path: Path) -> GeneTruth:
    """Read what `write_gene_truth` wrote.

    Raises
    ------
    DataError
        If the file is missing, damaged or another's.
    """
    import anndata

    from scarena.datasets.stores.hdf5 import check_hdf5

    fix = made_again(path, "dataset.h5ad", "dataset.json")
    with reading(path, what="no readable dataset of genes", fix=fix):
        check_hdf5(path)
        data = anndata.read_h5ad(path)
    if not {"symbol", "family"} <= set(data.obs) or "pairs" not in data.uns:
        raise DataError("no prepared dataset of genes", where=str(path), fix=fix)
    genes = data.obs.copy()
    genes[["symbol", "family"]] = genes[["symbol", "family"]].astype(str)
    return GeneTruth(
        genes, csr_matrix(data.X), tuple(map(str, data.var_names)), np.asarray(data.obsm["tissues"], np.float32),
        tuple(map(str, data.uns["tissues"])), np.asarray(data.uns["pairs"], np.int64).reshape(-1, 3),
        str(data.uns["card"]), tuple(map(str, data.uns["notes"])), dict(data.uns["further"]),
    )  # fmt: skip
