"""The step `score`: every metric of one run's embedding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scarena.base.files import write_json
from scarena.steps.config import BoardConfig
from scarena.steps.states import read_record, read_state
from scarena.steps.watched import in_child, verdict_of


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
            "replicates": str(replicates), "details": str(details), "seed": record.seed, "tasks": config.tasks,
            "offers": record.card.get("offers", "vectors"), "anew": True,
            "kind": reference.get("kind", "cells"), "dataset": str(reference_file.with_name("dataset.h5ad")),
        }  # fmt: skip
        outcome, reply = in_child("scarena.steps.child.score:score", spec, out, config)
        state, reason = verdict_of(outcome, reply, out.with_suffix(".log"))
        answer |= {"state": state, "reason": f"scoring: {reason}" if reason else ""}
        answer |= {"scores": reply["ok"]["scores"] if state == "ok" else {}, "cost": outcome.cost.model_dump()}
    write_json(out, answer)
    return answer
