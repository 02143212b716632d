"""Reading board.json and scores.json back: their schema is checked, so that a page is made of a board or not at all.

A board may come from elsewhere. Names become folders and ids of the page, so they are held to the pattern of names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scarena.base.advice import made_again
from scarena.base.errors import DataError
from scarena.base.untrusted import read_object
from scarena.base.validated import faults
from scarena.steps.config import Name

_ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.@-]*$")]
_Number = Annotated[float, Field(allow_inf_nan=False)]
# What it is read from stays as it is, so a number that is told as text may not pass for one.
_Count = Annotated[int, Field(ge=0, strict=True)]


class _Part(BaseModel):
    """Further keys are left as they are: a later version may write more than is read here."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class _Score(_Part):
    value: _Number | None
    state: str
    reason: str = ""
    low: _Number | None = None
    high: _Number | None = None


class _Mistakes(_Part):
    n_cells: _Count
    n_wrong: _Count
    n_compared: _Count
    by_distance: list[tuple[_Count | None, _Count]]
    confused: list[tuple[str, str, _Count, _Count | None]]

    @model_validator(mode="after")
    def _adds_up(self) -> _Mistakes:
        told = sum(cells for _, cells in self.by_distance)
        if told != self.n_wrong or sum(each[2] for each in self.confused) > told or told > self.n_cells:
            raise ValueError("the cells do not add up")
        return self


class _Run(_Part):
    dataset: Name
    model: _ModelName
    seed: Annotated[int, Field(ge=0)]
    state: str
    reason: str
    scores: dict[str, _Score]
    # What the model decided for the cells, as it says itself.
    notes: list[str] = []
    # Of boards since there is a details.npz, and there of runs that were scored.
    mistakes: _Mistakes | None = None


class _DatasetCard(_Part):
    title: str
    licence: str
    study: list[str] = []


class _Types(_Part):
    n_cells: int
    n_genes: int
    batches: dict[str, int]
    types: dict[str, Any]


class _Dataset(_Part):
    dataset: Name
    state: str
    reason: str
    card: _DatasetCard
    sources: dict[str, str | None]
    summary: _Types | None = None


class _Model(_Part):
    name: _ModelName
    title: str
    family: Literal["foundation", "baseline", "control"]
    description: str
    fingerprint: str
    control: Literal["positive", "negative"] | None
    uses_labels: bool
    trains_on_target: bool
    holds: list[str] = []


class _Overall(_Part):
    model: _ModelName
    metric: str
    value: _Number | None
    low: _Number | None
    high: _Number | None
    rank_low: int | None
    rank_high: int | None
    tie_group: int | None
    coverage: _Number


class _Check(_Part):
    dataset: Name
    metric: str
    # Of boards since there are several positive controls; before, it was the labels.
    control: _ModelName = "labels"
    against: _ModelName = ""
    counts: Annotated[bool, Field(strict=True)] = False
    discriminates: bool
    positive: _Number
    negative: _Number
    margin_low: _Number | None = None


class _Gate(_Part):
    dataset: Name
    metric: str
    verdict: Literal["passes", "fails", "unchecked"]
    reason: str
    share: _Number | None


class _Timing(_Part):
    dataset: str
    model: str | None
    step: str
    wall_s: _Number
    # Of published runs nobody may have told it.
    peak_rss_mb: _Number | None
    cells_per_s: _Number | None = None


class _Seen(_Part):
    model: str
    dataset: str
    state: str


class _Origin(_Part):
    """A board that a merged one was made of."""

    board: str
    title: str
    sha256: str
    versions: dict[str, str]
    commits: list[str]
    seeds: list[int]
    cl_release: str
    device: str
    hardware: dict[str, str | _Number]
    metrics: str | None
    runs: int
    runs_with_replicates: int


class _Provenance(_Part):
    versions: dict[str, str]
    commits: list[str]
    seeds: list[int]
    cl_release: str
    device: str
    hardware: dict[str, Any]
    metrics: str | None = None
    merged: list[_Origin] = []
    # Of a board that others measured.
    measured_by: str = ""
    date: str = ""
    version: str = ""
    licence: str = ""
    source: str = ""
    citation: str = ""
    notes: list[str] = []
    columns: list[str] = []
    files: dict[str, str] = {}
    means: dict[str, str] = {}

    @model_validator(mode="after")
    def _says_whose(self) -> _Provenance:
        if self.measured_by and not all((self.date, self.version, self.licence, self.source, self.columns)):
            raise ValueError("measured by others: date, version, licence, source and columns are needed")
        return self


class _Board(_Part):
    schema_number: Literal[1] = Field(alias="schema")
    board: Name
    title: str
    headline: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] = "total"
    datasets: list[_Dataset]
    models: list[_Model]
    cells: list[_Run]
    overall: list[_Overall]
    controls: list[_Check]
    # Of boards since there is a metric gate.
    gate: list[_Gate] = []
    contamination: list[_Seen] = []
    timings: list[_Timing]
    provenance: _Provenance

    @model_validator(mode="after")
    def _measured_memory(self) -> _Board:
        if not self.provenance.measured_by and any(row.peak_rss_mb is None for row in self.timings):
            raise ValueError("timings: a run of our own has a peak memory")
        return self


def _held_to(kind: type[BaseModel], path: Path, what: str, fix: str) -> dict[str, Any]:
    found = read_object(path, fix=fix)
    try:
        kind.model_validate(found)
    except ValidationError as error:
        raise DataError(f"not {what} of this version ({faults(error, 3)[:200]})", where=str(path), fix=fix) from None
    return found


def read_board(path: Path) -> dict[str, Any]:
    """Return a board as `scarena board` writes it.

    Raises
    ------
    DataError
        If the file is missing, damaged, of another schema, or names what it does not have.
    """
    fix = "make it again with `scarena board`, or name another"
    found = _held_to(_Board, path, "a board", fix)
    datasets, models = {d["dataset"] for d in found["datasets"]}, {m["name"] for m in found["models"]}
    rows = [*found["cells"], *found["overall"], *found["controls"], *found.get("gate", [])]
    unknown = {str(row["model"]) for row in rows if "model" in row} - models
    unknown |= {row["dataset"] for row in rows if "dataset" in row} - datasets
    runs = {(cell["dataset"], cell["model"]) for cell in found["cells"]}
    if unknown or len(runs) != len(datasets) * len(models):
        what = f"it has rows of {sorted(unknown)[0]!r}, which it does not list" if unknown else "runs are missing"
        raise DataError(what, where=str(path), fix=fix)
    return found


def read_scores(path: Path) -> dict[str, Any]:
    """Return the scores of a run as `scarena score` writes them.

    Raises
    ------
    DataError
        If the file is missing, damaged or of another schema.
    """
    return _held_to(_Run, path, "scores", made_again(path, "scores.json"))
