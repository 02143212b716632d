"""Frozen embedding: cells through the encoder, some thousand tokens at a time, so that memory stays as it is.

On the CPU a batch has a thread to itself, from its counts to its vectors: no product waits for another thread, and the
vectors are the same bit for bit however many threads there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from scarena.base.errors import ConfigError
from scarena.base.progress import tell
from scarena.datasets.stored import blocks
from scarena.models.foundation.frozen import Frozen, is_known
from scarena.models.foundation.kernels.pack import pack
from scarena.models.foundation.model import Transformer
from scarena.models.foundation.tokenize import ALL, Cells, places

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix
    from torch import Tensor

    from scarena.models.foundation.model import FoundationModel
    from scarena.models.foundation.packed import Packed

Precision = Literal["float32", "bfloat16"]
_KINDS: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}

# Tokens of a batch. The vectors do not depend on it but for rounding. With fewer, threads wait for each other's Python.
_ON_GPU, _OF_BAG, _OF_TRANSFORMER = 1 << 18, 1 << 18, 1 << 14


def embed(
    model: FoundationModel, data: AnnData, genes: list[str], device: str = "cpu", *, precision: Precision | None = None
) -> np.ndarray:
    """Return float32 [n_cells, Z].

    Parameters
    ----------
    model, device, precision
        As for `encode`.
    data
        Counts of cells × genes, Ensembl ids as ``var_names``; X may lie on disk.
    genes
        The model's vocabulary.

    Raises
    ------
    ModelError
        If the data shares no gene with the vocabulary.
    """
    remap_G = torch.from_numpy(places(list(data.var_names), genes))
    parts = ((first, Counts.over(part, remap_G)) for first, _, part in blocks(data.X))
    done = partial(_done, of=data.n_obs)
    found = [_vectors(model, counts, device, None, precision, partial(done, first)) for first, counts in parts]
    return np.concatenate(found)


def encode(
    model: FoundationModel, cells: Cells, device: str = "cpu", tokens: int | None = None,
    *, precision: Precision | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the vectors of cells in their order, float32 [n_cells, Z].

    Parameters
    ----------
    model
        Moved to the device.
    cells
        Over the model's vocabulary.
    device
        Where the encoder runs.
    tokens
        Of a batch at most, unless one cell has more; by default what suits the encoder and the device.
    precision
        Of the encoder's matrix products; sums, norms and a gene bag are in single precision with either. By default
        ``float32`` on a CPU and ``bfloat16`` on a GPU.

    Raises
    ------
    ConfigError
        If there is no such precision.
    """
    ordered_V = torch.arange(model.config.n_genes, dtype=torch.int32)
    held = Counts(cells.starts_B1, cells.genes_N, cells.counts_N, cells.depth_B, ordered_V)
    return _vectors(model, held, device, tokens, precision)


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of a dataset as they are, and where its columns are in a vocabulary: nothing of their size is made."""

    starts_B1: np.ndarray
    columns_N: np.ndarray
    counts_N: np.ndarray
    depth_B: np.ndarray
    remap_G: Tensor

    @classmethod
    def of(cls, data: AnnData, genes: list[str]) -> Counts:
        """Return those of a dataset, in CSR if they are not; a ModelError if it has no gene of the vocabulary."""
        from scipy.sparse import csr_matrix

        return cls.over(csr_matrix(data.X), torch.from_numpy(places(list(data.var_names), genes)))

    @classmethod
    def over(cls, counts: csr_matrix, remap_G: Tensor) -> Counts:
        """Return those of a matrix whose columns' places are known."""
        depth = np.asarray(counts.sum(axis=1), np.float32).ravel()
        return cls(counts.indptr, counts.indices, counts.data, depth, remap_G)

    def __len__(self) -> int:
        return len(self.depth_B)

    def packed(self, first: int, last: int, length: int = ALL, medians_V: Tensor | None = None) -> Packed:
        """Return the tokens of some cells: all of them, or the highest by count over median."""
        a, b = int(self.starts_B1[first]), int(self.starts_B1[last])
        # Of one type each, so that the tokeniser is compiled once.
        starts_B1 = torch.from_numpy(self.starts_B1[first : last + 1].astype(np.int64) - a)
        genes_N = torch.from_numpy(self.columns_N[a:b].astype(np.int32, copy=False))
        counts_N = torch.from_numpy(self.counts_N[a:b].astype(np.float32, copy=False))
        depth_B = torch.from_numpy(self.depth_B[first:last])
        return pack(
            starts_B1, genes_N, counts_N, self.remap_G, length=length, encoding="continuous", medians_V=medians_V,
            depth_B=depth_B,
        )  # fmt: skip


def _done(before: int, cells: int, of: int) -> None:
    """Say how many cells are embedded, beside those before."""
    tell("embedding", before + cells, of, "cells")


def _vectors(
    model: FoundationModel, counts: Counts, device: str, tokens: int | None, precision: Precision | None,
    done: Callable[[int], None] = lambda _: None,
) -> np.ndarray:  # fmt: skip
    encoder, on_gpu = model.to(device).eval().encoder, torch.device(device).type == "cuda"
    precision = precision or ("bfloat16" if on_gpu else "float32")
    if precision not in _KINDS:
        raise ConfigError(f"unknown precision {precision!r}", where="encode", fix=f"one of {', '.join(_KINDS)}")
    # On a CPU a bag's time goes with all genes, a transformer's with those it reads one by one.
    length = encoder.length if isinstance(encoder, Transformer) and not on_gpu else ALL
    sizes = np.minimum(np.diff(counts.starts_B1), length)
    tokens = tokens or (_ON_GPU if on_gpu else _OF_BAG if length == ALL else _OF_TRANSFORMER)
    batches = list(_batches(np.concatenate([[0], sizes.cumsum()]), tokens))
    result = np.zeros((len(sizes), model.config.embedding), np.float32)
    with torch.inference_mode():
        encoded = _encoded(encoder, device, _KINDS[precision])

    ended: list[int] = []

    def work(waiting: Iterator[tuple[int, int]]) -> None:
        with torch.inference_mode():
            for first, last in waiting:
                result[first:last] = encoded(counts, first, last).float().cpu().numpy()
                ended.append(last - first)
                done(sum(ended))

    if on_gpu:
        work(iter(batches))
    else:
        _in_threads(work, iter(batches), min(torch.get_num_threads(), len(batches)))
    return result


def _in_threads(work: Callable[[Iterator[Any]], None], waiting: Iterator[Any], n_threads: int) -> None:
    """Let threads take from the iterator of a list, of which one at a time gets the next; products have one thread."""
    before = torch.get_num_threads()
    if before == 1:
        work(waiting)
        return
    try:
        with ThreadPoolExecutor(max(1, n_threads), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for done in [pool.submit(work, waiting) for _ in range(n_threads)]:
                done.result()
    finally:
        torch.set_num_threads(before)


def _encoded(encoder: Any, device: str, kind: torch.dtype) -> Callable[[Counts, int, int], Tensor]:
    """Return what gives the vectors of a range of cells."""
    where = torch.device(device)
    if where.type == "cpu" and is_known(encoder):
        frozen, weights_V = Frozen(encoder, kind), encoder.bag.weights()
        medians_V = None if weights_V is None else weights_V.reciprocal()
        return lambda counts, a, b: frozen(counts.packed(a, b), counts.packed(a, b, encoder.length, medians_V))
    table = {"table_VD": encoder.gene_table()} if isinstance(encoder, Transformer) else {}

    def encoded(counts: Counts, first: int, last: int) -> Tensor:
        with torch.autocast(where.type, kind, enabled=kind != torch.float32):
            return encoder(counts.packed(first, last).to(where), **table)

    return encoded


def _batches(starts: np.ndarray, tokens: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of cells with at most `tokens` genes together, and at least one cell."""
    first, n_cells = 0, len(starts) - 1
    while first < n_cells:
        last = int(np.searchsorted(starts, starts[first] + tokens, side="right")) - 1
        last = min(n_cells, max(first + 1, last))
        yield first, last
        first = last
