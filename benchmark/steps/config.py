"""The configuration of one board: a YAML file read into a strict pydantic model.

`scarena config-schema` exports the JSON schema of the same model, which the Snakefile validates against, so that
``snakemake --configfile`` and ``scarena run --config`` refuse the same files.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from scarena.base.errors import ConfigError
from scarena.base.shipped import shipped
from scarena.base.untrusted import read_yaml
from scarena.base.validated import validated
from scarena.tasks.registry import DEFAULT

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
ModelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*(@[a-z0-9][a-z0-9-]*)?$")]


Seed = Annotated[int, Field(ge=0)]


def _a_day(text: str) -> str:
    """Refuse what is no day of the calendar; an empty text is none."""
    if text and datetime.date.fromisoformat(text).isoformat() != text:
        raise ValueError("not a day as 2026-11-30")
    return text


# JSON has no infinity: what is read back from config.json would be another limit.
_Most = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Limits(BaseModel):
    """What one run of one model may use before it is stopped and recorded as failed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_s: float = Field(
        3600, gt=0, allow_inf_nan=False, description="wall seconds for one run; then failed(timeout)"
    )
    memory_mb: float = Field(
        16000, gt=0, allow_inf_nan=False, description="peak resident memory of one run; then failed(oom)"
    )
    threads: int = Field(1, ge=1, description="threads of one run; one keeps results bit-equal between machines' loads")


class PretrainLimits(BaseModel):
    """What one pretraining, or the building of its corpus, may use before it is stopped and recorded as failed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_s: float = Field(
        172_800, gt=0, allow_inf_nan=False, description="wall seconds; run again, a training goes on where it was"
    )
    memory_mb: _Most = Field(32_000, description="peak resident memory")


class BoardConfig(BaseModel):
    """One board: which datasets and models, with which seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    board: Name = Field(description="name of the board and of its folder under `results`")
    title: str = ""
    datasets: list[Name] = Field(min_length=1, description="names of dataset cards")
    models: list[ModelName] = Field(
        min_length=1, description="names of models, see `scarena models`; MODEL@NAME for a pretraining called NAME"
    )
    pretrain: list[Path] = Field(
        default=[], description="configurations of pretrainings, as config/pretrain-nano.yaml, that this board makes"
    )
    checkpoints: dict[Name, str] = Field(
        default={},
        description="folders of published checkpoints (a path, or hf:OWNER/NAME in Hugging Face's cache) by "
        "the name of a model, or by one of your own for MODEL@NAME",
    )
    tasks: list[Name] = Field(
        default=list(DEFAULT),
        min_length=1,
        description="what is asked of the models, see `scarena tasks`; the first one's headline ranks them",
    )
    version: str = Field(
        "", pattern=r"^([0-9A-Za-z][0-9A-Za-z.+-]*)?$", description="version of this board's results, as 1.0"
    )
    date: Annotated[str, AfterValidator(_a_day)] = Field(
        "", description="day of that version, as 2026-11-30: said here, so that a board is the same bytes on any day"
    )
    seeds: list[Seed] = Field(default=[0], min_length=1, description="seeds that every model runs with")
    seeds_of: dict[ModelName, Annotated[list[Seed], Field(min_length=1)]] = Field(
        default={}, description="seeds of single models in place of `seeds`, by name, as scvi: [0, 1, 2]"
    )
    ontology: str = Field("package", description="'package' for the pinned Cell Ontology, or an OBO file's path or URL")
    results: Path = Path("results")
    cache: Path = Path(".cache")
    user_cards: Path = Field(Path("config/datasets"), description="folder of cards written by `scarena add-dataset`")
    include_user_cards: bool = Field(False, description="put every card of `user_cards` on this board")
    control_scaled: bool = Field(
        False, description="add each score's place between noise (0) and the labels (1), as a list of its own"
    )
    scored_cells: int = Field(
        100_000,
        ge=1000,
        description="cells of a dataset that are scored at most: of more, the same sample for all models, drawn "
        "without regard to type or batch",
    )
    device: str = Field("cpu", description="torch device of the models: cpu, cuda, cuda:0 …")
    limits: Limits = Field(default_factory=lambda: Limits.model_validate({}))
    pretrain_limits: PretrainLimits = Field(default_factory=lambda: PretrainLimits.model_validate({}))

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what nobody asked for and older boards could not say: a board from before is the same board."""
        said: dict[str, Any] = handler(self)
        unasked = {"tasks": tuple(self.tasks) == DEFAULT}
        unasked |= {key: not getattr(self, key) for key in ("version", "date", "seeds_of")}
        return {key: value for key, value in said.items() if not unasked.get(key)}

    def seeds_for(self, model: str) -> list[int]:
        """Return the seeds that a model runs with."""
        return self.seeds_of.get(model, self.seeds)

    @property
    def folder(self) -> Path:
        """The folder of this board's results."""
        return self.results / self.board


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a board's configuration."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **BoardConfig.model_json_schema()}


def load_config(path: Path) -> BoardConfig:
    """Read a board's configuration.

    Raises
    ------
    ConfigError
        If the file is missing, is not YAML, or holds unknown or ill-typed keys.
    """
    raw = read_yaml(shipped(path), ConfigError, fix="give a file such as config/demo.yaml")
    return parse_config(raw, str(path))


def parse_config(raw: Any, where: str) -> BoardConfig:
    """Validate an already loaded configuration; `where` names it in errors."""
    if not isinstance(raw, dict):
        raise ConfigError("not a mapping of keys to values", where=where, fix="see config/demo.yaml")
    fix = "correct these keys (see config/schema.json)"
    config = validated(BoardConfig, raw, ConfigError, where=where, fix=fix)
    listed = {key: getattr(config, key) for key in ("datasets", "models", "tasks", "seeds")}
    listed |= {f"seeds_of.{model}": seeds for model, seeds in config.seeds_of.items()}
    for key, values in listed.items():
        twice = sorted({str(v) for v in values if values.count(v) > 1})
        if twice:
            raise ConfigError(f"{key} lists {', '.join(twice)} twice", where=where, fix="list each once")
    if strangers := sorted(set(config.seeds_of) - set(config.models)):
        what = f"seeds_of has {', '.join(strangers)}, no model of this board"
        raise ConfigError(what, where=where, fix="name models that `models` lists")
    return config


def datasets_of(config: BoardConfig) -> list[str]:
    """Return the datasets of a board, users' cards included where it asks for them."""
    own = sorted(p.stem for p in config.user_cards.glob("*.yaml")) if config.include_user_cards else []
    return [*config.datasets, *(name for name in own if name not in config.datasets)]
