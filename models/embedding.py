"""What a model is handed, which vectors of it are refused, and embedding.npz, joined by cell name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.advice import made_again
from scarena.base.errors import DataError, ModelError
from scarena.base.files import replacing
from scarena.base.untrusted import read_arrays

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.models.base import ModelCard

_PUBLIC_OBS = ("batch", "donor", "tissue", "assay")


def hand_over(prepared: AnnData, card: ModelCard) -> AnnData:
    """Return the copy a model is given: counts, genes, batches; cell types only if its card says it uses them.

    Counts that lie on disk stay there where the card says that the model reads them so (read-only then).
    """
    from anndata import AnnData as New

    from scarena.datasets.stored import in_memory, is_stored

    columns = [c for c in _PUBLIC_OBS if c in prepared.obs]
    if card.uses_labels:
        columns += ["cell_type", "cell_type_id"]
    counts = prepared.X
    if not is_stored(counts):
        counts = counts.copy()
    elif not card.out_of_core:
        counts = in_memory(counts)
    return New(X=counts, obs=prepared.obs[columns].copy(), var=prepared.var[["symbol"]].copy())


def check_embedding(embedding: Any, n_cells: int, model: str) -> np.ndarray:
    """Return the embedding as float32 [n_cells, d], or say what is wrong with it.

    Raises
    ------
    ModelError
        If it has another shape, is not numeric, or holds NaN or infinities.
    """
    array = np.asarray(embedding)
    where, fix = f"model {model}", "return a finite float array [n_cells, d] in the order of obs_names"
    if array.ndim != 2 or array.shape[0] != n_cells or array.shape[1] < 1:
        raise ModelError(f"the embedding has shape {array.shape}, expected ({n_cells}, d)", where=where, fix=fix)
    if array.dtype.kind not in "fiu":
        raise ModelError(f"the embedding has dtype {array.dtype}", where=where, fix=fix)
    with np.errstate(over="ignore"):
        # What single precision cannot hold becomes infinite, which is refused below.
        array = array.astype(np.float32, copy=False)
    bad = int((~np.isfinite(array)).any(axis=1).sum())
    if bad:
        raise ModelError(f"{bad} of {n_cells} cells have NaN or infinite coordinates", where=where, fix=fix)
    return array


def write_embedding(path: Path, embedding: np.ndarray, obs_names: np.ndarray) -> None:
    """Write embedding.npz: float32 [n_cells, d] and the cell names, no pickle."""
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, embedding=embedding, obs_names=np.asarray(obs_names, dtype=np.str_))


def read_embedding(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read embedding.npz back as (embedding, obs_names).

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    file = read_arrays(path, "embedding", "obs_names", fix=made_again(path, "embedding.npz", "record.json"))
    return file["embedding"], file["obs_names"]


def join(embedding: np.ndarray, names: np.ndarray, wanted: np.ndarray, where: str) -> np.ndarray:
    """Return the rows of `embedding` in the order of `wanted`, joined by cell name.

    Raises
    ------
    DataError
        If a wanted cell has no row, or a name stands twice.
    """
    row_of = {str(name): row for row, name in enumerate(names)}
    missing = [name for name in wanted if str(name) not in row_of]
    if missing or len(row_of) != len(names):
        what = f"{len(missing)} cells have no embedding" if missing else "cell names occur twice"
        raise DataError(f"{what} (first: {missing[0] if missing else '-'})", where=where, fix="embed the dataset again")
    return embedding[[row_of[str(name)] for name in wanted]]
