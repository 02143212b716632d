"""Small published boards: numbers of a paper's table or notebook, typed in with their source."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field, model_validator

from scarena.base.errors import ConfigError
from scarena.bench.others.board import board_of
from scarena.bench.others.source import FOLDER, Source, Strict, load
from scarena.metrics.scores import OK, Score
from scarena.models.base import ModelCard

Json = dict[str, Any]

NAMES = tuple(sorted(path.stem for path in (FOLDER / "transcribed").glob("*.yaml")))
_ABSENT = {"value": None, "state": "not available", "low": None, "high": None}


class Dataset(Strict):
    """What was asked, and of which cells."""

    title: str
    species: Literal["human", "mouse"]
    tissue: str


class Method(Strict):
    """One row of a table."""

    title: str
    family: Literal["foundation", "baseline", "control"]
    fitted: bool = False
    control: Literal["positive", "negative"] | None = None


class Table(Source):
    """One file: ``values`` by dataset and model, in the order of the columns; what is left off at the end is missing.

    ``means`` says by key what the published value is.
    """

    means: dict[str, str]
    datasets: dict[str, Dataset]
    models: dict[str, Method]
    values: dict[str, dict[str, tuple[float, ...]]] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> Table:
        if self.values.keys() != self.datasets.keys() or self.means.keys() != {*self.columns}:
            raise ValueError("values and datasets, or means and columns, do not have the same names")
        for dataset, rows in self.values.items():
            if unknown := sorted(rows.keys() - self.models.keys()):
                raise ValueError(f"{dataset}: {unknown[0]} is no model of it")
            if any(not 0 < len(row) <= len(self.columns) for row in rows.values()):
                raise ValueError(f"{dataset}: a row has more values than there are columns, or none")
        return self


def load_table(name: str) -> Table:
    """Return a published table by name.

    Raises
    ------
    ConfigError
        If there is none of the name.
    """
    if name not in NAMES:
        raise ConfigError(f"no published table {name!r}", where="published table", fix=f"one of: {', '.join(NAMES)}")
    return load(Table, f"transcribed/{name}")


def table_board(told: Table) -> Json:
    """Return a published table as a board; what it does not tell is not available, whatever the model."""
    return board_of(
        told, name=told.name, title=told.title, datasets=[_dataset(told, name) for name in told.datasets],
        models=[_model(told, name) for name in told.models],
        cells=[_cell(told, dataset, model) for dataset in told.datasets for model in told.models], timings=[],
        commits=[told.version.rpartition("@")[2]], files={}, means=told.means,
    )  # fmt: skip


def _cell(told: Table, dataset: str, model: str) -> Json:
    who = {"dataset": dataset, "model": model, "seed": 0}
    row = told.values[dataset].get(model)
    if row is None:
        return {**who, "state": "not available", "reason": "not among the values taken over", "scores": {}}
    absent = {**_ABSENT, "reason": "not among the values taken over"}
    scores = {key: asdict(Score.of(row[place])) if place < len(row) else absent
              for place, key in enumerate(told.columns)}  # fmt: skip
    return {**who, "state": OK, "reason": "", "scores": dict(sorted(scores.items()))}


def _dataset(told: Table, name: str) -> Json:
    card = {
        **told.datasets[name].model_dump(), "name": name, "kind": "cells", "licence": "cells: see the source",
        "description": "", "citation": told.citation, "notes": f"Scores: {told.source}.",
    }  # fmt: skip
    return {"dataset": name, "state": "ok", "reason": "", "card": card, "sources": {}}


def _model(told: Table, name: str) -> Json:
    ours = told.models[name]
    card = ModelCard(
        name=name, title=ours.title, family=ours.family, description=f"As {told.measured_by} ran it.",
        trains_on_target=ours.fitted, control=ours.control, source=told.source, lists_all_studies=False,
    )  # fmt: skip
    return {**card.model_dump(mode="json"), "fingerprint": told.version}
