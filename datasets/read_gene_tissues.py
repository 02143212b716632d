"""Reader for a table of genes by tissues: one column of Ensembl ids, one of expression for each tissue, none logged.

Options
-------
file: KEY
    The table, parted by tabs; a gzip is unpacked. Genes that some tissue did not measure are left out and counted, so
    that the tissue of the maximum, and what a gene is specific to, are of all tissues.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from scarena.base.errors import DataError
from scarena.base.untrusted import check_names, reading
from scarena.datasets.gene_raw import Asked, RawGenes
from scarena.datasets.known_genes import KnownGenes
from scarena.datasets.read_tables import check_unpacked_text, opened

_FIX = "give a table of Ensembl ids and expression, parted by tabs"


def read_profiles(path: Path) -> pd.DataFrame:
    """Return log1p of expression, a row a gene by its name as written, a column a tissue; NaN where none is stated.

    Raises
    ------
    DataError
        If it is no such table, a gene is in it twice, or a value is below 0 or infinite.
    """
    check_unpacked_text(path)
    with reading(path, what="no table of genes by tissues", fix=_FIX), opened(path) as stream:
        table = pd.read_csv(stream, sep="\t", index_col=0, dtype={0: str})
        table = table.set_axis(table.index.astype(str)).astype(np.float64)
    if table.empty:
        raise DataError("no gene in it, or no tissue", where=str(path), fix=_FIX)
    _check_once(table.index, str(path))
    if bad := int(((table < 0) | np.isinf(table)).to_numpy().sum()):
        raise DataError(f"{bad:,} values are below 0 or infinite", where=str(path), fix="give expression, not its log")
    check_names([*table.columns.astype(str)], str(path))
    return pd.DataFrame(np.log1p(table.to_numpy()), table.index.rename(None), table.columns)


def _check_once(genes: pd.Index, where: str) -> None:
    twice = genes[genes.duplicated()]
    if len(twice):
        what = f"{len(twice):,} genes are in it twice (first: {twice[0]!r})"
        raise DataError(what, where=where, fix="keep one row a gene")


class Options(Asked):
    """What a card may ask for."""

    file: str


def read(files: Mapping[str, Path], asked: Options, known: KnownGenes) -> RawGenes:
    """Read the profiles of the genes that are asked about, as the card's options say."""
    path = files[asked.file]
    profiles = read_profiles(path)
    ids = known.ids(list(profiles.index), "ensembl", str(path))
    profiles = profiles.set_axis([str(gene) for gene in ids])
    coding = profiles[profiles.index.isin(known.universe)]
    _check_once(coding.index, str(path))
    whole = coding[coding.notna().all(axis=1)].sort_index()
    said = (
        f"{len(profiles) - len(coding):,} of {len(profiles):,} genes code for no protein that is known",
        f"{len(coding) - len(whole):,} genes were not measured in every tissue and are left out",
    )
    return RawGenes(genes=tuple(whole.index), tissues=whole, notes=said)
