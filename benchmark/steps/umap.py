"""The step `umap`: a picture of each model's vectors on one dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from scarena.steps.config import BoardConfig
from scarena.steps.states import kind_of, read_record, read_state
from scarena.steps.umap_file import write_umaps
from scarena.steps.watched import in_child, verdict_of


def umap_step(dataset_file: Path, records: list[Path], out: Path, config: BoardConfig) -> dict[str, Any]:
    """Write the UMAPs of a dataset's models, but of controls and predictions; an empty file where there are none."""
    dataset = read_state(dataset_file, "dataset")
    found = [(path, read_record(path)) for path in records]
    shown = [(path, r) for path, r in found if r.card["family"] != "control" and r.card.get("offers") != "labels"]
    wanted = [(path, r) for path, r in shown if r.state == "ok"]
    first = {
        r.model: str(path.with_name("embedding.npz")) for path, r in wanted if r.seed == config.seeds_for(r.model)[0]
    }
    answer = {"state": "not applicable", "reason": "no embedding to show"}
    if dataset["state"] == "ok" and first and kind_of(dataset) == "cells":
        spec = {"dataset": str(dataset_file.with_suffix(".h5ad")), "embeddings": first, "umaps": str(out)}
        outcome, reply = in_child("scarena.steps.child.umaps:umaps", spec, out, config)
        state, reason = verdict_of(outcome, reply, out.with_suffix(".log"))
        answer = {"state": state, "reason": reason}
    if answer["state"] != "ok":
        write_umaps(out, {}, np.array([], dtype=str))
    return answer
