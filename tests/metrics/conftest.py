"""A small integrated embedding, and the real Cell Ontology of the installed package."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

RELEASE = "CL-ontology-v2026-03-26.json.zst"


@dataclass(frozen=True)
class Cells:
    """Embedding with its annotation."""

    x: np.ndarray
    batch: np.ndarray
    labels: np.ndarray
    pre_pca: np.ndarray

    def rows(self, order):
        return Cells(self.x[order], self.batch[order], self.labels[order], self.pre_pca[order])


@pytest.fixture(scope="session")
def cells():
    """420 cells, 6 types of unequal size (one in two batches only), 3 batches with a mild shift."""
    rng = np.random.default_rng(0)
    n, dims = 420, 12
    label = rng.choice(6, n, p=[0.3, 0.25, 0.2, 0.12, 0.08, 0.05])
    batch = rng.integers(0, 3, n)
    batch[(label == 5) & (batch == 2)] = 0
    centres, shifts = rng.normal(size=(6, dims)) * 2, rng.normal(size=(3, dims))
    noise = rng.normal(size=(n, dims))
    pre = centres[label] + shifts[batch] * 1.5 + noise
    x = centres[label] + shifts[batch] * 0.4 + noise
    names = np.array([f"type {i}" for i in range(6)])
    return Cells(x.astype(np.float32), np.array([f"b{i}" for i in batch]), names[label], pre.astype(np.float32))


@pytest.fixture(scope="session")
def cell_ontology():
    """Return the parents of every current term of the Cell Ontology, read from the package that carries it."""
    import cellxgene_ontology_guide
    import zstandard

    path = Path(cellxgene_ontology_guide.__file__).parent / "data" / RELEASE
    with path.open("rb") as handle:
        terms = json.load(zstandard.ZstdDecompressor().stream_reader(handle))
    return {
        name: sorted(above for above, distance in term["ancestors"].items() if distance == 1)
        for name, term in terms.items()
        if not term["deprecated"]
    }


@pytest.fixture(scope="session")
def cell_types(cell_ontology):
    """Return the leaves below "cell", sorted: the terms that datasets annotate with."""
    inner = {above for parents in cell_ontology.values() for above in parents}
    return sorted(term for term, parents in cell_ontology.items() if parents and term not in inner)
