"""`scarena suggest-map`: which terms of the Cell Ontology the labels of a file may mean. Nothing is applied."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scarena.base.counted import counted
from scarena.base.errors import ConfigError, DataError
from scarena.base.progress import tell
from scarena.cli.progress import shown
from scarena.datasets.formats import stem_of

if TYPE_CHECKING:
    from scarena.datasets.proposals import Suggestion

_MOST_LABELS = 2_000
_SHOWN = 60
"""Characters of a label that are printed; the map has it whole."""
_INDENT = " " * 20


def suggest_map(
    file: Annotated[Path, typer.Argument(help="h5ad, h5mu, zarr store, or what add-dataset reads with --cells")],
    label: Annotated[str, typer.Option(help="column of the cells with the cell type")],
    table: Annotated[Path | None, typer.Option("--cells", help="table of cells beside a file that has none")] = None,
    tissue: Annotated[str, typer.Option(help="where the cells come from, as: pancreas")] = "",
    most: Annotated[int, typer.Option(min=1, max=20, help="terms a label")] = 5,
    out: Annotated[Path | None, typer.Option(help="write a map for --ontology-map here, to be corrected")] = None,
    ontology: Annotated[str, typer.Option(help="an OBO file of the Cell Ontology; the pinned release")] = "package",
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, with every proposal")] = False,
) -> None:
    """Propose Cell Ontology terms for the labels of your file, with the evidence; nothing is applied."""
    from scarena.base.files import write_text
    from scarena.datasets.suggested_map import map_text

    if out is not None:
        check_new(out)
    with shown():
        tell(f"reading {file.name}")
        cells, unlabelled = labels_of(file, label, table)
        found, release = proposed(cells, tissue=tissue, most=most, ontology=ontology)
    if as_json:
        print(json.dumps([_plain(each, cells[each.label]) for each in found], indent=1, ensure_ascii=False))
    else:
        title = f"Cell Ontology {release}, for {label!r} of {file.name}"
        print("\n".join([title, *listed(found, cells, get_terminal_size().columns)]))
    for line in said_of(found, unlabelled):
        print(line, file=sys.stderr)
    if out is not None:
        write_text(out, map_text(found, cells, release=release, of=f"column {label} of {file.name}"))
        print(f"wrote {out}, to be corrected and given to add-dataset as --ontology-map", file=sys.stderr)


def check_new(path: Path) -> None:
    """Refuse to write a map over a file: somebody may have corrected it.

    Raises
    ------
    ConfigError
        If there is one.
    """
    if path.exists():
        raise ConfigError(
            "exists, and may have been corrected", where=str(path), fix="give another name, or move it away"
        )


def labels_of(file: Path, column: str, beside: Path | None = None) -> tuple[dict[str, int], int]:
    """Return the labels in a column of a file's cells, with their numbers of cells; and how many cells have none.

    Raises
    ------
    DataError
        If the file cannot be read, has no such column or no label in it, or what it holds is no text.
    """
    import pandas as pd

    from scarena.base.text import named
    from scarena.base.untrusted import check_names
    from scarena.datasets.formats import cells_of, form_of

    obs = cells_of(form_of(file), beside)
    where = f"{file} (--label {column})"
    if column not in obs:
        known = ", ".join(map(str, obs.columns)) or "none"
        raise DataError(f"obs has no column {column!r}", where=where, fix=f"one of: {known}")
    values = obs[column]
    kinds = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
    if not (pd.api.types.is_string_dtype(kinds.dtype) or _is_text(kinds)):
        fix = "name the column with the cell types' names"
        raise DataError(f"holds {kinds.dtype}, not names of cell types", where=where, fix=fix)
    labels = pd.Series(named(values))
    counts = labels.dropna().value_counts()
    cells = {str(name): int(n) for name, n in sorted(counts.items()) if n}
    if not cells:
        raise DataError("no cell has a label", where=where, fix="name another column")
    if len(cells) > _MOST_LABELS:
        what = f"{len(cells):,} different values, more than {_MOST_LABELS:,}"
        raise DataError(what, where=where, fix="name the column with the cell types")
    check_names(cells, where)
    return cells, int(labels.isna().sum())


def _is_text(values: Any) -> bool:
    return all(isinstance(each, str) for each in values.dropna().unique())


def proposed(
    cells: Mapping[str, int], *, tissue: str = "", most: int = 5, ontology: str = "package"
) -> tuple[list[Suggestion], str]:
    """Return what is proposed for labels, the most frequent first, and the ontology's release; say what takes long."""
    from scarena.datasets.suggest import Suggester
    from scarena.datasets.vocabulary import Vocabulary

    vocabulary = Vocabulary.load(ontology)
    labels = sorted(cells, key=lambda name: (-cells[name], name))
    suggester = Suggester(vocabulary)
    if tissue and not suggester.context(tissue):
        print(f"no term's name has the tissue {tissue!r}, so it decides nothing", file=sys.stderr)
    found = suggester.suggest(labels, most=most, tissue=tissue)
    return list(_told(found, len(labels))), vocabulary.ontology.release


def _told(found: Iterator[Suggestion], n_labels: int) -> Iterator[Suggestion]:
    for number, each in enumerate(found, 1):
        tell("looking at labels", number, n_labels, unit="labels")
        yield each


def listed(found: Sequence[Suggestion], cells: Mapping[str, int], width: int) -> list[str]:
    """Return lines for a terminal of `width` columns: a label, then its trusted proposal, or else all there are.

    A table of as much would be folded letter by letter in a terminal of 80 columns.
    """
    lines: list[str] = []
    for each in found:
        shown = each.label if len(each.label) <= _SHOWN else f"{each.label[:_SHOWN]}…"
        lines += ["", f"{shown} ({counted(cells[each.label], 'cell')})"]
        for proposal in each.proposals[: 1 if each.trusted else None]:
            lines += _folded(proposal.name, f"  {proposal.score:.2f}  {proposal.term:<10}  ", width)
            lines += _folded(proposal.evidence, _INDENT, width)
        if not each.proposals:
            lines += _folded(each.reason, _INDENT, width)
    return lines


def _folded(text: str, before: str, width: int) -> list[str]:
    return wrap(text, max(width, 40), initial_indent=before, subsequent_indent=_INDENT)


def said_of(found: Sequence[Suggestion], unlabelled: int) -> list[str]:
    """Return lines that sum up what was proposed."""
    from scarena.datasets.proposals import TRUSTED

    trusted = sum(each.trusted is not None for each in found)
    none = sum(not each.proposals for each in found)
    lines = [
        f"{len(found)} labels: {trusted} with a proposal of {TRUSTED} or more (look at each, it may be wrong), "
        f"{len(found) - trusted - none} with less sure ones, {none} with none; nothing was applied"
    ]
    if unlabelled:
        lines.append(f"{unlabelled:,} cells have no label")
    return lines


def map_for_card(
    file: Path, label: str, beside: Path | None = None, *, tissue: str = ""
) -> tuple[Path, str, list[str]]:
    """Return where to write a map for a dataset that is added, its text, and lines to print when it is written.

    Raises
    ------
    ConfigError, DataError
        If there is such a file, or the column holds no names of cell types.
    """
    from scarena.datasets.suggested_map import map_text

    out = Path(f"{stem_of(file)}.map.yaml")
    check_new(out)
    cells, unlabelled = labels_of(file, label, beside)
    found, release = proposed(cells, tissue=tissue)
    text = map_text(found, cells, release=release, of=f"column {label} of {file.name}")
    again = f"wrote {out}, which is not applied: correct it and run this again with --ontology-map {quote(str(out))}"
    return out, text, [again, *said_of(found, unlabelled)]


def _plain(suggestion: Suggestion, n_cells: int) -> dict[str, Any]:
    proposals = [
        {"term": p.term, "name": p.name, "rule": p.rule, "evidence": p.evidence, "score": p.score}
        for p in suggestion.proposals
    ]
    return {"label": suggestion.label, "cells": n_cells, "reason": suggestion.reason, "proposals": proposals}
