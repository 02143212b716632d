"""Preparing a dataset of kind ``response``: from its files to the `ResponseTruth` that every model and task reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scarena.base.errors import CardError, DataError
from scarena.base.folders import digest_of
from scarena.datasets.card import DatasetCard
from scarena.datasets.gene_facts import FACTS, elsewhere, gene_facts
from scarena.datasets.genes import GeneTable, gene_table
from scarena.datasets.network_effects import log_normalised
from scarena.datasets.prepare import prepare
from scarena.datasets.read_mean_profiles import read_mean_profiles
from scarena.datasets.response_cells import depth_of, shown, truth_of_cells
from scarena.datasets.response_means import truth_of_means
from scarena.datasets.response_rule import MeanProfiles, ResponseRule
from scarena.datasets.response_splits import (
    asked_twice,
    is_combination,
    leaks,
    published_split,
    splits_of,
    splits_sha256,
    unit_of,
)
from scarena.datasets.response_truth import ResponseTruth, Split
from scarena.datasets.response_values import published_cells
from scarena.datasets.sources import pull

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.datasets.ontology import CellOntology

REPRODUCIBLE = 0.5
"""Reproducibility above which an effect counts as one that can be found again."""


def prepare_response(
    card: DatasetCard, *, cache: Path, mirror: Path | None = None, ontology: CellOntology | None = None
) -> tuple[ResponseTruth, AnnData | None]:
    """Pull, read and check a dataset of perturbations.

    Returns
    -------
    What it knows; and the control's cells that models are shown, None where there are none, or no counts of them.

    Raises
    ------
    SourceError, DataError, OntologyError, CardError, NotAvailable
        As for any dataset; and if there is no control, nothing to hold out, or a split from which what is asked about
        could be known.
    """
    rule = card.response
    if rule is None:
        fix = "say what is asked, or prepare it as what it is"
        raise CardError("no `response`", where=f"dataset {card.name}", fix=fix)
    table, where = gene_table(cache=cache, mirror=mirror), f"dataset {card.name}"
    cells, asked = None, dict[str, tuple[str, ...]]()
    if rule.cells is None:
        truth, asked = _of_means(card, rule, table, cache, mirror)
    else:
        truth, cells = _of_cells(card, rule, table, cache, mirror, ontology)
    facts = gene_facts(cache=cache, mirror=mirror)
    genes, lost = known_of_genes(_all_genes(truth), facts, table.id_to_symbol)
    splits = checked_splits(truth.profiles, rule, asked, where)
    further = {**truth.further, "splits_sha256": splits_sha256(splits)}
    notes = (*truth.notes, *_unknown(truth, rule), *_curve_said(splits, rule), *lost)
    return replace(
        truth, genes=genes, splits=splits, card=card.model_dump_json(), further=further, notes=notes
    ), cells  # fmt: skip


def response_summary(truth: ResponseTruth) -> dict[str, Any]:
    """Return what the board says of a dataset of perturbations: sizes, splits with their hash, and its notes.

    It has no batches or types; they are there, empty, for those who read every dataset's.
    """
    again = truth.profiles["reproducibility"].to_numpy(dtype=np.float64)
    kinds = [split.kind for split in truth.splits]
    sizes = {
        "setting": truth.setting, "profiles": len(truth.profiles),
        "perturbations": int(truth.profiles["perturbation"].nunique()), "contexts": list(truth.contexts),
        "genes_perturbed_and_measured": len(_targets(truth) & set(truth.measured)),
        "splits": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "splits_sha256": str(truth.further["splits_sha256"]), "shared_control": truth.shared_control,
        "reproducible": None if np.isnan(again).all() else int((again > REPRODUCIBLE).sum()),
    }  # fmt: skip
    return {
        "n_cells": int(truth.profiles["n_cells"].sum()), "n_genes": len(truth.measured), "batches": {}, "types": {},
        "notes": list(truth.notes), "genes": {}, "response": sizes,
    }  # fmt: skip


def checked_splits(
    profiles: pd.DataFrame, rule: ResponseRule, published: Mapping[str, Iterable[str]], where: str
) -> tuple[Split, ...]:
    """Return the splits of a dataset, none of which lets what is asked about be known.

    Parameters
    ----------
    profiles
        By name: ``perturbation``, ``context`` and ``targets``.
    rule
        What the card asks.
    published
        Name of somebody else's split → names of the profiles that it asks about.
    where
        The dataset, for errors.

    Raises
    ------
    DataError
        If there is too little to hold out, or a split leaks.
    """
    asked = profiles[is_combination(profiles)] if rule.setting == "pair" else profiles
    held = asked["context"] if rule.setting == "context" else unit_of(asked)
    if held.nunique() < 2:
        what = {"gene": "perturbations", "pair": "pairs of genes", "context": "contexts"}[rule.setting]
        raise DataError(
            f"{held.nunique()} {what}: nothing can be held out", where=where, fix="two are needed; correct the card"
        )
    found = (
        *splits_of(profiles, rule.setting, folds=rule.folds, reveal=rule.reveal),
        *(published_split(name, profiles, tuple(names)) for name, names in published.items()),
    )
    controls = () if rule.cells is None else (rule.cells.control,)
    lines = [line for split in found for line in leaks(split, profiles, rule.setting, controls)]
    lines += [f"{name!r} is asked about in two folds" for name in asked_twice(found)]
    if not found or lines:
        fix = "correct `response` on the card"
        raise DataError(lines[0] if lines else "no split: nothing is asked about", where=where, fix=fix)
    return found


def known_of_genes(
    ids: list[str], facts: pd.DataFrame, symbols: Mapping[str, str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return symbols and facts of genes by Ensembl id, and of how many nobody knows what.

    Parameters
    ----------
    ids
        Ensembl ids.
    facts
        What `scarena.datasets.gene_facts.gene_facts` returned.
    symbols
        Ensembl id → symbol, for genes that facts lack.
    """
    facts = facts.assign(elsewhere=elsewhere(facts, (), "gene_facts"))
    found = facts.reindex(ids)[["symbol", *FACTS]].astype(dict.fromkeys(FACTS, np.float64))
    named = pd.Series({gene: symbols.get(gene, gene) for gene in ids}, dtype=object)
    found["symbol"] = found["symbol"].astype(object).where(found["symbol"].notna(), named)
    lacking = found[[*FACTS]].isna().sum()
    return found, tuple(f"{n:,} of {len(found):,} genes have no {fact}" for fact, n in lacking.items() if n)


def _of_cells(
    card: DatasetCard, rule: ResponseRule, table: GeneTable, cache: Path, mirror: Path | None,
    ontology: CellOntology | None,
) -> tuple[ResponseTruth, AnnData | None]:  # fmt: skip
    assert rule.cells is not None
    as_they_are = rule.cells.values == "published"
    if as_they_are:
        data = published_cells(card, cache=cache, mirror=mirror)
        said = "values are taken as published, logarithms whose counts do not come back: models are shown no cells"
    else:
        data = prepare(card, cache=cache, mirror=mirror, ontology=ontology)
        depth = depth_of(data, rule.cells)
        said = f"values are log1p of counts per {depth:,.0f} of the genes that are known"
    log = data.X if as_they_are else log_normalised(data.X, depth)
    truth, rows = truth_of_cells(data, log, rule, table, f"dataset {card.name}")
    further = {"sources": str(data.uns["sources"])}
    truth = replace(truth, further=further, notes=(*map(str, data.uns["notes"]), said, *truth.notes))
    if as_they_are:
        return truth, None
    data.uns = {}
    return truth, shown(data, rows, rule.cells)


def _of_means(
    card: DatasetCard, rule: ResponseRule, table: GeneTable, cache: Path, mirror: Path | None
) -> tuple[ResponseTruth, dict[str, tuple[str, ...]]]:
    files = pull(card, cache=cache, mirror=mirror)
    found = read_mean_profiles(files, MeanProfiles.model_validate(card.reader.options))
    sources = json.dumps({key: digest_of(path) for key, path in files.items()}, sort_keys=True)
    truth, asked = truth_of_means(found, rule, table)
    return replace(truth, further={"sources": sources}), asked


def _targets(truth: ResponseTruth) -> set[str]:
    return {gene for each in truth.profiles["targets"] for gene in each.split("+") if gene}


def _all_genes(truth: ResponseTruth) -> list[str]:
    return [*truth.measured, *sorted(_targets(truth) - set(truth.measured))]


def _unknown(truth: ResponseTruth, rule: ResponseRule) -> tuple[str, ...]:
    if rule.of == "compounds":
        return ("compounds were given: no gene is known to be perturbed",)
    held, n = _targets(truth), len(truth.measured)
    return (f"{len(held & set(truth.measured))} of {len(held)} perturbed genes are among the {n:,} measured ones",)


def _curve_said(splits: Iterable[Split], rule: ResponseRule) -> tuple[str, ...]:
    if not rule.reveal or any(split.kind == "reveal" for split in splits):
        return ()
    return ("too few perturbations can be asked about for a learning curve",)
