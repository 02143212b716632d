"""What an ablation is told: a base recipe, its variants, datasets and seeds; and the jobs that come of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scarena.base.errors import ConfigError
from scarena.base.validated import read_own_config

Use = Literal["frozen", "frozen-harmony", "adapted", "adapted-harmony", "unguarded", "unguarded-harmony"]
"""As it is; after label-free training along the directions that the guard takes, or along the model's own whatever the
dataset says; each by itself or with Harmony."""


class Variant(BaseModel):
    """The base recipe with some settings changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    says: str = Field("", description="what it shows, for the table")
    base: Path | None = Field(None, description="another recipe than the ablation's")
    set: dict[str, Any] = Field(default_factory=dict, description="settings by dotted name, as task.weights.contrast")
    start: Literal["recipe", "random", "nothing-seen", "shuffled"] = Field(
        "recipe",
        description="random: the twin, untrained; nothing-seen: what the recipe starts from, untrained; shuffled: the "
        "same with its weights of genes dealt out to other genes",
    )
    uses: list[Use] = Field(default_factory=lambda: list[Use](["frozen"]))
    model: str | None = Field(None, description="instead of a recipe, a model of `scarena models` to compare with")

    @model_validator(mode="after")
    def _a_model_is_used_as_it_is(self) -> Variant:
        if self.model is not None and (self.uses != ["frozen"] or self.set or self.base):
            raise ValueError("a model is used as it is: give neither set, base nor uses")
        return self


class AblationConfig(BaseModel):
    """An ablation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: Path
    board: Path = Field(description="the board whose prepared datasets and references are used")
    datasets: list[str] = Field(min_length=1)
    development: list[str] = Field(default_factory=list, description="those that choices were made on")
    outside: list[str] = Field(default_factory=list, description="those whose states no profile of the atlas has")
    seeds: list[int] = Field(default=[0, 1, 2], min_length=1)
    common: dict[str, Any] = Field(default_factory=dict, description="settings of all variants, by dotted name")
    variants: dict[str, Variant] = Field(min_length=1)
    threads: int = Field(1, ge=1)


def read_config(path: Path) -> AblationConfig:
    """Read an ablation's configuration.

    Raises
    ------
    ConfigError
        If it is missing or holds unknown keys.
    """
    return read_own_config(path, AblationConfig, ConfigError, fix="see config/ablation.yaml")


def changed(recipe: dict[str, Any], settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return a recipe with settings changed by dotted name, and all its seeds set."""
    made: dict[str, Any] = json.loads(json.dumps(recipe))
    for name, value in {**settings, "engine.seed": seed, "task.seed": seed}.items():
        *folders, last = name.split(".")
        place = made
        for folder in folders:
            place = place.setdefault(folder, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return made


@dataclass(frozen=True, slots=True)
class Job:
    """One number to measure."""

    variant: str
    use: Use
    seed: int
    dataset: str


def jobs(config: AblationConfig) -> Iterator[Job]:
    """Yield what is to be measured: variant by variant and seed by seed, so that each model is made once."""
    for name, variant in config.variants.items():
        for seed in config.seeds:
            for dataset in config.datasets:
                for use in variant.uses:
                    yield Job(name, use, seed, dataset)
