"""The two sides of `scarena bench fm`: scArena-FM and scGPT's path rebuilt, of one size, on the same cells.

Shapes: B cells, N stored counts of all of them, V genes of the vocabulary.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.models.foundation.embed import Precision
    from scarena.models.foundation.model import Sizes

OURS, THEIRS, TUNED = "scArena-FM", "scGPT rebuilt", "scGPT, tuned"
N_GENES = 19_670
"""Of the shipped models' vocabulary."""
WARM_UP = 64


def generated(n_cells: int, seed: int = 0, n_genes: int = N_GENES) -> AnnData:
    """Return cells with 500 to 3,000 expressed genes (log-normal, median 1,300), most of them counted once or twice.

    Genes are in the order of names, and as likely as they are in tissue: some in every cell, most in few.
    """
    import anndata
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(seed)
    sizes = np.clip(rng.lognormal(np.log(1_300), 0.45, n_cells), 500, 3_000).astype(np.int64)
    log_share_V = rng.normal(0, 1.5, n_genes)
    # The highest of Gumbel numbers around the log shares: a draw without repetition in proportion to the shares.
    genes = [np.sort(np.argpartition(-(log_share_V + rng.gumbel(size=n_genes)), size)[:size]) for size in sizes]
    counts = 1 + rng.negative_binomial(0.3, 0.1, int(sizes.sum()))
    parts = (counts.astype(np.float32), np.concatenate(genes).astype(np.int32), np.concatenate([[0], sizes.cumsum()]))
    data = anndata.AnnData(csr_matrix(parts, shape=(n_cells, n_genes)))
    data.var_names = names(n_genes)
    return data


def names(n_genes: int) -> list[str]:
    """Return made-up Ensembl ids."""
    return [f"ENSG{number:011d}" for number in range(n_genes)]


def read(path: Path, n_cells: int, seed: int = 0) -> tuple[AnnData, list[str]]:
    """Return cells of a prepared dataset drawn at random, all where there are fewer, and the shipped vocabulary.

    Only cells that express a gene of the vocabulary: of the rebuilt path any other would be the end.

    Raises
    ------
    DataError
        If there is none.
    """
    import anndata

    from scarena.models.foundation.checkpoint import read_genes
    from scarena.models.foundation.tokenize import over_vocabulary

    data, genes = anndata.read_h5ad(path), read_genes()
    able = np.flatnonzero(np.diff(over_vocabulary(data, genes).starts_B1))
    if not len(able):
        raise DataError("no cell with a known gene", where=str(path), fix="name a prepared dataset with counts")
    rows = np.sort(np.random.default_rng(seed).permutation(able)[:n_cells])
    return data[rows].copy(), genes


def models() -> dict[str, Sizes]:
    """Return the models that are timed: the two shipped ones, and a larger transformer of as many genes."""
    from scarena.models.foundation.model import SIZES, Sizes

    wide = Sizes(gene_width=64, width=256, heads=4, layers=6, feed_forward=640, embedding=64, length=512)
    return {"nano": SIZES["nano"], "d256": wide, "student": SIZES["student"]}


@dataclass(frozen=True, slots=True)
class Given:
    """The same cells for both sides."""

    data: AnnData
    genes: list[str]
    """The vocabulary, as names of the data's genes."""
    csr: tuple[np.ndarray, np.ndarray, np.ndarray]
    """Starts, places in the vocabulary and counts, for the rebuilt path: it need not look genes up."""

    @classmethod
    def of(cls, data: AnnData, genes: list[str]) -> Given:
        """Return cells for both sides."""
        from scarena.models.foundation.tokenize import over_vocabulary

        cells = over_vocabulary(data, genes)
        return cls(data, genes, (cells.starts_B1, cells.genes_N, cells.counts_N))

    def first(self, n_cells: int) -> Given:
        """Return the first cells."""
        return Given.of(self.data[:n_cells].copy(), self.genes)


@dataclass(frozen=True, slots=True)
class Side:
    """One way from counts to vectors."""

    model: str
    what: str
    precision: str
    embed: Callable[[Given], np.ndarray]
    tokenise: Callable[[Given], None]
    """The part of `embed` that makes tokens."""
    threads: int
    """In how many of them that part runs when it is a part of `embed`."""


def ours(size: str, sizes: Sizes, genes: list[str], device: str, precision: Precision) -> Side:
    """Return scArena-FM of a size, with random weights."""
    import torch

    from scarena.models.foundation.embed import Counts, embed
    from scarena.models.foundation.model import FoundationConfig, initialised

    model = initialised(FoundationConfig(n_genes=len(genes), n_groups=1, **sizes.model_dump()), 0)

    def tokenise(given: Given) -> None:
        counts = Counts.of(given.data, genes)
        for first in range(0, len(counts), WARM_UP):
            last = min(first + WARM_UP, len(counts))
            counts.packed(first, last)
            if sizes.kind == "transformer":
                counts.packed(first, last, sizes.length)

    return Side(
        size, OURS, precision, lambda given: embed(model, given.data, genes, device, precision=precision), tokenise,
        torch.get_num_threads() if device == "cpu" else 1,
    )  # fmt: skip


def theirs(
    size: str, sizes: Sizes, genes: list[str], device: str, precision: Precision, *, tuned: bool = False
) -> Side:
    """Return the rebuilt path at the size of one of our transformers.

    As upstream has it, or `tuned`, as upstream is not: without what PyTorch calls the fast path of its encoder, which
    keeps all scores in memory, so that its `scaled_dot_product_attention` runs, which does not.
    """
    from scarena.bench import rebuilt_scgpt as rebuilt

    shape = rebuilt.Shape(len(genes), sizes.width, sizes.heads, sizes.layers, sizes.feed_forward, sizes.length + 1)
    model = rebuilt.initialised(shape, 0)
    if precision == "bfloat16":
        model.bfloat16()

    def embed(given: Given) -> np.ndarray:
        with _without_fast_path() if tuned else contextlib.nullcontext():
            return rebuilt.embed(model, *given.csr, device=device)

    def tokenise(given: Given) -> None:
        for _ in rebuilt.loader(rebuilt.CellRows(*given.csr, shape), shape, seed=0):
            pass

    return Side(size, TUNED if tuned else THEIRS, precision, embed, tokenise, 1)


@contextlib.contextmanager
def _without_fast_path() -> Iterator[None]:
    import torch

    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
