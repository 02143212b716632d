"""In the child process: what all scores of a dataset share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scarena.base.files import sha256_of
from scarena.tasks import dataset_reference


def reference(spec: dict[str, Any]) -> dict[str, Any]:
    """Write what all scores of the dataset a spec names share; return the hash of the file."""
    path = Path(spec["reference"])
    made = dataset_reference.make(
        Path(spec["dataset"]),
        Path(spec["ontology"]),
        dataset_reference.UNINTEGRATED,
        spec["threads"],
        spec["scored_cells"],
        within=spec["within"],
    )
    dataset_reference.write(path, made)
    return {"sha256": sha256_of(path), "scored_cells": len(made.names)}
