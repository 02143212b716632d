"""In the child process: building a corpus, training a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Json = dict[str, Any]


def build_corpus(spec: Json) -> Json:
    """Build the corpus of a spec's pretraining where it is not in the cache; describe it."""
    from scarena.models.foundation.pretrain import corpus_of, read_config

    recipe, cache = read_config(Path(spec["recipe"])), Path(spec["cache"])
    corpus = corpus_of(recipe.corpus, cache, bulk=bool(recipe.gene_features), atlas=recipe.atlas)
    manifest = corpus.manifest
    return {
        "corpus": corpus.folder.name,
        "cells": manifest["cells"],
        "genes": manifest["vocabulary"]["genes"],
        "groups": len(manifest["groups"]),
        "sources": [source["dataset"] for source in manifest["sources"]],
        "files": {name: file["sha256"] for name, file in manifest["files"].items()},
    }


def train(spec: Json) -> Json:
    """Make the checkpoint of a spec's pretraining."""
    from scarena.models.foundation.pretrain import pretrain

    pretrain(Path(spec["recipe"]), Path(spec["out"]), Path(spec["cache"]), None, device=spec["device"])
    return {}
