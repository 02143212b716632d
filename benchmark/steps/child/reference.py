"""In the child process: what all scores of a dataset share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scarena.base.files import sha256_of
from scarena.tasks import dataset_reference


def reference(spec: dict[str, Any]) -> dict[str, Any]:
    """Write what all scores of the dataset a spec names share; return the hash of the file."""
    path = Path(spec["reference"])
    if spec.get("kind", "cells") != "cells":
        # What is known of genes lies in the prepared dataset itself: this says which one it was.
        dataset_reference.write_content(path, sha256_of(Path(spec["dataset"])))
        return {"sha256": sha256_of(path)}
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
