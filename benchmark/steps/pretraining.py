"""Pretraining as part of a board: its corpora and checkpoints as files with states, like those of any other step.

The corpus' shards and the training's state stay in the cache: snakemake deletes what a failed step was to write, and an
interrupted training goes on from its state.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.config import BoardConfig, Limits
from scarena.errors import ConfigError
from scarena.files import read_json, write_json
from scarena.states import read_state
from scarena.untrusted import read_yaml

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
    for path in config.pretrain:
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


def corpus_step(recipe_file: Path, out: Path, config: BoardConfig) -> Json:
    """Build a pretraining's corpus where the cache lacks it; write to `out` which it is, or why there is none.

    Raises
    ------
    ConfigError
        If the recipe cannot be read.
    """
    from scarena.models.foundation.recipe import Recipe, read_as
    from scarena.steps import in_child, verdict_of

    recipe = read_as(recipe_file, Recipe)
    spec = {"recipe": str(recipe_file), "cache": str(config.cache)}
    outcome, reply = in_child("corpus", spec, out, config, _limits(config, recipe))
    state, reason = verdict_of(outcome, reply, out.with_suffix(".log"))
    found = reply["ok"] if state == "ok" else {}
    answer = {"pretraining": recipe.name, "state": state, "reason": reason, **found}
    write_json(out, answer)
    return answer


def pretrain_step(recipe_file: Path, corpus: Path, out: Path, config: BoardConfig) -> Json:
    """Train a checkpoint in the folder `out`, whose manifest.json comes last and says why where there is none.

    Parameters
    ----------
    recipe_file
        The pretraining's configuration.
    corpus
        What `corpus_step` wrote.
    out
        Folder of the checkpoint; an earlier one there is removed.
    config
        The board, whose cache, device and limits are used.

    Raises
    ------
    ConfigError
        If the recipe cannot be read.
    """
    from scarena.models.foundation.recipe import Recipe, read_as
    from scarena.steps import in_child, verdict_of

    recipe, upstream = read_as(recipe_file, Recipe), read_state(corpus)
    _clear(out)
    state, reason = upstream["state"], upstream["reason"]
    if state == "ok":
        spec = {"recipe": str(recipe_file), "cache": str(config.cache), "device": config.device, "out": str(out)}
        outcome, reply = in_child("pretrain", spec, out / "pretrain.json", config, _limits(config, recipe))
        state, reason = verdict_of(outcome, reply, out / "pretrain.log")
    if state == "ok":
        return dict(read_json(out / "manifest.json"))
    _clear(out)
    failed = {"name": recipe.name, "format": None, "state": state, "reason": reason}
    write_json(out / "manifest.json", failed)
    return failed


def _limits(config: BoardConfig, recipe: Recipe) -> Limits:
    return Limits(threads=recipe.threads, **config.pretrain_limits.model_dump())


def _clear(folder: Path) -> None:
    """Remove a checkpoint, its manifest first: what an earlier run left beside a failure is not this run's."""
    for name in ("manifest.json", "config.json", "genes.txt", "losses.jsonl", "fingerprints.npz"):
        (folder / name).unlink(missing_ok=True)
    for weights in sorted(folder.glob("weights-*.safetensors")):
        weights.unlink()


def build_corpus(spec: Json) -> Json:
    """Build the corpus of a spec's pretraining where it is not in the cache; describe it."""
    from scarena.models.foundation.pretrain import corpus_of, read_config

    recipe, cache = read_config(Path(spec["recipe"])), Path(spec["cache"])
    corpus = corpus_of(recipe.corpus, cache, bulk=bool(recipe.gene_features))
    manifest = corpus.manifest
    return {
        "corpus": corpus.folder.name,
        "cells": manifest["cells"],
        "genes": manifest["vocabulary"]["genes"],
        "groups": len(manifest["groups"]),
        "sources": [source["dataset"] for source in manifest["sources"]],
        "files": {name: file["sha256"] for name, file in manifest["files"].items()},
    }


def train(spec: Json) -> Json:
    """Make the checkpoint of a spec's pretraining."""
    from scarena.models.foundation.pretrain import pretrain

    pretrain(Path(spec["recipe"]), Path(spec["out"]), Path(spec["cache"]), None, device=spec["device"])
    return {}
