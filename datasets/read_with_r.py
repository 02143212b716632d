"""Reader for R files that rdata cannot open, through R itself: an optional reader, where Rscript is installed.

Options: ``file``, ``object`` (the saved object), ``experiment`` (the assay of a SummarizedExperiment) or ``matrix`` (a
column or entry that is a matrix) with ``orientation``; ``batch``, ``label``, ``donor`` … as for tables, columns being
those of colData or of the data frame. R is given names only, never code from a card; but R itself may run code that a
saved object carries, so a card needs the checksum of every file that is read this way.
"""

from __future__ import annotations

import csv
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError, NotAvailable
from scarena.datasets.joining import joined
from scarena.datasets.raw import OBS_KEYS, Raw
from scarena.datasets.read_tables import column

_TIMEOUT_S = 600
_INSTALL = "install R with SummarizedExperiment (Debian: r-base-core, r-bioc-singlecellexperiment)"
# What the script below says when a package is missing; R itself ends with 1 on an error.
_LACKS = 3

_EXPORT = """
args <- commandArgs(trailingOnly = TRUE)
for (needed in c("Matrix", if (args[3] == "assay") "SummarizedExperiment")) {
  if (!requireNamespace(needed, quietly = TRUE)) { cat(needed); quit(status = 3) }
  suppressMessages(library(needed, character.only = TRUE))
}
space <- new.env(); load(args[1], space)
x <- get(args[2], space)
if (args[3] == "assay") {
  m <- assay(x, args[4]); cells <- as.data.frame(colData(x))
  about <- as.data.frame(rowData(x)); about <- about[, sapply(about, is.atomic), drop = FALSE]
  if (ncol(about)) write.table(about, file.path(args[5], "features.tsv"), sep = "\\t", row.names = FALSE)
} else {
  m <- x[[args[4]]]; keep <- names(x)[!sapply(x, is.matrix)]; cells <- as.data.frame(x[keep])
}
cells <- cells[, sapply(cells, function(v) is.atomic(v) && is.null(dim(v)) && !inherits(v, "AsIs")), drop = FALSE]
write.table(cells, file.path(args[5], "cells.tsv"), sep = "\\t", quote = FALSE)
if (args[6] == "cells_by_genes") m <- t(m)
genes <- rownames(m)
names <- if (is.null(colnames(m))) paste0("cell", seq_len(ncol(m))) else colnames(m)
writeLines(genes, file.path(args[5], "genes.txt")); writeLines(names, file.path(args[5], "names.txt"))
m <- as(as(as(m, "dMatrix"), "generalMatrix"), "CsparseMatrix")
for (slot in c("p", "i", "x")) writeBin(slot(m, slot), file.path(args[5], slot), endian = "little")
"""


def _rscript() -> str:
    found = shutil.which("Rscript")
    if found is None:
        raise NotAvailable("R is not installed", where="reader `r`", fix=_INSTALL)
    return found


def read(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Have R write the matrix and the table of cells to a temporary folder, and read them.

    Raises
    ------
    NotAvailable
        If R or its package is missing: a state of the dataset on this machine, not an error of the board.
    DataError
        If R cannot read the file or finds no such object in it.
    """
    path = files[options.get("file", next(iter(files)))]
    kind, inner = ("assay", options["experiment"]) if "experiment" in options else ("matrix", options["matrix"])
    orientation = options.get("orientation", "genes_by_cells")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "export.R").write_text(_EXPORT)
        given = [str(path), options["object"], kind, inner, str(folder), orientation]
        command = [_rscript(), "--vanilla", str(folder / "export.R"), *given]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            what = f"R did not finish within {_TIMEOUT_S} s"
            raise DataError(what, where=str(path), fix="read it on a faster machine, or write it as h5ad") from None
        if done.returncode == _LACKS:
            raise NotAvailable(f"R lacks the package {done.stdout.strip()}", where="reader `r`", fix=_INSTALL)
        if done.returncode != 0:
            said = " ".join(done.stderr.split())[-160:]
            raise DataError(f"R could not read it ({said})", where=str(path), fix="pull it again or correct the card")
        # Columns of R's genes × cells are the rows of cells × genes, so its three slots are a CSR matrix as they are.
        parts = [np.fromfile(folder / slot, dtype=kind) for slot, kind in (("x", "<f8"), ("i", "<i4"), ("p", "<i4"))]
        genes = pd.Index((folder / "genes.txt").read_text().splitlines()).to_numpy()
        cells = pd.Index((folder / "names.txt").read_text().splitlines())
        table = pd.read_csv(folder / "cells.tsv", sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)
        features = _features(folder / "features.tsv", len(genes))
    # A SummarizedExperiment keeps its parts in one order; a data frame with a matrix in it has names of its own.
    metadata, note = (table.set_axis(cells), None) if kind == "assay" else joined(table, cells, str(path))
    counts = csr_matrix(tuple(parts), shape=(len(cells), len(genes)))
    obs = {key: column(options[key], cells, metadata, str(path)) for key in OBS_KEYS if key in options}
    return Raw(counts, pd.DataFrame(obs, index=cells), genes, features, notes=() if note is None else (note,))


def _features(path: Path, n_genes: int) -> pd.DataFrame | None:
    """Return what R's rowData says of each feature; None where it says nothing."""
    if not path.is_file():
        return None
    found = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    return found if len(found) == n_genes else None
