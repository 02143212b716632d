"""What a user's file is to a model: counts over Ensembl ids with batch and label, and where vectors go back to.

Stricter than reading: what is no count, a cell without a batch or a name that occurs twice is refused here, in a line.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scarena.base.errors import ConfigError, DataError
from scarena.base.files import check_output, replacing
from scarena.datasets.accepted import gene_counts
from scarena.datasets.counts import whole
from scarena.datasets.genes import gene_table, map_genes, table_for
from scarena.datasets.read_h5ad import refuse_links
from scarena.datasets.readers import find_reader

if TYPE_CHECKING:
    from anndata import AnnData

KEY = "X_scarena_fm"
"""Of obsm, where vectors are written into an h5ad."""


def read_cells(
    path: Path, *, layer: str | None = None, genes: str | None = None, batch: str | None = None,
    label: str | None = None, cache: Path = Path(".cache"), symbols: bool = False,
) -> AnnData:  # fmt: skip
    """Read an h5ad for a model.

    Parameters
    ----------
    path
        The file: raw counts, human genes by Ensembl id or symbol. Features that are no genes are left out.
    layer
        Where the counts are; X where not given, ``raw`` for ``.raw.X``.
    genes
        Column of var with the names of genes; its index where not given.
    batch, label
        Columns of obs. A cell must have a batch; it may have no label.
    cache
        Where the gene table is kept; it is pulled where genes are given by symbol.
    symbols
        Whether symbols are wanted of genes that are given by id too.

    Returns
    -------
    Counts over Ensembl ids with ``var["symbol"]`` (the id where no symbol is known), and in obs ``batch`` and ``label``
    where asked for; in ``uns["notes"]`` what was dropped or renamed, a line each.

    Raises
    ------
    DataError
        If the file cannot be read, its values are no counts, cell names are not unique, a column is missing, a cell has
        no batch, or the genes that are known have under a tenth of the counts.
    SourceError
        If the gene table cannot be had.
    """
    from anndata import AnnData as New

    if not path.is_file():
        raise DataError("no such file", where=str(path), fix="give the path of an .h5ad file")
    options = {"layer": layer, "genes": genes, "batch": batch, "label": label}
    raw = find_reader("h5ad", str(path))({"h5ad": path}, options)
    twice = raw.obs.index[raw.obs.index.duplicated()]
    if len(twice):
        what = f"{len(twice)} cell names occur twice (first: {twice[0]!r})"
        raise DataError(what, where=f"{path}: obs_names", fix="make them unique")
    if batch is not None and raw.obs["batch"].isna().any():
        what = f"{int(raw.obs['batch'].isna().sum())} cells have no batch"
        raise DataError(what, where=f"{path}: obs[{batch!r}]", fix="give every cell one")
    counts = whole(gene_counts(raw), f"{path}: {layer or 'X'}", advice=raw.advice, dtype=np.int64)
    table = gene_table(cache=cache) if symbols else table_for(raw.genes, cache=cache)
    mapped = map_genes(counts, raw.genes, table, str(path), raw.features)
    data = New(mapped.counts, obs=raw.obs.copy(), var=pd.DataFrame({"symbol": mapped.symbols}, index=mapped.ids))
    data.uns["notes"] = [*raw.notes, *mapped.notes]
    return data


def ids_of(data: AnnData, names: Sequence[str]) -> list[str]:
    """Return the Ensembl ids of genes of a dataset, each given by id or symbol.

    Raises
    ------
    DataError
        If the data does not have one of them.
    """
    by_symbol: dict[str, str] = {}
    for gene, symbol in sorted(zip(data.var_names, data.var["symbol"], strict=True)):
        by_symbol.setdefault(str(symbol), str(gene))
    known = set(data.var_names)
    found = [name if name in known else by_symbol.get(name) for name in names]
    missing = [name for name, gene in zip(names, found, strict=True) if gene is None]
    if missing:
        fix = "name genes that the file has, by symbol or Ensembl id"
        raise DataError(f"not measured: {', '.join(missing[:5])}", where="genes", fix=fix)
    return [gene for gene in found if gene is not None]


def some_cells(data: AnnData, n_cells: int | None, seed: int) -> AnnData:
    """Return so many cells drawn at random, in their order; all where there are no more."""
    if n_cells is None or n_cells >= data.n_obs:
        return data
    rows = np.random.default_rng(seed).permutation(data.n_obs)[: max(1, n_cells)]
    return data[np.sort(rows)].copy()


def check_out(out: Path, source: Path | None = None) -> None:
    """Refuse a file for vectors that is neither .npz nor .h5ad, is the source itself, or cannot be written.

    Raises
    ------
    ConfigError, WorkspaceError
        If it is.
    """
    check_output(out, source)
    if out.suffix not in (".npz", ".h5ad"):
        raise ConfigError(f"cannot write {out.suffix or 'a folder'}", where=str(out), fix="end it in .npz or .h5ad")


def write_vectors(out: Path, z: np.ndarray, names: Sequence[str], source: Path) -> None:
    """Write vectors as a whole or not at all.

    Parameters
    ----------
    out
        ``.npz`` gets ``embedding`` and ``obs_names``, as a board's embedding.npz has them; ``.h5ad`` is the source with
        the vectors in ``obsm["X_scarena_fm"]``.
    z
        float32 [n_cells, Z].
    names
        Of the cells.
    source
        The file they were read from.

    Raises
    ------
    ConfigError
        If `out` is neither.
    """
    check_out(out)
    if out.suffix == ".npz":
        with replacing(out) as part, part.open("wb") as file:
            np.savez(file, embedding=z, obs_names=np.asarray(names, dtype=np.str_))
        return
    refuse_links(source)
    with replacing(out) as part:
        # The file as it is and one entry more: anndata cannot write all that it reads.
        shutil.copyfile(source, part)
        _add_vectors(part, z, names)


def _add_vectors(part: Path, z: np.ndarray, names: Sequence[str]) -> None:
    import h5py
    from anndata.io import read_elem, write_elem

    # By name: a file that changed meanwhile must not get other cells' vectors.
    table = pd.DataFrame(z, index=pd.Index(list(names)))
    with h5py.File(part, "r+") as file:
        cells = read_elem(file["obs"]).index.astype(str)
        if "obsm" not in file:
            write_elem(file, "obsm", {})
        write_elem(file["obsm"], KEY, table.loc[cells].to_numpy())


def write_table(out: Path, table: pd.DataFrame, *, index: bool = True) -> None:
    """Write a table as CSV, as a whole or not at all; what is missing is an empty field."""
    with replacing(out) as part:
        table.to_csv(part, index=index)
