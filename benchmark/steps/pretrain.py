"""The steps `corpus` and `pretrain`: what a pretraining reads, and the checkpoint it makes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.base.files import read_json, write_json
from scarena.steps.config import BoardConfig, Limits
from scarena.steps.states import read_state
from scarena.steps.watched import in_child, verdict_of

if TYPE_CHECKING:
    from scarena.models.foundation.recipe import Recipe

Json = dict[str, Any]


def corpus_step(recipe_file: Path, out: Path, config: BoardConfig) -> Json:
    """Build a pretraining's corpus where the cache lacks it; write to `out` which it is, or why there is none.

    Raises
    ------
    ConfigError
        If the recipe cannot be read.
    """
    from scarena.models.foundation.recipe import Recipe, read_as

    recipe = read_as(recipe_file, Recipe)
    spec = {"recipe": str(recipe_file), "cache": str(config.cache)}
    outcome, reply = in_child(
        "scarena.steps.child.pretraining:build_corpus", spec, out, config, _limits(config, recipe)
    )
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

    recipe, upstream = read_as(recipe_file, Recipe), read_state(corpus)
    _clear(out)
    state, reason = upstream["state"], upstream["reason"]
    if state == "ok":
        spec = {"recipe": str(recipe_file), "cache": str(config.cache), "device": config.device, "out": str(out)}
        outcome, reply = in_child(
            "scarena.steps.child.pretraining:train", spec, out / "pretrain.json", config, _limits(config, recipe)
        )
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
