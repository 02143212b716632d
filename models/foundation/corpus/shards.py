"""Chunks of cells in random order: from groups on disk to the shards of a corpus, one shard in memory at a time."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from scarena.base.files import replacing
from scarena.base.progress import tell
from scarena.models.foundation.corpus.config import CorpusConfig
from scarena.models.foundation.corpus.minhash import MinHash, gene_hashes
from scarena.models.foundation.corpus.spool import Spooled
from scarena.models.foundation.corpus.store import CELL, CHUNK, shard_name

_LOG = logging.getLogger("scarena.corpus")


def plan_chunks(groups: list[Spooled], config: CorpusConfig) -> np.ndarray:
    """Shuffle every group on disk; return all chunks [n_chunks] in random order, each with its shard.

    Of a chunk, ``first`` is its place in the shuffled group until `write_shards` makes it a row of the shard.
    """
    chunks = []
    for number, group in enumerate(groups):
        # Of the group's own, so that adding a dataset leaves the chunks of the others as they are.
        rng = np.random.default_rng([config.seed, int(gene_hashes([group.name])[0])])
        rng.permutation(group.cells).tofile(group.folder / "order")
        lengths = group.part("lengths")
        (np.cumsum(lengths, dtype=np.int64) - lengths).tofile(group.folder / "begins")
        # Of about one size: a chunk of one cell would be a step without negatives.
        n_chunks = -(-group.cells // config.chunk_cells)
        bounds = np.arange(n_chunks + 1) * group.cells // n_chunks
        found = np.zeros(len(bounds) - 1, CHUNK)
        found["first"], found["cells"], found["group"] = bounds[:-1], np.diff(bounds), number
        chunks.append(found)
    plan = np.concatenate(chunks)
    plan = plan[np.random.default_rng(config.seed).permutation(len(plan))]
    shard, filled = 0, 0
    for chunk in plan:
        if filled + chunk["cells"] > config.shard_cells:
            shard, filled = shard + 1, 0
        chunk["shard"], filled = shard, filled + int(chunk["cells"])
    return plan


def _gather(group: Spooled, chunk: np.void) -> tuple[np.ndarray, ...]:
    """Return genes, counts, lengths, cells and names of a chunk, read from the spool."""
    rows = np.fromfile(group.folder / "order", np.int64, int(chunk["cells"]), offset=8 * int(chunk["first"]))
    begins, lengths = np.memmap(group.folder / "begins", np.int64, mode="r")[rows], group.part("lengths")[rows]
    lengths = lengths.astype(np.int64)
    ends = np.cumsum(lengths)
    at = np.repeat(begins - (ends - lengths), lengths) + np.arange(ends[-1])
    cells = np.zeros(len(rows), CELL)
    cells["group"], cells["depth"] = chunk["group"], group.part("depth")[rows]
    return group.part("genes")[at], group.part("counts")[at], lengths, cells, group.part("names")[rows]


def write_array(path: Path, values: np.ndarray) -> None:
    """Write an array as a whole or not at all."""
    with replacing(path) as part:
        np.save(part, values, allow_pickle=False)


def write_shards(out: Path, plan: np.ndarray, groups: list[Spooled], minhash: MinHash, width: int) -> None:
    """Write all shards; ``first`` of every chunk becomes its row in its shard."""
    n_shards = int(plan["shard"].max()) + 1
    for number in range(n_shards):
        tell("writing shards", number, n_shards, "shards")
        here = np.flatnonzero(plan["shard"] == number)
        gathered = [_gather(groups[chunk["group"]], chunk) for chunk in plan[here]]
        genes, counts, lengths, cells, names = map(np.concatenate, zip(*gathered, strict=True))
        del gathered
        plan["first"][here] = np.cumsum(plan["cells"][here], dtype=np.int64) - plan["cells"][here]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        arrays = {"genes": genes, "counts": counts, "starts": starts, "cells": cells}
        arrays |= {"names": names.astype(f"S{width}"), "minhash": minhash(genes, starts)}
        for part, values in arrays.items():
            write_array(out / shard_name(number) / f"{part}.npy", values)
        _LOG.info("%s: %d cells", shard_name(number), len(cells))
