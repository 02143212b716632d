"""A run's own product of genes, of a network or of responses, as `scarena package-submission` sends it.

The file is the run's ``embedding.npz``. It names its rows. Columns of a network and of responses are the dataset's
genes in the dataset's order, so who sends it names them by a hash. Vectors of cells need none of this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scarena.base.errors import DataError
from scarena.models.embedding import read_embedding
from scarena.steps.config import BoardConfig
from scarena.steps.states import kind_of, read_state
from scarena.steps.submissions import folder_of
from scarena.steps.submitted_files import rows_of

Product = tuple[np.ndarray, np.ndarray]
"""float32 [n_rows, n_columns], and the names of the rows."""


def sent_file(config: BoardConfig, name: str, dataset: str) -> Path:
    """Return where a board keeps a run that was sent; no dataset's name has a ``+``."""
    return folder_of(config, name) / f"{dataset}+run.npz"


def columns_hash(dataset_file: Path) -> str | None:
    """Return the SHA-256 of the names of a product's columns; None where they are dimensions without a name."""
    columns = _columns(dataset_file)
    return None if columns is None else hashlib.sha256("\n".join(columns).encode()).hexdigest()


def sent_product(dataset_file: Path, file: Path, name: str) -> Product:
    """Return a run that was sent, checked as if the model had just made it.

    Parameters
    ----------
    dataset_file
        Of the prepared dataset: ``dataset.json``.
    file
        The run's ``embedding.npz``.
    name
        The model's, for errors.

    Raises
    ------
    DataError, ModelError
        If it is not of this dataset's rows and columns, or the values are none that a model may return.
    """
    matrix, names = read_embedding(file)
    columns = _columns(dataset_file)
    width = matrix.shape[1:] if columns is None else (len(columns),)
    if matrix.dtype.kind not in "fiu" or matrix.ndim != 2 or matrix.shape != (len(names), *width):
        what = f"numbers of shape {matrix.shape} ({matrix.dtype}) for {len(names)} rows"
        fix = "send the run's embedding.npz" if columns is None else f"give the dataset's {len(columns)} columns"
        raise DataError(what, where=str(file), fix=fix)
    return _CHECKED[kind_of(read_state(dataset_file))](dataset_file, matrix, names, name)


def _columns(dataset_file: Path) -> list[str] | None:
    """Return the genes that a product's columns are."""
    from scarena.datasets.network_truth import read_network_truth
    from scarena.datasets.response_truth import read_response_truth

    prepared, kind = dataset_file.with_suffix(".h5ad"), kind_of(read_state(dataset_file))
    if kind == "network":
        return list(map(str, read_network_truth(prepared).genes))
    return list(map(str, read_response_truth(prepared).measured)) if kind == "response" else None


def _genes(dataset_file: Path, vectors: np.ndarray, names: np.ndarray, model: str) -> Product:
    import pandas as pd

    from scarena.datasets.gene_truth import read_gene_truth
    from scarena.models.gene_table import checked_gene_vectors

    asked = list(map(str, read_gene_truth(dataset_file.with_suffix(".h5ad")).genes.index))
    return checked_gene_vectors(pd.DataFrame(vectors, index=names.astype(str)), asked, model)


def _network(dataset_file: Path, matrix: np.ndarray, names: np.ndarray, model: str) -> Product:
    import pandas as pd

    from scarena.datasets.network_truth import read_network_truth
    from scarena.models.network_table import checked_network

    truth = read_network_truth(dataset_file.with_suffix(".h5ad"))
    regulators, genes = list(map(str, truth.regulators)), list(map(str, truth.genes))
    wanted = np.asarray(regulators)
    rows = rows_of(names.astype(str), wanted, model, of="regulator")
    return checked_network(pd.DataFrame(matrix[rows], regulators, genes), regulators, genes, model), wanted


def _responses(dataset_file: Path, matrix: np.ndarray, names: np.ndarray, model: str) -> Product:
    import pandas as pd

    from scarena.datasets.response_truth import read_response_truth
    from scarena.models.response_table import checked_responses
    from scarena.tasks.responses import row_names

    truth = read_response_truth(dataset_file.with_suffix(".h5ad"))
    asked, measured = row_names(truth.splits), list(map(str, truth.measured))
    wanted = np.asarray(asked)
    rows = rows_of(names.astype(str), wanted, model, of="prediction")
    return checked_responses(pd.DataFrame(matrix[rows], asked, measured), asked, measured, model), wanted


_CHECKED: dict[str, Callable[[Path, np.ndarray, np.ndarray, str], Product]] = {
    "genes": _genes, "network": _network, "response": _responses,
}  # fmt: skip
