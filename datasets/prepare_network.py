"""Preparing a dataset of kind ``network``: the cells that models are shown, and which gene regulates which.

Where genes were perturbed, models are shown cells of the control alone, and only half of these: the effects are taken
against the other half. A model that saw the cells which the effects were taken against would share their noise.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import CardError, DataError
from scarena.datasets.card import DatasetCard
from scarena.datasets.genes import GeneTable, gene_table
from scarena.datasets.network_edges import read_edges
from scarena.datasets.network_effects import adjusted, effects, log_normalised
from scarena.datasets.network_rule import NetworkRule, Perturbation
from scarena.datasets.network_truth import NetworkTruth, with_truth
from scarena.datasets.orthologues import orthologues
from scarena.datasets.prepare import prepare
from scarena.datasets.sources import pull
from scarena.datasets.summary import summary

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.datasets.ontology import CellOntology


def prepare_network(
    card: DatasetCard, *, cache: Path, mirror: Path | None = None, ontology: CellOntology | None = None
) -> tuple[AnnData, NetworkTruth]:
    """Pull, read and check a dataset of a network.

    Returns
    -------
    The cells that models are shown, in the canonical form (`scarena.datasets.prepare`) and with the truth in uns; and
    the truth.

    Raises
    ------
    SourceError, DataError, OntologyError, CardError, NotAvailable
        As for any dataset; and if no regulator has an edge to a measured gene.
    """
    rule = card.network
    if rule is None:
        raise CardError("no `network`", where=f"dataset {card.name}", fix="say where its edges are")
    data = prepare(card, cache=cache, mirror=mirror, ontology=ontology)
    table = gene_table(cache=cache, mirror=mirror)
    if rule.perturbation is not None:
        data, truth = _perturbed(data, rule.perturbation, table, f"dataset {card.name}")
    else:
        named = orthologues(cache=cache, mirror=mirror) if card.species == "mouse" else None
        truth = _curated(data, rule, _pairs(card, rule, table, named, cache, mirror), f"dataset {card.name}")
    notes = (*map(str, data.uns["notes"]), *truth.notes)
    truth = replace(truth, card=str(data.uns["card"]), notes=notes)
    return with_truth(data, truth), truth


def network_summary(data: AnnData, truth: NetworkTruth) -> dict[str, Any]:
    """Return what the board says of a prepared network: of the cells as of any, and sizes of the truth."""
    true = truth.edges & truth.asked
    n_asked = int(truth.asked.sum())
    sizes = {
        "regulators": len(truth.regulators), "regulators_measured": int(truth.measured.sum()),
        "genes": len(truth.genes), "pairs": n_asked, "edges": int(true.sum()),
        "density": round(float(true.sum()) / max(n_asked, 1), 6), "perturbed": truth.distance is not None,
    }  # fmt: skip
    return {**summary(data), "network": sizes}


def _pairs(
    card: DatasetCard, rule: NetworkRule, table: GeneTable, named: dict[str, str] | None, cache: Path,
    mirror: Path | None,
) -> list[tuple[str | None, str | None]]:  # fmt: skip
    """Return the edges by Ensembl id; None for a name that is not known, or has no one human counterpart."""
    assert rule.edges is not None
    url = next(file.url for file in card.files if file.key == rule.edges.file)
    found = read_edges(pull(card, cache=cache, mirror=mirror), rule.edges, url)
    names = sorted({name for pair in found for name in pair})
    human = [name if named is None else named.get(name.casefold(), "") for name in names]
    ids = dict(zip(names, table.ids(human), strict=True))
    return [(ids[regulator], ids[gene]) for regulator, gene in found]


def _curated(data: AnnData, rule: NetworkRule, pairs: list[tuple[str | None, str | None]], where: str) -> NetworkTruth:
    """Return a truth of listed edges: of a regulator that has any, all other pairs are none."""
    measured = set(data.var_names)
    kept = sorted({(r, g) for r, g in pairs if r in measured and g in measured and r != g and r and g})
    variable = set(_variable(data, rule.n_variable)) if rule.candidates == "variable" else set()
    sides = {gene for pair in kept for gene in pair}
    wanted = {"measured": measured, "truth": sides, "variable": variable | {r for r, _ in kept}}[rule.candidates]
    true = [pair for pair in kept if pair[1] in wanted]
    if not true:
        fix = "correct `network` on the card, or take cells whose genes these are"
        raise DataError("no regulator has an edge to a measured gene", where=where, fix=fix)
    regulators, genes = sorted({r for r, _ in true}), [gene for gene in data.var_names if gene in wanted]
    edges = np.zeros((len(regulators), len(genes)), bool)
    row, column = ({name: place for place, name in enumerate(names)} for names in (regulators, genes))
    edges[[row[r] for r, _ in true], [column[g] for _, g in true]] = True
    said = f"{len(true):,} of {len(pairs):,} edges are between a measured regulator and a candidate"
    return NetworkTruth(tuple(regulators), tuple(genes), edges, _no_self(regulators, genes), notes=(said,))


def _variable(data: AnnData, n_variable: int) -> list[str]:
    """Return the genes whose log1p counts per 10,000 vary most over the cells; of equals the lower id first."""
    log = log_normalised(data.X)
    mean, square = (np.asarray(each.mean(axis=0)).ravel() for each in (log, log.multiply(log)))
    order = np.lexsort((data.var_names.to_numpy().astype(str), -np.round(square - mean**2, 9)))
    return [str(gene) for gene in data.var_names[order[:n_variable]]]


def _perturbed(data: AnnData, rule: Perturbation, table: GeneTable, where: str) -> tuple[AnnData, NetworkTruth]:
    """Return half of the control's cells, and what each perturbation did against the other half."""
    labels = data.obs["cell_type"].astype(str).to_numpy()
    shown, compared = _halves(labels == rule.control, data.obs["batch"].astype(str).to_numpy())
    if len(compared) < rule.at_least:
        what = f"{len(compared)} cells of the control {rule.control!r} to compare with"
        raise DataError(what, where=where, fix="correct `control` under `network: perturbation` on the card")
    names, counts = np.unique(labels[labels != rule.control], return_counts=True)
    ids = dict(zip(names.tolist(), table.ids(names), strict=True))
    enough = [str(name) for name, n in zip(names, counts, strict=True) if n >= rule.at_least and ids[str(name)]]
    if not enough:
        what = f"no perturbed gene that is known has {rule.at_least} cells"
        raise DataError(what, where=where, fix="correct the labels, or `at_least`, on the card")
    log = log_normalised(data.X).toarray()
    distance, p = effects([log[labels == name] for name in enough], log[compared])
    regulators, genes = [str(ids[name]) for name in enough], [str(gene) for gene in data.var_names]
    asked = _no_self(regulators, genes)
    distance, p = np.where(asked, distance, np.nan), adjusted(np.where(asked, p, np.nan))
    told = _told(len(names), len(enough), int(np.isin(regulators, genes).sum()), len(shown), len(compared), rule)
    cells = _unlabelled(data[shown])
    edges = np.nan_to_num(p, nan=1.0) < rule.below
    effect = (distance.astype(np.float32), p.astype(np.float32))
    return cells, NetworkTruth(tuple(regulators), tuple(genes), edges, asked, *effect, notes=told)


def _told(
    n_names: int, n_kept: int, n_measured: int, n_shown: int, n_compared: int, rule: Perturbation
) -> tuple[str, ...]:
    return (
        f"{n_kept} of {n_names} perturbed genes have {rule.at_least} cells and a known name; {n_measured} of these are "
        "measured",
        f"models are shown {n_shown:,} cells of the control; effects are against {n_compared:,} others of it",
        f"an edge is true where the Mann-Whitney p, Benjamini-Hochberg over all pairs, is below {rule.below:g}",
    )


def _halves(control: np.ndarray, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of two halves of the control, each batch split evenly, drawn by a fixed seed."""
    rng, first, second = np.random.default_rng(0), list[np.ndarray](), list[np.ndarray]()
    for name in np.unique(batch[control]):
        rows = rng.permutation(np.flatnonzero(control & (batch == name)))
        first.append(rows[: len(rows) // 2])
        second.append(rows[len(rows) // 2 :])
    none = np.zeros(0, np.int64)
    return np.sort(np.concatenate([none, *first])), np.sort(np.concatenate([none, *second]))


def _unlabelled(data: AnnData) -> AnnData:
    """Return cells without their label, which says the same of all."""
    data = data.copy()
    data.obs = data.obs.assign(cell_type="unknown", cell_type_id="").astype("category")
    return data


def _no_self(regulators: list[str], genes: list[str]) -> np.ndarray:
    return np.asarray(np.asarray(regulators, object)[:, None] != np.asarray(genes, object)[None, :])
