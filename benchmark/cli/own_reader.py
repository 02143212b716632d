"""How a user's file is read: the reader it is for, with the options that a card will have of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.base.errors import ConfigError, DataError
from scarena.datasets.formats import ANNOTATED, Form, cells_of, form_of, group_of, sep_of

if TYPE_CHECKING:
    import pandas as pd

    from scarena.datasets.genes import GeneTable
    from scarena.datasets.raw import Raw

_COUNTS = "counts"
"""The layer that goes before X, as scVI's and scIB's tutorials have it."""


@dataclass(frozen=True, slots=True)
class OwnFile:
    """What a user says of a file."""

    file: Path
    batch: str
    label: str
    """Columns of the table of cells."""
    layer: str | None = None
    genes: str | None = None
    """Column of var with the names of genes."""
    depth: str | None = None
    """Column with each cell's total, to have counts back from log1p of counts per 10,000."""
    cells: Path | None = None
    """Table of cells, beside a file that has none."""
    terms: str | None = None
    """Column with a Cell Ontology term of each cell."""
    ontology_map: Path | None = None
    one_batch: bool = False
    """Whether all cells are one batch, so that metrics of batches do not apply."""


@dataclass(frozen=True, slots=True)
class OwnReader:
    """A reader of a user's file."""

    name: str
    files: dict[str, Path]
    options: dict[str, Any]
    words: str
    """What the file is."""
    cells: pd.DataFrame
    """The table of cells."""
    lines: tuple[str, ...]
    """What was chosen that the user did not name."""

    def read(self, cache: Path) -> tuple[Raw, list[str]]:
        """Return what is in the file, and lines to say; a column of genes is chosen where var's index has none."""
        from scarena.datasets.annotated import gene_names
        from scarena.datasets.genes import gene_table
        from scarena.datasets.readers import find_reader

        raw = find_reader(self.name, "add-dataset")(self.files, self.options)
        if self.name not in ANNOTATED or "genes" in self.options or raw.features is None:
            return raw, [*self.lines]
        column = _better(raw, gene_table(cache=cache))
        if column is None:
            return raw, [*self.lines]
        self.options["genes"] = column
        line = f"genes: from the column {column!r} of var, since its index has no names that are known"
        return dataclasses.replace(raw, genes=gene_names(raw.features[column])), [*self.lines, line]


def _better(raw: Raw, table: GeneTable) -> str | None:
    from scarena.datasets.gene_advice import better_column

    known = sum(each is not None for each in table.ids(raw.genes))
    if raw.features is None or known > len(raw.genes) / 2:
        return None
    return better_column(raw.features, table.ids, known)


def own_reader(own: OwnFile) -> OwnReader:
    """Return how a file is read, having looked at its kind, its table of cells and where its counts are.

    Raises
    ------
    DataError
        If no reader takes the file, or a column is not there.
    ConfigError
        If an option is for other kinds of files.
    """
    form = form_of(own.file)
    if form.reader in {*ANNOTATED, "loom"} and own.cells is not None:
        fix = "leave it out, or add its columns to obs"
        raise ConfigError("the file has a table of cells of its own", where="--cells", fix=fix)
    cells = cells_of(form, own.cells)
    _check_columns(cells, own)
    if form.reader == "loom":
        return _loom(own, form, cells)
    if form.reader in ANNOTATED or own.cells is None:
        return _annotated(own, form, cells)
    for option, given in (("--layer", own.layer), ("--gene-column", own.genes), ("--depth", own.depth)):
        if given is not None:
            raise ConfigError(f"a {form.words} has none", where=option, fix="leave it out")
    return _beside_table(own, form, cells, own.cells)


def _check_columns(cells: pd.DataFrame, own: OwnFile) -> None:
    for option, column in (("--batch", own.batch), ("--label", own.label)):
        if column not in cells:
            known = ", ".join(map(str, cells.columns))
            raise DataError(f"obs has no column {column!r}", where=f"{own.file} ({option})", fix=f"one of: {known}")


def _annotated(own: OwnFile, form: Form, cells: pd.DataFrame) -> OwnReader:
    layer, lines = _layer(own, form)
    options = {"batch": own.batch, "label": own.label, "layer": layer, "genes": own.genes, "depth": own.depth}
    given = {key: value for key, value in options.items() if value is not None}
    return OwnReader(form.reader, dict(form.files), given, form.words, cells, lines)


def _loom(own: OwnFile, form: Form, cells: pd.DataFrame) -> OwnReader:
    if own.depth is not None:
        raise ConfigError(
            "totals are of an AnnData's logarithms", where="--depth", fix="name the layer with the counts"
        )
    options = {"batch": {"column": own.batch}, "label": {"column": own.label}, "counts": own.layer, "genes": own.genes}
    given = {key: value for key, value in options.items() if value is not None}
    return OwnReader(form.reader, dict(form.files), given, form.words, cells, ())


def _layer(own: OwnFile, form: Form) -> tuple[str | None, tuple[str, ...]]:
    """Return the layer with the counts: the one named, `counts`, X, or the only other one that holds whole numbers."""
    from scarena.datasets.count_places import places_with_counts

    if own.layer is not None or own.depth is not None:
        return own.layer, ()
    with group_of(form) as group:
        if "layers" in group and _COUNTS in group["layers"]:
            return _COUNTS, (f"counts: from the layer {_COUNTS!r}, which goes before X",)
        places = places_with_counts(group)
    if None in places or len(places) != 1:
        return None, ()
    return places[0], (f"counts: from {_spelt(places[0])}, since X holds none (`--layer {places[0]}` says the same)",)


def _spelt(layer: str | None) -> str:
    return "raw.X" if layer == "raw" else f"the layer {layer!r}"


def _beside_table(own: OwnFile, form: Form, cells: pd.DataFrame, beside: Path) -> OwnReader:
    """Return the reader of a file with a table of cells beside it."""
    options: dict[str, Any] = {
        **form.options,
        "metadata": {"file": "cells", "sep": sep_of(beside)},
        "batch": {"column": own.batch},
        "label": {"column": own.label},
    }
    if form.reader == "tables":
        options["orientation"] = _orientation(next(iter(form.files.values())), options["sep"], cells)
    return OwnReader(form.reader, {**form.files, "cells": beside}, options, form.words, cells, ())


def _orientation(path: Path, sep: str, cells: pd.DataFrame) -> str:
    """Return whether a table's rows are genes or cells: cells are those that the table of cells names."""
    from scarena.datasets.read_tables import names_of

    columns, rows = names_of(path, sep)
    known = {str(name) for name in cells.index}.union(*(set(map(str, cells[column])) for column in cells))
    return "cells_by_genes" if len(known & set(rows)) > len(known & set(columns)) else "genes_by_cells"
