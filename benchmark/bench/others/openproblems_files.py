"""What openproblems publishes of batch integration, held to its form, and what is said here of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from scarena.base.errors import DataError
from scarena.base.untrusted import reading
from scarena.base.validated import faults
from scarena.bench.others.source import Source, Strict, load
from scarena.datasets.card import DatasetCard, Reader, SourceFile

_FIX = "pull it again; the checksum of another version is another"


def _missing(value: object) -> object:
    return None if value == "NA" else value


_Value = Annotated[float | None, BeforeValidator(_missing)]


class Dataset(Strict):
    """What is said here of one of their datasets: our name, and what their file leaves out."""

    name: str
    species: Literal["human", "mouse"]
    tissue: str


class Method(Strict):
    """What is said here of one of their methods; `adapter` names the adapter whose card tells its training corpus."""

    family: Literal["foundation", "baseline", "control"]
    returns: tuple[Literal["embedding", "feature", "graph"], ...]
    fitted: bool = False
    batch: bool = False
    labels: bool = False
    control: Literal["positive", "negative"] | None = None
    holds: tuple[Literal["types", "distances"], ...] = ()
    parameters: int | None = None
    training_cells: int | None = None
    adapter: str | None = None

    def gives(self, needed: str | None) -> bool:
        """Return whether a metric that needs this of a method can have a value: expression is embedded by them."""
        return needed is None or needed in self.returns or (needed == "embedding" and "feature" in self.returns)


class Mapped(Strict):
    """One of their metrics: the key it stands under, what theirs is, what ours is, what differs."""

    key: str
    theirs: str
    ours: str
    differs: str
    needs: Literal["embedding", "feature"] | None = None


class OpenProblems(Source):
    """The whole of openproblems.yaml."""

    files: tuple[SourceFile, ...]
    datasets: dict[str, Dataset]
    methods: dict[str, Method]
    metrics: dict[str, Mapped]
    parts: dict[str, tuple[str, ...]]
    stand_ins: str
    mean_key: str

    def means(self) -> dict[str, str]:
        """Return, by our key, what the published value is and what differs from ours, for the page."""
        found = {
            m.key: f"Published as {theirs}: {m.theirs}. Differs: {m.differs}." for theirs, m in self.metrics.items()
        }
        parts = {group: f"Here the mean of {', '.join(keys)}: {self.stand_ins}. A part that most methods lack on a "
                 "dataset counts there for none." for group, keys in self.parts.items()}  # fmt: skip
        return {**found, **parts, "total": "Here 0.6 bio + 0.4 batch of these parts; not comparable with other totals."}

    def card(self) -> DatasetCard:
        """Return the files as a card, which is what files are pulled by."""
        return DatasetCard(
            name=self.name, title=self.title, description=self.title, role="smoke", files=self.files,
            reader=Reader(name="tables"),
        )  # fmt: skip


class _Theirs(BaseModel):
    """Their files say more than is read here."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


_Kind = TypeVar("_Kind", bound=_Theirs)


class Resources(_Theirs):
    """What a run cost, as they publish it."""

    exit_code: int
    duration_sec: _Value
    cpu_pct: _Value
    peak_memory_mb: _Value


class Result(_Theirs):
    """One run: a method on a dataset."""

    dataset_id: str
    method_id: str
    metric_values: dict[str, _Value]
    mean_score: float
    resources: Resources


class DatasetInfo(_Theirs):
    """Their description of a dataset."""

    dataset_id: str
    dataset_name: str
    dataset_summary: str
    data_reference: str
    data_url: str


class MethodInfo(_Theirs):
    """Their description of a method."""

    method_id: str
    method_name: str
    method_summary: str
    references_doi: list[str] | str | None = None
    code_url: str | None = None
    implementation_url: str
    code_version: str
    commit_sha: str


class Quality(_Theirs):
    """A line of their quality control."""

    name: str
    value: Any = None


class Files(Strict):
    """What the pinned files hold that is read here."""

    results: tuple[Result, ...]
    datasets: dict[str, DatasetInfo]
    methods: dict[str, MethodInfo]
    lost: dict[str, float]
    """By method, the share of its results that their quality control finds missing."""


@cache
def openproblems() -> OpenProblems:
    """Return openproblems.yaml."""
    return load(OpenProblems, "openproblems")


def read_files(paths: Mapping[str, Path], told: OpenProblems) -> Files:
    """Return what the pinned files hold.

    Raises
    ------
    DataError
        If one is not of the form that is known here, or names what openproblems.yaml does not.
    """
    results = tuple(_listed(paths["results"], Result))
    methods = {each.method_id: each for each in _listed(paths["methods"], MethodInfo)}
    datasets = {each.dataset_id: each for each in _listed(paths["datasets"], DatasetInfo)}
    for what, found, known in (
        ("dataset", {each.dataset_id for each in results} | datasets.keys(), told.datasets.keys() & datasets.keys()),
        ("method", {each.method_id for each in results} | methods.keys(), told.methods.keys() & methods.keys()),
        ("metric", {key for each in results for key in each.metric_values}, told.metrics.keys()),
    ):
        if unknown := sorted(found - known):
            raise DataError(f"it names a {what} {unknown[0]!r} that is not described", where=str(paths["results"]),
                            fix="pull the version that this release knows")  # fmt: skip
    lost = {}
    for line in _listed(paths["quality"], Quality):
        name = line.name.removeprefix("Method '").removesuffix("' %missing")
        if name in methods and line.name == f"Method '{name}' %missing":
            lost[name] = float(line.value)
    return Files(results=results, datasets=datasets, methods=methods, lost=lost)


def _listed(path: Path, kind: type[_Kind]) -> list[_Kind]:
    with reading(path, what="not a file of openproblems", fix=_FIX):
        found = json.loads(path.read_text(encoding="utf-8"))
    try:
        return [kind.model_validate(each) for each in found]
    except ValidationError as error:
        raise DataError(f"not of the known form ({faults(error, 3)[:200]})", where=str(path), fix=_FIX) from None
