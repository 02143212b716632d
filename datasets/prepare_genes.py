"""Preparing a dataset of genes: from its files to the `GeneTruth` that every model and task of genes reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from scarena.base.errors import CardError
from scarena.base.folders import digest_of
from scarena.datasets.card import DatasetCard
from scarena.datasets.gene_facts import FACTS, elsewhere, gene_facts
from scarena.datasets.gene_families import families
from scarena.datasets.gene_raw import RawGenes
from scarena.datasets.gene_readers import GeneReader
from scarena.datasets.gene_truth import GeneTruth
from scarena.datasets.genes import gene_table
from scarena.datasets.known_genes import known_genes
from scarena.datasets.sources import pull


def prepare_genes(card: DatasetCard, *, cache: Path, mirror: Path | None = None) -> GeneTruth:
    """Pull, read and check a dataset of genes.

    The genes of sets are all that code for proteins and whose expression is known; of lists, pairs and tissues those
    that the files have.

    Raises
    ------
    SourceError
        If a file cannot be had or is not the one the card names.
    DataError, CardError
        If its contents cannot be benchmarked, or the card does not fit them.
    """
    where = f"dataset {card.name}"
    if card.kind != "genes":
        fix = "write `kind: genes` on the card if it is of genes"
        raise CardError(f"a dataset of {card.kind}", where=where, fix=fix)
    reader = GeneReader(card.reader.name, card.reader.options, where)
    files = pull(card, cache=cache, mirror=mirror)
    facts = gene_facts(cache=cache, mirror=mirror)
    universe = frozenset(facts.index[facts["mean_expression"].notna()])
    numbers = _asks_for_numbers(card.reader.options)
    raw = reader.read(files, known_genes(universe, cache=cache, mirror=mirror, entrez=numbers))
    ids = sorted(universe) if raw.genes is None else list(raw.genes)
    facts = facts.assign(elsewhere=elsewhere(facts, reader.asked.collection, where))
    further = {"sources": json.dumps({key: digest_of(path) for key, path in files.items()}, sort_keys=True)}
    genes, lost = _table(ids, facts, gene_table(cache=cache, mirror=mirror).id_to_symbol)
    return _truth(raw, genes, card.model_dump_json(), (*raw.notes, *lost), further)


def _asks_for_numbers(options: Mapping[str, Any]) -> bool:
    return "entrez" in (options.get("genes"), (options.get("newer") or {}).get("genes"))


def _table(ids: list[str], facts: pd.DataFrame, symbols: Mapping[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """Return what is known of each gene, and of how many nobody knows what."""
    found = facts.reindex(ids)[["symbol", *FACTS]]
    named = pd.Series({gene: symbols.get(gene, gene) for gene in ids}, dtype=object)
    found["symbol"] = found["symbol"].astype(object).where(found["symbol"].notna(), named)
    # What a stem is cut to depends on all genes: those that code for proteins decide, whatever else a dataset lists.
    family = families([*facts["symbol"], *found["symbol"]]) | families(facts["symbol"])
    found.insert(1, "family", [family[symbol] for symbol in found["symbol"]])
    lacking = found[[*FACTS]].isna().sum()
    said = [f"{n:,} of {len(found):,} genes have no {fact}" for fact, n in lacking.items() if n]
    return found.astype(dict.fromkeys(FACTS, np.float64)), said


def _truth(raw: RawGenes, genes: pd.DataFrame, card: str, notes: tuple[str, ...], further: dict[str, Any]) -> GeneTruth:
    place = {gene: row for row, gene in enumerate(genes.index)}
    held = enumerate(raw.sets.values())
    signs = [(place[gene], column, sign) for column, each in held for gene, sign in each.items()]
    rows, columns, values = np.array(signs, dtype=np.int64).reshape(-1, 3).T
    sets = csr_matrix((values.astype(np.int8), (rows, columns)), shape=(len(genes), len(raw.sets)))
    tissues = pd.DataFrame(index=genes.index) if raw.tissues is None else raw.tissues.loc[genes.index]
    return GeneTruth(
        genes, sets, tuple(raw.sets), tissues.to_numpy(np.float32), tuple(map(str, tissues.columns)), raw.pairs, card,
        notes, further,
    )  # fmt: skip


def gene_summary(truth: GeneTruth) -> dict[str, Any]:
    """Return what the board says of a dataset of genes: sizes, and what was lost or dropped, a line each.

    It has no cells, batches or types; they are there, empty, for those who read every dataset's.
    """
    return {
        "n_cells": 0,
        "n_genes": len(truth.genes),
        "n_sets": len(truth.set_names),
        "n_pairs": len(truth.pairs),
        "n_tissues": len(truth.tissue_names),
        "n_families": int(truth.genes["family"].nunique()),
        "batches": {},
        "types": {},
        "notes": list(truth.notes),
        "genes": {},
    }
