"""Sparse cells with names like real ones, and the h5ad files and corpora made of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.models.foundation.corpus.build import build
from scarena.models.foundation.corpus.config import CorpusConfig
from scarena.models.foundation.corpus.store import Corpus


def sparse_cells(n_cells: int = 200, n_genes: int = 3000, seed: int = 0, first_gene: int = 0) -> AnnData:
    """Return cells in three batches of unequal size that express about a tenth of their genes."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(0.15, 0.8, (3, n_genes))
    types = rng.integers(0, 3, n_cells)
    data = AnnData(csr_matrix(rng.poisson(rates[types]).astype(np.float32)))
    data.obs_names = ["".join(rng.choice(list("ACGT"), 16)) + f"-{seed}" for _ in range(n_cells)]
    data.var_names = [f"ENSG{first_gene + i:011d}" for i in range(n_genes)]
    data.obs["sample"] = [f"s{min(2, i % 5)}" for i in range(n_cells)]
    data.obs["person"] = [f"donor{i % 2}" for i in range(n_cells)]
    return data


@pytest.fixture(scope="session")
def make_sparse() -> Callable[..., AnnData]:
    return sparse_cells


def entry(path: Path, **more: object) -> dict[str, object]:
    """Return the configuration of an h5ad file."""
    return {
        "name": path.stem,
        "path": path,
        "batch": "sample",
        "donor": "person",
        "study": [f"study-{path.stem}"],
        **more,
    }


def a_corpus(out: Path, *entries: dict[str, object], **more: object) -> Corpus:
    """Build a corpus of small chunks and shards from h5ad files."""
    settings = {"name": "c", "min_cells": 1, "chunk_cells": 16, "shard_cells": 64, "block_cells": 30}
    build(CorpusConfig.model_validate({"h5ad": entries, **settings, **more}), out)
    return Corpus.open(out, verify=True)


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, AnnData]:
    """Two datasets; the second measures other genes too, and not all of the first."""
    return {"one": sparse_cells(150, seed=1), "two": sparse_cells(90, n_genes=2500, seed=2, first_gene=1000)}


@pytest.fixture(scope="session")
def files(two: dict[str, AnnData], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("h5ad")
    for name, data in two.items():
        data.write_h5ad(folder / f"{name}.h5ad")
    return {name: folder / f"{name}.h5ad" for name in two}


@pytest.fixture(scope="session")
def corpus(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return a_corpus(tmp_path_factory.mktemp("corpus") / "built", *(entry(path) for path in files.values()))


@pytest.fixture(scope="session")
def make_corpus() -> Callable[..., Corpus]:
    return a_corpus


@pytest.fixture(scope="session")
def make_entry() -> Callable[..., dict[str, object]]:
    return entry
