"""Writing a card for a user's dataset, having prepared it once; what `scarena add-dataset` does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from scarena.base.counted import counted
from scarena.base.errors import CardError, ConfigError, DataError
from scarena.base.files import check_output, write_text
from scarena.base.folders import check_source, digest_of
from scarena.base.progress import tell
from scarena.base.text import named, tidied
from scarena.base.untrusted import read_yaml
from scarena.cli.own_reader import OwnFile, OwnReader, own_reader
from scarena.datasets.formats import stem_of

if TYPE_CHECKING:
    import pandas as pd

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_TERM = re.compile(r"CL:\d{7}")


def add_dataset(
    own: OwnFile, *, name: str | None, folder: Path, replace: bool = False, cache: Path = Path(".cache"),
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Path, list[str]]:  # fmt: skip
    """Write a card for a user's file, having prepared it once to see that it holds what a board needs.

    Parameters
    ----------
    own
        The file, and what its user says of it.
    name
        Of the dataset; the file's where None.
    folder
        Where cards of one's own live.
    replace
        Whether a card of another file that has the name may be replaced.
    cache
        Where the gene table is kept.
    say
        Given a line on what the file is, once it was read.

    Returns
    -------
    The card's path, and lines to print: what was found in the file, dropped, renamed or assumed.

    Raises
    ------
    DataError, CardError, OntologyError, ConfigError
        If the file, the columns or the map cannot be used, or the name is taken; nothing is written then.
    """
    from scarena.datasets.card import parse_card
    from scarena.datasets.ontology import CellOntology
    from scarena.datasets.prepare import to_anndata
    from scarena.datasets.summary import summary

    tell(f"reading {own.file.name}")
    reader = own_reader(own)
    path, replaced = _place(own.file, name, folder, replace=replace)
    raw, lines = reader.read(cache)
    labels = sorted({text for text in named(raw.obs["label"]).tolist() if text is not None})
    terms, told = _terms(own, reader, labels)
    tell(f"computing the checksum of {own.file.name}")
    card = _card(path.stem, own, reader, terms, raw.genes)
    parsed, ontology = parse_card(card, str(own.file)), CellOntology.load()
    tell("preparing it, to see that it holds what a board needs")
    data = to_anndata(raw, parsed, ontology, cache=cache, mirror=None)
    data.uns["card"] = parsed.model_dump_json()
    found = summary(data)
    if len(found["types"]) < 2:
        raise CardError("one cell type only", where=path.stem, fix="name a column with at least two cell types")
    if own.one_batch and len(found["batches"]) > 1:
        what = f"column {own.batch!r} has {len(found['batches'])} batches, not one"
        raise ConfigError(what, where="--one-batch", fix="leave it out, or name another column")
    if replaced:
        path.replace(path.with_name(f"{path.name}.old"))
        told.append(f"replaced the card that was there, which is kept as {path.name}.old")
    write_text(path, yaml.safe_dump(card, sort_keys=False, allow_unicode=True))
    # Not before: what cannot be used is one line.
    say(f"{own.file}: {reader.words}")
    return path, [_facts(found), *lines, *found["notes"], *told, _JOINS]


_JOINS = "it joins every board whose config has `include_user_cards: true` (config/demo.yaml has)"


def _facts(found: dict[str, Any]) -> str:
    sizes = f"{found['n_cells']:,} cells, {found['n_genes']:,} genes"
    return f"{sizes}, {counted(len(found['batches']), 'batch', 'batches')}, {len(found['types'])} cell types"


def _place(file: Path, name: str | None, folder: Path, *, replace: bool) -> tuple[Path, bool]:
    """Return where the card goes, and whether there is one already that may be replaced."""
    from scarena.datasets.card import card_names

    name = name or re.sub(r"[^a-z0-9]+", "_", stem_of(file).lower()).strip("_")
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} cannot be a dataset's name", where="--name", fix="use a-z, 0-9, _ and -")
    if name in card_names():
        raise ConfigError(f"scArena has a dataset called {name!r}", where="--name", fix="give another --name")
    path = folder / f"{name}.yaml"
    check_output(path, file)
    if not path.exists():
        return path, False
    if not replace and _file_of(path) != str(file.resolve()):
        what = f"is the card of another file, {_file_of(path) or 'which cannot be told'}"
        raise ConfigError(what, where=str(path), fix="give another --name, or --replace to mean it")
    return path, True


def _file_of(card: Path) -> str | None:
    """Return the first file that a card names, None where it cannot be told."""
    try:
        return str(read_yaml(card, CardError)["files"][0]["url"]).removeprefix("file:")
    except (CardError, KeyError, IndexError, TypeError):
        return None


def _read_map(path: Path) -> dict[str, str | None]:
    found = read_yaml(path, ConfigError, fix="give YAML: label: CL:0000000", text=True)
    if not isinstance(found, dict):
        raise ConfigError("not a mapping", where=str(path), fix="write one `label: CL:0000000` (or null) a line")
    return {tidied(label): term for label, term in found.items()}


def _terms(own: OwnFile, reader: OwnReader, labels: list[str]) -> tuple[dict[str, str | None], list[str]]:
    """Return the term of each label, from the map and then from a column of the file; and lines to say."""
    mapped, told = ({} if own.ontology_map is None else _read_map(own.ontology_map)), list[str]()
    idle = sorted(set(mapped) - set(labels))
    if mapped and len(idle) == len(mapped):
        fix = f"labels in the file: {', '.join(labels)}"
        raise ConfigError(f"maps no label of column {own.label!r}", where=str(own.ontology_map), fix=fix)
    if idle:
        told.append(f"labels of the map that the file does not have: {', '.join(idle)}")
    published = {} if own.terms is None else _published_terms(reader.cells, own)
    terms = {each: mapped[each] if each in mapped else published.get(each) for each in labels}
    unmapped = [label for label, term in terms.items() if term is None]
    if unmapped:
        told.append(f"no Cell Ontology term for: {', '.join(unmapped)} (ontology metrics leave these out)")
        told += _term_column(reader.cells, own)
    return terms, told


def _published_terms(cells: pd.DataFrame, own: OwnFile) -> dict[str, str]:
    """Return the term that a column of the file has for each label, where it has one alone."""
    if own.terms not in cells:
        fix = f"one of: {', '.join(map(str, cells.columns))}"
        raise DataError(f"obs has no column {own.terms!r}", where=f"{own.file} (--terms)", fix=fix)
    found: dict[str, set[str]] = {}
    for label, term in zip(named(cells[own.label]).tolist(), named(cells[own.terms]).tolist(), strict=True):
        if label is not None and term is not None:
            found.setdefault(label, set()).add(term)
    several = {label: sorted(terms) for label, terms in found.items() if len(terms) > 1}
    if several:
        label, terms = next(iter(sorted(several.items())))
        what = f"{len(several)} labels have several terms (first: {label!r}: {', '.join(terms[:3])})"
        raise DataError(what, where=f"{own.file}: obs[{own.terms!r}]", fix="give --ontology-map instead")
    return {label: next(iter(terms)) for label, terms in found.items() if _TERM.fullmatch(next(iter(terms)))}


def _term_column(cells: pd.DataFrame, own: OwnFile) -> list[str]:
    """Return a line that names a column of Cell Ontology terms, where the file has one that was not asked for."""
    if own.terms is not None:
        return []
    for column in cells:
        texts = {text for text in named(cells[column].iloc[:1000]).tolist() if text is not None}
        if texts and sum(_TERM.fullmatch(text) is not None for text in texts) > len(texts) / 2:
            return [f"the file has Cell Ontology terms: `--terms {column}` takes them"]
    return []


def _card(name: str, own: OwnFile, reader: OwnReader, terms: dict[str, str | None], genes: Any) -> dict[str, Any]:
    files = [_source(key, path) for key, path in reader.files.items()]
    ensembl = sum(str(gene).startswith("ENSG") for gene in genes) > len(genes) / 2
    return {
        "name": name,
        "title": name,
        "description": f"added from {own.file.name}",
        "role": "benchmark",
        "files": files,
        "reader": {"name": reader.name, "options": reader.options},
        "labels": terms,
        "gene_ids": "ensembl" if ensembl else "symbol",
        "counts": "lognorm" if own.depth else "integer",
        **({"not_applicable": {"batch": "one batch"}} if own.one_batch else {}),
    }


def _source(key: str, path: Path) -> dict[str, Any]:
    size = check_source(path, DataError, fix="give the path of a file or a .zarr store")
    return {"key": key, "url": f"file:{path.resolve()}", "sha256": digest_of(path), "bytes": size}
