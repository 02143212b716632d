"""The heavy halves of the steps, run inside the worker: files in, files and a small answer out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.embedding import read_embedding
from scarena.errors import DataError
from scarena.files import replacing, sha256_of

if TYPE_CHECKING:
    from anndata import AnnData

MAX_UMAP_CELLS = 2000
_PCA_KEY = "unintegrated"


def prepare(spec: dict[str, Any]) -> dict[str, Any]:
    """Prepare the dataset a spec names, add the unintegrated components PCR compares with, write it; describe it."""
    from scarena.datasets.card import load_card
    from scarena.datasets.ontology import CellOntology
    from scarena.datasets.prepare import prepare as make
    from scarena.datasets.prepared import write_prepared
    from scarena.datasets.stored import scratch
    from scarena.models.expression import principal_components

    card = load_card(spec["dataset"], Path(spec["cards"]))
    ontology = CellOntology.load(spec["ontology"])
    with scratch(Path(spec["h5ad"])) as store:
        data = make(card, cache=Path(spec["cache"]), ontology=ontology, store=store)
        data.obsm[_PCA_KEY] = principal_components(data, seed=0)
        described = summary(data)
        write_prepared(data, Path(spec["h5ad"]))
    return {"card": card.model_dump(mode="json"), "summary": described, "cl_release": ontology.release}


def summary(data: AnnData) -> dict[str, Any]:
    """Return what the board says of a prepared dataset: sizes, batches, cell types with their terms, genes lost."""
    terms = data.obs.groupby("cell_type", observed=True)["cell_type_id"].first()
    types = data.obs["cell_type"].value_counts().sort_index()
    batches = data.obs["batch"].value_counts().sort_index()
    return {
        "n_cells": data.n_obs,
        "n_genes": data.n_vars,
        "batches": {str(k): int(v) for k, v in batches.items() if v},
        "types": {str(k): {"cells": int(v), "term": str(terms[k])} for k, v in types.items() if v},
        "genes": {k: _plain(v) for k, v in sorted(dict(data.uns.get("genes", {})).items())},
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def join(embedding: np.ndarray, names: np.ndarray, wanted: np.ndarray, where: str) -> np.ndarray:
    """Return the rows of `embedding` in the order of `wanted`, joined by cell name.

    Raises
    ------
    DataError
        If a wanted cell has no row, or a name stands twice.
    """
    row_of = {str(name): row for row, name in enumerate(names)}
    missing = [name for name in wanted if str(name) not in row_of]
    if missing or len(row_of) != len(names):
        what = f"{len(missing)} cells have no embedding" if missing else "cell names occur twice"
        raise DataError(f"{what} (first: {missing[0] if missing else '-'})", where=where, fix="embed the dataset again")
    return embedding[[row_of[str(name)] for name in wanted]]


def reference(spec: dict[str, Any]) -> dict[str, Any]:
    """Write what all scores of the dataset a spec names share; return the hash of the file."""
    from scarena import dataset_reference

    path = Path(spec["reference"])
    made = dataset_reference.make(
        Path(spec["dataset"]), Path(spec["ontology"]), _PCA_KEY, spec["threads"], spec["scored_cells"]
    )
    dataset_reference.write(path, made)
    return {"sha256": sha256_of(path), "scored_cells": len(made.names)}


def score(spec: dict[str, Any]) -> dict[str, Any]:
    """Score the embedding a spec names; write replicates and details, and return every metric's value and state."""
    from scarena import dataset_reference
    from scarena.details import write_details
    from scarena.metrics import score_embedding

    for key, fix in (("embedding", "remove the record beside it to embed again"), ("reference", "remove its .json")):
        path = Path(spec[key])
        if not path.exists() or sha256_of(path) != spec[f"{key}_sha256"]:
            raise DataError("missing, or not the file its record names", where=str(path), fix=fix)
    data = dataset_reference.read(Path(spec["reference"]))
    scores = score_embedding(
        join(*read_embedding(Path(spec["embedding"])), data.names, spec["embedding"]),
        batch=data.batch,
        labels=data.labels,
        reference=data.reference,
        ontology=data.ontology,
        seed=spec["seed"],
        n_jobs=spec["threads"],
    )
    write_replicates(Path(spec["replicates"]), scores.replicates)
    if scores.details is not None:
        write_details(Path(spec["details"]), scores.details)
    return {"scores": {key: dataclasses.asdict(value) for key, value in sorted(scores.items())}}


def write_replicates(path: Path, replicates: Mapping[str, np.ndarray]) -> None:
    """Write what each score would have been in each bootstrap replicate, one row a metric (npz, no pickle)."""
    keys = sorted(replicates)
    values = np.array([replicates[key] for key in keys], dtype=np.float64).reshape(len(keys), -1)
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, metrics=np.asarray(keys, dtype=np.str_), values=values)


def umaps(spec: dict[str, Any]) -> dict[str, Any]:
    """Write one two-dimensional UMAP a model, of the same at most 2,000 cells, drawn without regard to their types.

    One process for all models of a dataset: importing and compiling umap takes longer than running it.
    """
    import warnings

    from umap import UMAP, distances, layouts, umap_, utils

    from scarena.datasets.prepared import read_cells
    from scarena.metrics.compiled import keep_compiled

    for module in (distances, layouts, umap_, utils):
        keep_compiled(module)

    names = read_cells(Path(spec["dataset"])).index.to_numpy()
    keep = np.sort(np.random.default_rng(0).permutation(len(names))[:MAX_UMAP_CELLS])
    flat: dict[str, np.ndarray] = {}
    for model, path in sorted(spec["embeddings"].items()):
        embedding = join(*read_embedding(Path(path)), names[keep], path)
        with warnings.catch_warnings():
            # umap warns that a fixed seed means one thread; that is what is wanted.
            warnings.simplefilter("ignore")
            fitted = UMAP(n_neighbors=min(15, len(keep) - 1), random_state=0, n_jobs=1).fit_transform(embedding)
        flat[model] = fitted.astype(np.float32).round(3)
    write_umaps(Path(spec["umaps"]), flat, names[keep])
    return {}


def write_umaps(path: Path, flat: dict[str, np.ndarray], names: np.ndarray) -> None:
    """Write coordinates [n_cells, 2] by model, and the cells' names (npz, no pickle)."""
    arrays: dict[str, Any] = {f"xy:{model}": xy for model, xy in flat.items()}
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, obs_names=names.astype(np.str_), **arrays)
