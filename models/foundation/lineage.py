"""What the manifest of a model says that was trained from another: all that either has seen, for an audit to find."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scarena.base.files import sha256_of
from scarena.datasets.read_h5ad import open_h5ad
from scarena.models.foundation.checkpoint import read_manifest, weights_digest


def provenance(path: Path, n_cells: int) -> dict[str, Any]:
    """Return what a manifest's corpus says of a file: a prepared dataset goes by its card, another by its own name."""
    card: dict[str, Any] = {}
    uns = open_h5ad(path, backed=True)
    if "card" in uns.uns:
        card = json.loads(uns.uns["card"])
    uns.file.close()
    return {
        "dataset": card.get("name", path.stem), "kind": "h5ad", "study": list(card.get("study", [])),
        "licence": card.get("licence", "unknown"), "cells": n_cells,
        "files": [{"url": f"file:{path.name}", "sha256": sha256_of(path)}],
    }  # fmt: skip


def derived(folder: Path, how: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return what the manifest of a model says that was trained from another: all that either has seen."""
    base = read_manifest(folder)
    before = [*base.get("labels_seen_before", []), *([base["seen_labels"]] if "seen_labels" in base else [])]
    return {
        "name": f"{base['name']}-{how}", "corpus": [*base.get("corpus", []), row],
        "gene_features": base.get("gene_features", []),
        "from": {"name": base["name"], "weights_sha256": weights_digest(folder)},
        "labels_seen_before": [{key: each.get(key) for key in ("dataset", "column")} for each in before],
        "versions": {name: version(name) for name in ("torch", "numpy", "scipy", "anndata")},
    }  # fmt: skip
