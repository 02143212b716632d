"""The step `embed`: one model's vectors of the cells of one dataset, with one seed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.base.errors import ScarenaError, state_of
from scarena.base.files import sha256_of, write_json
from scarena.steps.begun import begun_for
from scarena.steps.config import BoardConfig
from scarena.steps.pretraining import all_checkpoints, checkpoints_of, shortfall
from scarena.steps.record import Cost, Record, commit, hardware, versions
from scarena.steps.states import kind_of, read_state
from scarena.steps.submissions import submitted
from scarena.steps.submitted import submitted_step
from scarena.steps.watched import in_child, verdict_of

if TYPE_CHECKING:
    from scarena.datasets.card import Kind
    from scarena.models.base import Model


def embed_step(
    dataset_file: Path, model: str, seed: int, out: Path, config: BoardConfig, *, deployed: bool = False
) -> Record:
    """Run one model on one prepared dataset with one seed; leave embedding.npz and, last, record.json.

    `deployed` says that this process already runs in the conda environment or container of the model's card.
    """
    from scarena.models.registry import find_model, fingerprint

    if model in submitted(config):
        return submitted_step(dataset_file, model, seed, out, config)
    dataset, checkpoints = read_state(dataset_file, "dataset"), all_checkpoints(config)
    found = find_model(model, checkpoints)
    out.with_name("embedding.npz").unlink(missing_ok=True)
    ran: dict[str, Any] = {"state": dataset["state"], "reason": dataset["reason"]}
    if dataset["state"] == "ok":
        told: dict[str, Any] = {
            "model": model,
            "seed": seed,
            "dataset": str(dataset_file.with_suffix(".h5ad")),
            "kind": kind_of(dataset),
        }
        ran = (
            _not_asked(found, told["kind"])
            or _shortfall(found, model, checkpoints_of(config))
            or _embedded(told, found, checkpoints, out, config, deployed)
        )
    record = Record(
        dataset=dataset["dataset"], model=model, seed=seed, device=config.device, log=str(out.with_suffix(".log")),
        card=found.card.model_dump(mode="json"), fingerprint=fingerprint(found), commit=commit(),
        hardware=hardware(), **{"versions": versions(), **ran},
    )  # fmt: skip
    write_json(out, record.model_dump(mode="json"))
    return record


def _not_asked(model: type[Model], kind: Kind) -> dict[str, Any]:
    """Return the state and reason of a model that has no answer to a kind of dataset; nothing for any other."""
    from scarena.models.offered import lacks_product

    reason = lacks_product(model, kind)
    return {"state": "not applicable", "reason": reason} if reason else {}


def _shortfall(model: type[Model], name: str, checkpoints: Mapping[str, Path]) -> dict[str, Any]:
    """Return the state and reason of a model that lacks what it needs; nothing for any other."""
    if found := shortfall(name, checkpoints):
        return found
    if not (missing := model.lacks()):
        return {}
    return {"state": "not available", "reason": missing if model.card.unavailable else f"needs {missing}"}


def _embedded(
    told: dict[str, Any], model: type[Model], checkpoints: Mapping[str, Path], out: Path, config: BoardConfig,
    deployed: bool,
) -> dict[str, Any]:  # fmt: skip
    """Run a model in the environment of its card; return what the record says of the run."""
    from scarena.steps.environments import home_of, python_of

    try:
        python = python_of(model, config, deployed=deployed)
    except ScarenaError as error:
        return {"state": state_of(error), "reason": str(error)}
    embedding = out.with_name("embedding.npz")
    spec = {
        **told, "device": config.device, "cache": str(config.cache), "embedding": str(embedding),
        "checkpoints": {name: str(folder) for name, folder in checkpoints.items()}, "anew": True,
    }  # fmt: skip
    if python != Path(sys.executable):
        environment = model.card.environment
        spec |= {"home": home_of(model), "requirements": list(environment.pip) if environment else []}
    of_cells = told["kind"] == "cells"
    begun = begun_for(model, Path(told["dataset"]).parent, told["seed"], config) if of_cells else None
    if begun is not None:
        spec["begun"] = str(begun.vectors)
    limits = config.limits if begun is None else begun.left_of(config.limits)
    outcome, reply = in_child("scarena.steps.child.embed:embed", spec, out, config, limits, python)
    state, reason = verdict_of(outcome, reply, out.with_suffix(".log"))
    done = reply.get("ok", {}) if state == "ok" else {}
    speed = {key: done.pop(key, None) for key in ("cells_per_s", "peak_vram_mb")}
    own = Cost(**{**outcome.cost.model_dump(), **speed})
    cost = own if begun is None else begun.added_to(own)
    if done and begun is not None:
        done["notes"] = [*begun.notes, *done["notes"]]
    digest = sha256_of(embedding) if state == "ok" else None
    return {
        "state": state, "reason": reason, "exit_code": outcome.exit_code, "cost": cost, "embedding_sha256": digest,
        **done,
    }  # fmt: skip
