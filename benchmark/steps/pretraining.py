"""Pretraining as part of a board: its corpora and checkpoints as files with states, like those of any other step.

The corpus' shards and the training's state stay in the cache: snakemake deletes what a failed step was to write, and an
interrupted training goes on from its state.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.base.errors import ConfigError
from scarena.base.shipped import shipped
from scarena.base.untrusted import read_yaml
from scarena.steps.config import BoardConfig
from scarena.steps.states import read_state

if TYPE_CHECKING:
    from scarena.models.foundation.recipe import Recipe

Json = dict[str, Any]


def recipes_of(config: BoardConfig) -> dict[str, tuple[Path, Recipe]]:
    """Return the pretrainings of a board by name: their files, and what can be read of them without torch.

    Raises
    ------
    ConfigError
        If a file cannot be read, or two have one name.
    """
    if not config.pretrain:
        return {}
    from scarena.models.foundation.recipe import Recipe, read_as

    found: dict[str, tuple[Path, Recipe]] = {}
    for path in map(shipped, config.pretrain):
        read_yaml(path, ConfigError, fix="see config/pretrain.yaml")
        recipe = read_as(path, Recipe)
        if recipe.name in found:
            what = f"called {recipe.name!r}, as {found[recipe.name][0]} is"
            raise ConfigError(what, where=str(path), fix="change its `name`, by which the board calls its models")
        found[recipe.name] = (path, recipe)
    return found


def check_pretrainings(config: BoardConfig) -> None:
    """Refuse a pretraining that has unknown keys or names unknown cards, before anything is computed.

    Raises
    ------
    ConfigError, CardError
        If there is one.
    """
    from scarena.datasets.card import load_card

    for path, recipe in recipes_of(config).values():
        from scarena.models.foundation.pretrain import read_config

        read_config(path)
        for card in recipe.corpus.cards:
            load_card(card)


def checkpoints_of(config: BoardConfig) -> dict[str, Path]:
    """Return the folders of a board's own checkpoints by name of the pretraining, made or not."""
    return {name: config.folder / "pretrained" / name for name in recipes_of(config)}


def all_checkpoints(config: BoardConfig) -> dict[str, Path]:
    """Return the folders of all checkpoints that a board names: those it makes, and published ones.

    Raises
    ------
    ConfigError
        If a published one and a pretraining have one name.
    """
    from scarena.models.adapters.shared.hub import folder_of

    own = checkpoints_of(config)
    if twice := sorted(set(own) & set(config.checkpoints)):
        what = f"{', '.join(twice)} is also the name of a pretraining"
        raise ConfigError(what, where="checkpoints", fix="call one of them by another name")
    return own | {name: folder_of(named) for name, named in config.checkpoints.items()}


def corpus_file(config: BoardConfig, name: str) -> Path:
    """Return where a board says which corpus a pretraining reads."""
    return config.folder / "corpora" / f"{name}.json"


def shortfall(model: str, checkpoints: Mapping[str, Path]) -> Json:
    """Return the state and reason of a model whose pretraining failed; nothing for any other model.

    `checkpoints` are those that the board makes.
    """
    _, _, name = model.partition("@")
    if name not in checkpoints or not (checkpoints[name] / "manifest.json").exists():
        return {}
    made = read_state(checkpoints[name] / "manifest.json")
    return {} if made["state"] == "ok" else {"state": made["state"], "reason": f"pretraining {name}: {made['reason']}"}
