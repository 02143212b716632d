"""The step `reference`: what all scores of a prepared dataset share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scarena.base.files import write_json
from scarena.steps.config import BoardConfig
from scarena.steps.states import kind_of, read_state
from scarena.steps.watched import in_child, verdict_of


def reference_step(dataset_file: Path, ontology: Path, out: Path, config: BoardConfig) -> dict[str, Any]:
    """Make what all scores of a dataset share beside `out` (reference.json), which says whether it could be."""
    dataset = read_state(dataset_file, "dataset")
    answer = {"dataset": dataset["dataset"], "state": dataset["state"], "reason": dataset["reason"]}
    if dataset["state"] == "ok":
        made = out.with_suffix(".npz")
        spec = {
            "dataset": str(dataset_file.with_suffix(".h5ad")), "ontology": str(ontology), "reference": str(made),
            "scored_cells": config.scored_cells, "kind": kind_of(dataset), "within": "intra-type" in config.tasks,
            "anew": True,
        }  # fmt: skip
        outcome, reply = in_child("scarena.steps.child.reference:reference", spec, out, config)
        state, reason = verdict_of(outcome, reply, out.with_suffix(".log"))
        if kind_of(dataset) != "cells":
            answer["kind"] = kind_of(dataset)
        answer |= {"state": state, "reason": reason, "cost": outcome.cost.model_dump(), **reply.get("ok", {})}
    write_json(out, answer)
    return answer
