"""The steps of the DAG as functions from files to files: pull, ontology, prepare, reference, embed, score.

Each writes its states into its own JSON file and that file last. A step whose science fails still succeeds as a step:
the failure is a typed state in the file, so that the rest of the board goes on and the board can say what happened.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from shutil import disk_usage
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.config import BoardConfig, Limits
from scarena.errors import ScarenaError, WorkspaceError, state_of
from scarena.files import read_json, sha256_of, write_json
from scarena.folders import digest_of
from scarena.record import Cost, Record, commit, hardware, versions
from scarena.states import read_record, read_state
from scarena.supervise import Outcome, thread_env, watch

if TYPE_CHECKING:
    from scarena.models.base import Model

_WORKER = "scarena.worker"
# On a disk with less room HDF5 may crash instead of saying so.
_ROOM = 32 << 20


def _attempt(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run `work`; a typed error becomes a state instead of ending the process."""
    try:
        return {"state": "ok", "reason": "", **work()}
    except ScarenaError as error:
        return {"state": state_of(error), "reason": str(error)}


def pull_step(dataset: str, out: Path, config: BoardConfig) -> dict[str, Any]:
    """Fetch a dataset's files into the cache, and the table of genes; write which, and their hashes, to `out`.

    No later step of a dataset needs the internet, which a cluster's compute nodes may not have.
    """
    from scarena.datasets.card import load_card
    from scarena.datasets.genes import gene_table
    from scarena.datasets.sources import pull

    def work() -> dict[str, Any]:
        card = load_card(dataset, config.user_cards)
        found = pull(card, cache=config.cache, mirror=None)
        gene_table(cache=config.cache)
        return {"files": {key: {"path": str(path), "sha256": digest_of(path)} for key, path in found.items()}}

    answer = {"dataset": dataset, **_attempt(work)}
    write_json(out, answer)
    return answer


def in_child(
    task: str,
    spec: dict[str, Any],
    out: Path,
    config: BoardConfig,
    limits: Limits | None = None,
    python: Path = Path(sys.executable),
) -> tuple[Outcome, dict[str, Any]]:
    """Run a task of the worker under limits, the board's if none are given; return how it ended and its answer.

    `python` is that of the environment it runs in.

    Raises
    ------
    WorkspaceError
        If there is no room for the result: no state of a model, which is to be run again.
    """
    spec_file, answer_file = (out.with_name(f".{out.stem}.{end}.json") for end in ("spec", "answer"))
    log = out.with_suffix(".log")
    for stale in (answer_file, log):
        stale.unlink(missing_ok=True)
    limits = limits or config.limits
    write_json(
        spec_file, {"task": task, "answer": str(answer_file), "threads": limits.threads, **spec, "parent": os.getpid()}
    )
    command = [str(python), "-m", _WORKER, str(spec_file)]
    env = thread_env(limits.threads, config.cache)
    outcome = watch(command, log=log, timeout_s=limits.timeout_s, memory_mb=limits.memory_mb, env=env)
    if outcome.exit_code == os.EX_IOERR or (_crashed(outcome) and disk_usage(out.parent).free < _ROOM):
        fix = "make room there and run again: nothing that is finished is lost"
        raise WorkspaceError("could not write what it had made", where=str(out.parent), fix=fix)
    answer: dict[str, Any] = {}
    with suppress(FileNotFoundError):
        answer = read_json(answer_file)
    for used in (spec_file, answer_file):
        used.unlink(missing_ok=True)
    return outcome, answer


def _crashed(outcome: Outcome) -> bool:
    return outcome.exit_code < 0 and outcome.state == "failed(error)"


def verdict_of(outcome: Outcome, answer: dict[str, Any], log: Path) -> tuple[str, str]:
    """Return (state, reason): the worker's own word where it left one, else how it ended."""
    if "ok" in answer and outcome.state == "ok":
        return "ok", ""
    if outcome.state in ("failed(timeout)", "failed(oom)"):
        return outcome.state, outcome.reason
    if "state" in answer:
        return answer["state"], answer["reason"]
    return "failed(error)", f"{outcome.reason or 'left no answer'}; see {log}"


def prepare_step(dataset: str, sources: Path, out: Path, config: BoardConfig) -> dict[str, Any]:
    """Make the canonical h5ad beside `out` (dataset.json), which says what is in it or why there is none."""
    upstream = read_state(sources)
    if upstream["state"] != "ok":
        answer = {"dataset": dataset, "state": upstream["state"], "reason": upstream["reason"]}
    else:
        h5ad = out.with_suffix(".h5ad")
        spec = {"dataset": dataset, "cards": str(config.user_cards), "cache": str(config.cache), "h5ad": str(h5ad)}
        outcome, reply = in_child("prepare", {**spec, "ontology": config.ontology}, out, config)
        state, reason = verdict_of(outcome, reply, out.with_suffix(".log"))
        cost = outcome.cost.model_dump()
        answer = {"dataset": dataset, "state": state, "reason": reason, "cost": cost, **reply.get("ok", {})}
    write_json(out, answer)
    return answer


def embed_step(
    dataset_file: Path, model: str, seed: int, out: Path, config: BoardConfig, *, deployed: bool = False
) -> Record:
    """Run one model on one prepared dataset with one seed; leave embedding.npz and, last, record.json.

    `deployed` says that this process already runs in the conda environment or container of the model's card.
    """
    from scarena.models.registry import find_model, fingerprint
    from scarena.pretraining import all_checkpoints, checkpoints_of
    from scarena.submissions import submitted, submitted_step

    if model in submitted(config):
        return submitted_step(dataset_file, model, seed, out, config)
    dataset, checkpoints = read_state(dataset_file, "dataset"), all_checkpoints(config)
    found = find_model(model, checkpoints)
    out.with_name("embedding.npz").unlink(missing_ok=True)
    ran: dict[str, Any] = {"state": dataset["state"], "reason": dataset["reason"]}
    if dataset["state"] == "ok":
        told = {"model": model, "seed": seed, "dataset": str(dataset_file.with_suffix(".h5ad"))}
        ran = _shortfall(found, model, checkpoints_of(config)) or _embedded(
            told, found, checkpoints, out, config, deployed
        )
    record = Record(
        dataset=dataset["dataset"], model=model, seed=seed, device=config.device, log=str(out.with_suffix(".log")),
        card=found.card.model_dump(mode="json"), fingerprint=fingerprint(found), commit=commit(),
        hardware=hardware(), **{"versions": versions(), **ran},
    )  # fmt: skip
    write_json(out, record.model_dump(mode="json"))
    return record


def _shortfall(model: type[Model], name: str, checkpoints: Mapping[str, Path]) -> dict[str, Any]:
    """Return the state and reason of a model that lacks what it needs; nothing for any other."""
    from scarena.pretraining import shortfall

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
    from scarena.environments import home_of, python_of

    try:
        python = python_of(model, config, deployed=deployed)
    except ScarenaError as error:
        return {"state": state_of(error), "reason": str(error)}
    embedding = out.with_name("embedding.npz")
    spec = {
        **told, "device": config.device, "cache": str(config.cache), "embedding": str(embedding),
        "checkpoints": {name: str(folder) for name, folder in checkpoints.items()},
    }  # fmt: skip
    if python != Path(sys.executable):
        environment = model.card.environment
        spec |= {"home": home_of(model), "requirements": list(environment.pip) if environment else []}
    outcome, reply = in_child("embed", spec, out, config, python=python)
    state, reason = verdict_of(outcome, reply, out.with_suffix(".log"))
    done = reply.get("ok", {}) if state == "ok" else {}
    speed = {key: done.pop(key, None) for key in ("cells_per_s", "peak_vram_mb")}
    cost = Cost(**{**outcome.cost.model_dump(), **speed})
    digest = sha256_of(embedding) if state == "ok" else None
    return {
        "state": state, "reason": reason, "exit_code": outcome.exit_code, "cost": cost, "embedding_sha256": digest,
        **done,
    }  # fmt: skip


def reference_step(dataset_file: Path, ontology: Path, out: Path, config: BoardConfig) -> dict[str, Any]:
    """Make what all scores of a dataset share beside `out` (reference.json), which says whether it could be."""
    dataset = read_state(dataset_file, "dataset")
    answer = {"dataset": dataset["dataset"], "state": dataset["state"], "reason": dataset["reason"]}
    if dataset["state"] == "ok":
        made = out.with_suffix(".npz")
        spec = {
            "dataset": str(dataset_file.with_suffix(".h5ad")), "ontology": str(ontology), "reference": str(made),
            "scored_cells": config.scored_cells,
        }  # fmt: skip
        outcome, reply = in_child("reference", spec, out, config)
        state, reason = verdict_of(outcome, reply, out.with_suffix(".log"))
        answer |= {"state": state, "reason": reason, "cost": outcome.cost.model_dump(), **reply.get("ok", {})}
    write_json(out, answer)
    return answer


def score_step(record_file: Path, reference_file: Path, out: Path, config: BoardConfig) -> dict[str, Any]:
    """Score one run's embedding; leave replicates.npz, details.npz and, last, scores.json beside its record."""
    record, reference = read_record(record_file), read_state(reference_file)
    answer: dict[str, Any] = {
        "dataset": record.dataset, "model": record.model, "seed": record.seed,
        "state": record.state, "reason": record.reason, "scores": {},
    }  # fmt: skip
    replicates, details = (out.with_name(f"{name}.npz") for name in ("replicates", "details"))
    for stale in (replicates, details):
        stale.unlink(missing_ok=True)
    if record.state == "ok" and reference["state"] != "ok":
        answer |= {"state": reference["state"], "reason": f"reference of the dataset: {reference['reason']}"}
    elif record.state == "ok":
        spec = {
            "embedding": str(record_file.with_name("embedding.npz")), "embedding_sha256": record.embedding_sha256,
            "reference": str(reference_file.with_suffix(".npz")), "reference_sha256": reference.get("sha256"),
            "replicates": str(replicates), "details": str(details), "seed": record.seed,
        }  # fmt: skip
        outcome, reply = in_child("score", spec, out, config)
        state, reason = verdict_of(outcome, reply, out.with_suffix(".log"))
        answer |= {"state": state, "reason": f"scoring: {reason}" if reason else ""}
        answer |= {"scores": reply["ok"]["scores"] if state == "ok" else {}, "cost": outcome.cost.model_dump()}
    write_json(out, answer)
    return answer


def umap_step(dataset_file: Path, records: list[Path], out: Path, config: BoardConfig) -> dict[str, Any]:
    """Write the UMAPs of a dataset's models (controls have none to look at); an empty file where there are none."""
    from scarena.tasks import write_umaps

    dataset = read_state(dataset_file, "dataset")
    found = [(path, read_record(path)) for path in records]
    wanted = [(path, r) for path, r in found if r.state == "ok" and r.card["family"] != "control"]
    first = {r.model: str(path.with_name("embedding.npz")) for path, r in wanted if r.seed == config.seeds[0]}
    answer = {"state": "not applicable", "reason": "no embedding to show"}
    if dataset["state"] == "ok" and first:
        spec = {"dataset": str(dataset_file.with_suffix(".h5ad")), "embeddings": first, "umaps": str(out)}
        outcome, reply = in_child("umaps", spec, out, config)
        state, reason = verdict_of(outcome, reply, out.with_suffix(".log"))
        answer = {"state": state, "reason": reason}
    if answer["state"] != "ok":
        write_umaps(out, {}, np.array([], dtype=str))
    return answer


def ontology_step(out: Path, config: BoardConfig) -> None:
    """Write the Cell Ontology's graph and its diffusion embedding, which every score on the board shares.

    Raises
    ------
    OntologyError
        If the configured ontology cannot be read: no board can be made without the one it names.
    """
    from scarena.datasets.ontology import CellOntology
    from scarena.reference import write_reference

    write_reference(out, CellOntology.load(config.ontology))
