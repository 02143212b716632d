"""The cells that models may learn from, beside a prepared dataset of perturbations, and the audit of them.

A file of its own, read by rows: most models learn from mean profiles, and a screen has many cells.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.advice import made_again
from scarena.base.errors import DataError
from scarena.base.files import replacing
from scarena.base.untrusted import reading

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.datasets.response_split import Split

CONTROL = ""
"""What stands for a profile where nothing was done to a cell."""


def learned_file(dataset: Path) -> Path:
    """Return where the cells of a prepared dataset lie, which may have none."""
    return dataset.with_name("cells.h5ad")


def write_learned(cells: AnnData | None, dataset: Path) -> None:
    """Write cells beside a prepared dataset, or take away those of an earlier one.

    Parameters
    ----------
    cells
        Log-normalised expression of the measured genes on the scale of the profiles, CSR float32; ``obs["profile"]``,
        `CONTROL` for the models' half of the control, and ``obs["context"]``.
    dataset
        The prepared dataset.
    """
    path = learned_file(dataset)
    if cells is None:
        path.unlink(missing_ok=True)
        return
    with replacing(path) as part:
        cells.write_h5ad(part, compression="gzip")


def read_learned(dataset: Path, split: Split) -> AnnData:
    """Return the cells that a model may learn from in one split: of its training, and the models' half of the control.

    No other cell is read.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    import h5py
    from anndata import AnnData as New
    from anndata.io import read_elem, sparse_dataset

    from scarena.datasets.stores.hdf5 import check_hdf5

    path, fix = learned_file(dataset), made_again(dataset, "dataset.h5ad", "dataset.json")
    with reading(path, what="no readable cells of perturbations", fix=fix):
        check_hdf5(path, matrices=False)
        with h5py.File(path, "r") as file:
            obs, var = read_elem(file["obs"]), read_elem(file["var"])
            obs = obs.astype({"profile": str, "context": str})
            rows = np.flatnonzero(obs["profile"].isin([CONTROL, *split.training]).to_numpy())
            values = sparse_dataset(file["X"])[rows]
    found = New(values, obs=obs.iloc[rows].copy(), var=var)
    if lines := cell_leaks(split, found.obs["profile"]):
        raise DataError(lines[0], where=str(path), fix="report it: nothing that is asked about may be learned from")
    return found


def cell_leaks(split: Split, profiles: Collection[str]) -> tuple[str, ...]:
    """Return what of the cells handed to a model it may not see, a line each; nothing if all is well.

    Parameters
    ----------
    split
        Who learns from what; see `scarena.datasets.response_splits.leaks` for what its profiles give away.
    profiles
        The profile of each cell, `CONTROL` where nothing was done to it.
    """
    there = set(profiles) - {CONTROL}
    asked = [f"{split.name}: a cell of {name!r} is handed over, which is asked about" for name in split.asked
             if name in there]  # fmt: skip
    strange = sorted(there - set(split.training) - set(split.asked))
    return (
        *asked,
        *(f"{split.name}: a cell of {name!r} is handed over, which is not learned from" for name in strange),
    )
