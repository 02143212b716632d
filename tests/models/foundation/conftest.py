"""One thread for the tests of the models: small matrices only wait for each other on several. And made-up cells."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from scarena.models.foundation.cell_sources import DatasetSource
from scarena.models.foundation.packed import Packed
from scarena.models.foundation.tokenize import Cells


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """Every test here runs on one thread."""


def packed_of(cells: list[tuple[list[int], list[float]]]) -> Packed:
    """Return cells given as genes and values."""
    sizes = [len(genes) for genes, _ in cells]
    return Packed(
        torch.tensor([gene for genes, _ in cells for gene in genes], dtype=torch.int32),
        torch.tensor([value for _, values in cells for value in values], dtype=torch.float32),
        torch.tensor(np.cumsum([0, *sizes]), dtype=torch.int32),
        max(sizes, default=0),
    )


def random_packed(sizes: list[int], n_genes: int, seed: int = 0) -> Packed:
    """Return cells of these sizes, with different genes in ascending order and values that all differ."""
    rng = np.random.default_rng(seed)
    values = rng.permutation(np.linspace(0.5, 6.0, max(1, sum(sizes))))
    cells, first = [], 0
    for size in sizes:
        genes = np.sort(rng.choice(n_genes, size, replace=False)).tolist()
        cells.append((genes, values[first : first + size].tolist()))
        first += size
    return packed_of(cells)


def cells_of(counts: np.ndarray, depth: np.ndarray | None = None) -> Cells:
    """Return cells of a dense matrix of counts."""
    rows, genes = np.nonzero(counts)
    starts = np.searchsorted(rows, np.arange(len(counts) + 1))
    depth = counts.sum(axis=1) if depth is None else depth
    return Cells(
        starts.astype(np.int64),
        genes.astype(np.int32),
        counts[rows, genes].astype(np.float32),
        depth.astype(np.float32),
    )


def two_types(n_cells: int = 240, n_genes: int = 120, seed: int = 0, groups: int = 2) -> np.ndarray:
    """Return counts [n_cells, n_genes] of two cell types, taken in turns."""
    rng = np.random.default_rng(seed)
    rates = np.random.default_rng(100).gamma(0.5, 3.0, (2, n_genes))
    return rng.poisson(rates[np.arange(n_cells) // groups % 2]).astype(np.float32)


@pytest.fixture(scope="session")
def make_packed() -> Callable[[list[tuple[list[int], list[float]]]], Packed]:
    return packed_of


@pytest.fixture(scope="session")
def make_random() -> Callable[..., Packed]:
    return random_packed


@pytest.fixture(scope="session")
def make_counts() -> Callable[..., Cells]:
    return cells_of


@pytest.fixture(scope="session")
def make_types() -> Callable[..., np.ndarray]:
    return two_types


@pytest.fixture(scope="session")
def make_source() -> Callable[..., DatasetSource]:
    """The maker of sources with cells of two types in two batches; the last ten genes are not measured."""

    def source(n_cells: int = 240, seed: int = 0) -> DatasetSource:
        counts = two_types(n_cells, seed=seed)
        counts[:, -10:] = 0
        batch = np.array([f"b{i % 2}" for i in range(n_cells)])
        return DatasetSource(cells_of(counts), batch, np.arange(counts.shape[1]) < counts.shape[1] - 10)

    return source
