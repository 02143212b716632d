"""In the child process: scoring what a run made: vectors of cells or of genes, a network, or responses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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

if TYPE_CHECKING:
    from scarena.tasks.genes import Genes
    from scarena.tasks.network import Network
    from scarena.tasks.responses import Responses


def score(spec: dict[str, Any]) -> dict[str, Any]:
    """Score the embedding a spec names; write replicates and details, and return every metric's value and state."""
    for key, ends in (("embedding", "record.json"), ("reference", "reference.json")):
        path = Path(spec[key])
        fix = made_again(path, f"{key}.npz", ends)
        if not path.exists() or sha256_of(path) != spec[f"{key}_sha256"]:
            raise DataError("missing, or not the file its record names", where=str(path), fix=fix)
    scores = score_tasks(find_tasks(spec["tasks"]), _GIVEN[spec.get("kind", "cells")](spec))
    write_replicates(Path(spec["replicates"]), scores.replicates)
    if scores.details is not None:
        write_details(Path(spec["details"]), scores.details)
    return {"scores": {key: dataclasses.asdict(value) for key, value in sorted(scores.items())}}


def _cells(spec: dict[str, Any]) -> Cells:
    data = dataset_reference.read(Path(spec["reference"]))
    vectors = join(*read_embedding(Path(spec["embedding"])), data.names, spec["embedding"])
    return Cells(vectors, data, spec["seed"], spec["threads"], spec["offers"])


def _genes(spec: dict[str, Any]) -> Genes:
    import pandas as pd

    from scarena.datasets.gene_truth import read_gene_truth
    from scarena.tasks.genes import Genes

    truth = read_gene_truth(_unchanged(spec))
    vectors, names = read_embedding(Path(spec["embedding"]))
    rows = truth.genes.index.get_indexer(pd.Index(names))
    order = np.argsort(rows)
    return Genes(vectors[order], rows[order], truth, spec["seed"])


def _network(spec: dict[str, Any]) -> Network:
    from scarena.datasets.network_truth import read_network_truth
    from scarena.tasks.network import Network

    truth = read_network_truth(_unchanged(spec))
    matrix = join(*read_embedding(Path(spec["embedding"])), np.asarray(truth.regulators), spec["embedding"])
    return Network(matrix, truth.regulators, truth.genes, truth, spec["seed"])


def _responses(spec: dict[str, Any]) -> Responses:
    from scarena.datasets.response_truth import read_response_truth
    from scarena.tasks.responses import Responses, row_names

    truth = read_response_truth(_unchanged(spec))
    wanted = np.asarray(row_names(truth.splits))
    rows = join(*read_embedding(Path(spec["embedding"])), wanted, spec["embedding"])
    return Responses(rows, truth, spec["seed"])


def _unchanged(spec: dict[str, Any]) -> Path:
    """Return the prepared dataset of a spec, which must be the one that its reference was made of."""
    path = Path(spec["dataset"])
    if not path.exists() or sha256_of(path) != dataset_reference.read_content(Path(spec["reference"])):
        fix = made_again(path, "dataset.h5ad", "dataset.json")
        raise DataError("missing, or not the file its reference names", where=str(path), fix=fix)
    return path


_GIVEN: dict[str, Callable[[dict[str, Any]], Cells | Genes | Network | Responses]] = {
    "cells": _cells,
    "genes": _genes,
    "network": _network,
    "response": _responses,
}
