"""In the child process: scoring an embedding."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from scarena.base.advice import made_again
from scarena.base.errors import DataError
from scarena.base.files import sha256_of
from scarena.models.embedding import join, read_embedding
from scarena.tasks import dataset_reference
from scarena.tasks.cells import Cells
from scarena.tasks.details import write_details
from scarena.tasks.registry import find_tasks
from scarena.tasks.replicates import write_replicates
from scarena.tasks.scoring import score_tasks


def score(spec: dict[str, Any]) -> dict[str, Any]:
    """Score the embedding a spec names; write replicates and details, and return every metric's value and state."""
    for key, ends in (("embedding", "record.json"), ("reference", "reference.json")):
        path = Path(spec[key])
        fix = made_again(path, f"{key}.npz", ends)
        if not path.exists() or sha256_of(path) != spec[f"{key}_sha256"]:
            raise DataError("missing, or not the file its record names", where=str(path), fix=fix)
    data = dataset_reference.read(Path(spec["reference"]))
    vectors = join(*read_embedding(Path(spec["embedding"])), data.names, spec["embedding"])
    cells = Cells(vectors, data, spec["seed"], spec["threads"], spec["offers"])
    scores = score_tasks(find_tasks(spec["tasks"]), cells)
    write_replicates(Path(spec["replicates"]), scores.replicates)
    if scores.details is not None:
        write_details(Path(spec["details"]), scores.details)
    return {"scores": {key: dataclasses.asdict(value) for key, value in sorted(scores.items())}}
