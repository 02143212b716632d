"""What every source of a corpus is made of: cells in blocks of rows, over Ensembl ids, in one form for all kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.counts import whole

if TYPE_CHECKING:
    import pandas as pd

    from scarena.datasets.genes import GeneMap

OBS_KEYS = ("batch", "donor", "tissue", "assay")
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Block:
    """Some cells of a source, in its order."""

    counts: csr_matrix
    """int64 [n_cells, n_genes] over the source's Ensembl ids."""
    depth: np.ndarray
    """int64 [n_cells], all counts of a cell, those of genes without an Ensembl id included."""
    obs: pd.DataFrame
    """Indexed by cell name, with the strings ``batch``, ``donor``, ``tissue``, ``assay`` ("unknown" where not said)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a corpus says of a dataset in it."""

    name: str
    kind: str
    """card, h5ad or census."""
    study: tuple[str, ...]
    licence: str
    files: tuple[dict[str, str | None], ...]
    """``url`` and ``sha256`` of each file."""


@dataclass(frozen=True, slots=True)
class Source:
    """One dataset that goes into a corpus."""

    origin: Origin
    genes: Sequence[str]
    """Ensembl ids that the dataset measures: only of these is a missing count a zero."""
    blocks: Callable[[], Iterator[Block]]
    told: Callable[[], Sequence[str]] = tuple
    """What was dropped or renamed, a line each, once all blocks were read."""


def block_of(values: Any, columns: GeneMap, obs: pd.DataFrame, where: str, advice: str = "") -> Block:
    """Return a block from rows of a matrix as published, of its genes alone."""
    counts = whole(values, where, advice=advice, dtype=np.int64)
    depth = np.asarray(counts.sum(axis=1), np.int64).ravel()
    if len(depth) and depth.max() > np.iinfo(np.uint32).max:
        raise DataError(f"a cell of {depth.max():,} counts", where=where, fix="give raw counts")
    return Block(columns.merged(counts), depth, obs)
