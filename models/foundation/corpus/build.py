"""Building a corpus: sources to a spool on disk, the vocabulary, and chunks of cells in random order to shards.

Memory is bounded by a block of a source and by a shard, not by the corpus; a card's dataset and an h5ad's obs are held
whole, one at a time. The same configuration gives the same bytes: groups are numbered by name, and every group is
shuffled by a generator of its own.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from scarena.base.errors import ConfigError, DataError
from scarena.base.files import sha256_of, write_json, write_text
from scarena.base.progress import tell
from scarena.models.foundation.corpus.blocks import Origin, Source
from scarena.models.foundation.corpus.config import MOST_GENES, CorpusConfig
from scarena.models.foundation.corpus.minhash import MinHash
from scarena.models.foundation.corpus.shards import plan_chunks, write_array, write_shards
from scarena.models.foundation.corpus.sources import sources
from scarena.models.foundation.corpus.spool import Spool, Spooled, Tally
from scarena.models.foundation.corpus.store import FORMAT

_LOG = logging.getLogger("scarena.corpus")


def _fresh(out: Path) -> Path:
    """Return the folder of the spool, after an interrupted build has been cleared away."""
    if (out / "manifest.json").exists():
        raise ConfigError("there is a corpus already", where=str(out), fix="name another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    for left in sorted([*out.glob("shard-?????"), out / ".spool"]):
        shutil.rmtree(left, ignore_errors=True)
    return out / ".spool"


def _vocabulary(config: CorpusConfig, spool: Spool) -> list[str]:
    if config.vocabulary is None:
        genes = spool.widely_seen(config.min_cells, config.max_genes)
        if not genes:
            what = f"no gene is seen in {config.min_cells} cells"
            raise DataError(what, where=f"corpus {config.name}", fix="lower min_cells or add cells")
        return genes
    where = str(config.vocabulary)
    try:
        genes = config.vocabulary.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot be read ({type(error).__name__})", where=where, fix="one Ensembl id a line"
        ) from None
    if not 0 < len(set(genes)) == len(genes) <= MOST_GENES:
        what = f"{len(genes):,} ids, {len(set(genes)):,} of them different"
        raise ConfigError(what, where=where, fix=f"give 1 to {MOST_GENES:,} ids, each once")
    return genes


def _check_shared(measured: np.ndarray, datasets: list[str], name: str) -> None:
    """Refuse a dataset that shares no gene of the vocabulary, or none with the other datasets."""
    shared = measured.sum(axis=0) > 1
    for dataset, row in zip(datasets, measured, strict=True):
        where, fix = f"corpus {name}: {dataset}", "leave it out; human genes by Ensembl id are expected"
        if not row.any():
            raise DataError("measures no gene of the vocabulary", where=where, fix=fix)
        if len(datasets) > 1 and not (row & shared).any():
            raise DataError("has no gene in common with the other datasets", where=where, fix=fix)


def _spooled(spool: Spool, genes: list[str], config: CorpusConfig) -> list[Spooled]:
    groups = list(spool.over(genes, config.block_cells))
    for dataset, tally in sorted(spool.tallies.items()):
        if not tally.cells:
            where, fix = f"corpus {config.name}: {dataset}", "leave it out, or widen the vocabulary"
            raise DataError("no cell has a count over the vocabulary", where=where, fix=fix)
    return groups


def _described(origin: Origin, tally: Tally, genes_measured: int) -> dict[str, Any]:
    about = {"dataset": origin.name, "kind": origin.kind, "study": list(origin.study), "licence": origin.licence}
    cells = {"cells": tally.cells, "cells_dropped": tally.dropped, "counts_saturated": tally.saturated}
    parts = {"tissues": dict(sorted(tally.tissue.items())), "assays": dict(sorted(tally.assay.items()))}
    names = {"donors": sorted(tally.donor), "genes_measured": genes_measured, "files": list(origin.files)}
    return about | cells | parts | names


def _total(counters: Iterable[Counter[str]]) -> dict[str, int]:
    return dict(sorted(sum(counters, Counter()).items()))


def _choices(config: CorpusConfig, n_genes: int) -> dict[str, Any]:
    widely: dict[str, Any] = {"rule": "seen in most cells", "min_cells": config.min_cells, "most": config.max_genes}
    rule = {"rule": "given file"} if config.vocabulary else widely
    hashed = "blake2b-64 of the Ensembl id, little-endian; bin = hash mod bins, value = hash div bins"
    return {
        "format": FORMAT,
        "name": config.name,
        "seed": config.seed,
        "chunk_cells": config.chunk_cells,
        "shard_cells": config.shard_cells,
        "vocabulary": rule | {"genes": n_genes},
        "minhash": {"bins": config.minhash_bins, "hash": hashed},
    }


def _files(out: Path) -> dict[str, dict[str, Any]]:
    paths = [out / name for name in ("genes.txt", "measured.npy", "chunks.npy")] + sorted(out.glob("shard-?????/*.npy"))
    return {str(p.relative_to(out)): {"bytes": p.stat().st_size, "sha256": sha256_of(p)} for p in paths}


def _build(config: CorpusConfig, out: Path, spool: Spool, given: Iterable[Source]) -> dict[str, Any]:
    origins: dict[str, Origin] = {}
    notes: dict[str, list[str]] = {}
    tell("reading sources")
    for source in given:
        spool.add(source)
        origins[source.origin.name], notes[source.origin.name] = source.origin, list(source.told())
        for line in ("read", *notes[source.origin.name]):
            _LOG.info("%s: %s", source.origin.name, line)
        tell("reading sources", len(origins), unit="read")
        # Or it would be held while the next is read.
        del source
    tell("choosing the vocabulary")
    genes, datasets = _vocabulary(config, spool), sorted(origins)
    measured = spool.measured(genes, datasets)
    _check_shared(measured, datasets, config.name)
    groups = _spooled(spool, genes, config)
    plan = plan_chunks(groups, config)
    write_shards(out, plan, groups, MinHash(genes, config.minhash_bins), spool.name_bytes)
    write_text(out / "genes.txt", "\n".join(genes) + "\n")
    write_array(out / "measured.npy", np.packbits(measured, axis=1))
    write_array(out / "chunks.npy", plan)
    tallies = [spool.tallies[dataset] for dataset in datasets]
    return _choices(config, len(genes)) | {
        "cells": sum(tally.cells for tally in tallies),
        "cells_dropped": sum(tally.dropped for tally in tallies),
        "tissues": _total(tally.tissue for tally in tallies),
        "assays": _total(tally.assay for tally in tallies),
        "sources": [
            _described(origins[dataset], tally, int(panel.sum())) | {"notes": notes[dataset]}
            for dataset, tally, panel in zip(datasets, tallies, measured, strict=True)
        ],
        "groups": [{"name": group.name, "dataset": group.dataset, "cells": group.cells} for group in groups],
        "shards": int(plan["shard"].max()) + 1,
        "files": _files(out),
    }


def build(
    config: CorpusConfig, out: Path, cache: Path = Path(".cache"), mirror: Path | None = None,
    given: Iterable[Source] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Build a corpus in `out` and return its manifest, which is written last.

    Parameters
    ----------
    config
        What goes in, and the fixed choices.
    out
        Folder of the corpus; while building it also holds the spool, about three times as large as the corpus.
    cache, mirror
        As for `scarena.datasets.sources.pull`.
    given
        The sources, where they are not those that `config` names.

    Raises
    ------
    ConfigError
        If `out` holds a corpus already, or the vocabulary's file is none.
    DataError
        If values are not integer counts, a column is missing, datasets have no gene in common, or no cell of one has a
        count over the vocabulary.
    """
    folder = _fresh(out)
    try:
        found = sources(config, cache, mirror) if given is None else given
        manifest = _build(config, out, Spool(folder), found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    write_json(out / "manifest.json", manifest)
    return manifest
