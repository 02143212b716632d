"""In the child process: the UMAPs of a dataset's models."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

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
        with warnings.catch_warnings():
            # umap warns that a fixed seed means one thread; that is what is wanted.
            warnings.simplefilter("ignore")
            fitted = UMAP(n_neighbors=min(15, len(keep) - 1), random_state=0, n_jobs=1).fit_transform(embedding)
        flat[model] = fitted.astype(np.float32).round(3)
    write_umaps(Path(spec["umaps"]), flat, names[keep])
    return {}
