"""In the child process: the UMAPs of a dataset's models."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from scarena.models.embedding import join, read_embedding
from scarena.steps.umap_file import write_umaps

MAX_UMAP_CELLS = 2000


def umaps(spec: dict[str, Any]) -> dict[str, Any]:
    """Write one two-dimensional UMAP a model, of the same at most 2,000 cells, drawn without regard to their types.

    One process for all models of a dataset: importing and compiling umap takes longer than running it.
    """
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
        with warnings.catch_warnings(), mock.patch.object(umap_, "pairwise_distances", distances_of):
            # umap warns that a fixed seed means one thread; that is what is wanted.
            warnings.simplefilter("ignore")
            fitted = UMAP(n_neighbors=min(15, len(keep) - 1), random_state=0, n_jobs=1).fit_transform(embedding)
        flat[model] = fitted.astype(np.float32).round(3)
    write_umaps(Path(spec["umaps"]), flat, names[keep])
    return {}


def distances_of(x: np.ndarray, metric: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
    """Return the distances [n_cells, n_cells] that scikit-learn's `pairwise_distances` returns, to the last bit.

    The same calls without its checks of every row before every call, which take most of a UMAP of 2,000 cells.
    """
    rows = list(x)
    found = np.zeros((len(rows), len(rows)), dtype=x.dtype)
    for number, row in enumerate(rows):
        found[number, number + 1 :] = [metric(row, other) for other in rows[number + 1 :]]
    found = found + found.T
    found[np.diag_indices_from(found)] = [metric(row, row) for row in rows]
    return found
