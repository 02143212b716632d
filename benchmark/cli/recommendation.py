"""`scarena recommend`: which models to try on a user's cells, from a board's records and from the cells themselves.

A board's datasets count by how alike they are to the user's: in size, depth, batches, and in how far batches lie apart
before anything is done about it. Whether that says more than the board's overall order is measured, by leaving out each
dataset in turn, and printed with the answer.

What needs a type of each cell (ROGI) is measured on the user's cells where a column of them is named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import ConfigError
from scarena.base.progress import tell

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.board.pace import Pace

Json = dict[str, Any]

FEATURES = ("log10 cells", "log10 genes measured", "log2 batches", "batches apart")
"""What datasets are compared by. The last is 1 − iLISI of principal components, which nothing has integrated."""
_UNINTEGRATED = "pca"
# Models whose difference from the first is at most this are named with it: the board's intervals are of this order.
_CLOSE = 0.01


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a board says of one model for data like these."""

    model: str
    title: str
    expected: float
    """Mean total over the board's datasets, weighted by likeness."""
    overall: float
    """The same, each dataset counted once."""
    sets: int
    cells_per_s: float | None
    """Cells of the board's runs over their seconds of embedding, on its hardware; start-up is apart."""
    minutes: float | None
    """For as many cells and genes as the user's, start-up and rate apart (see `scarena.board.pace`)."""
    beyond: bool
    """Whether that is more work than any run of the board."""
    trains_on_target: bool
    uses_labels: bool
    rogi_xd: float | None = None
    """On the user's cells, where labels were named; lower is better."""


@dataclass(frozen=True, slots=True)
class MinutesOff:
    """By what factor the minutes of the models that are suggested are off on datasets that were left out in turn."""

    median: float
    worst: float
    worst_model: str
    worst_dataset: str
    n_runs: int
    """Pairs of model and dataset."""
    fewest_cells: int
    most_cells: int


@dataclass(frozen=True, slots=True)
class Advice:
    """The answer with its evidence."""

    suggestions: tuple[Suggestion, ...]
    """Best first."""
    weights: Mapping[str, float]
    """Of each dataset of the board; they add up to 1."""
    regret_by_likeness: float
    """Mean total lost against the best model of a dataset by choosing with the others, weighted by likeness."""
    regret_by_mean: float
    """The same, choosing by the plain mean of the others."""
    minutes_off: MinutesOff | None = None
    """How well minutes are predicted; None where no dataset could be left out."""

    def close(self) -> tuple[Suggestion, ...]:
        """Return the first and those within what the board's intervals leave open."""
        best = self.suggestions[0].expected
        return tuple(each for each in self.suggestions if best - each.expected <= _CLOSE)


def features_of(data: AnnData, seed: int = 0) -> dict[str, float]:
    """Return what `FEATURES` are of prepared cells."""
    from scarena.metrics import score_embedding
    from scarena.models.expression import principal_components

    batch = data.obs["batch"].astype(str).to_numpy()
    sizes = [np.log10(data.n_obs), np.log10(data.n_vars), np.log2(len(set(batch.tolist())))]
    if len(set(batch.tolist())) < 2:
        return dict(zip(FEATURES, [*map(float, sizes), 0.0], strict=True))
    vectors = principal_components(data, seed)
    scored = score_embedding(vectors, batch=batch, labels=batch, metrics=["ilisi"], n_replicates=0)
    return dict(zip(FEATURES, [*map(float, sizes), 1.0 - float(scored["ilisi"].value or 0.0)], strict=True))


def features_of_board(board: Json) -> dict[str, dict[str, float]]:
    """Return the features of each of a board's datasets of cells that has them; one batch counts as not apart."""
    apart = _scores(board, "ilisi").get(_UNINTEGRATED, {})
    found = {}
    for entry in board["datasets"]:
        summary, name = entry.get("summary"), entry["dataset"]
        if entry["state"] != "ok" or not summary or entry.get("card", {}).get("kind", "cells") != "cells":
            continue
        if name not in apart and len(summary["batches"]) > 1:
            continue
        sizes = [np.log10(summary["n_cells"]), np.log10(summary["n_genes"]), np.log2(len(summary["batches"]))]
        found[name] = dict(zip(FEATURES, [*map(float, sizes), 1 - apart.get(name, 1.0)], strict=True))
    return found


def _scores(board: Json, metric: str) -> dict[str, dict[str, float]]:
    """Return the mean over seeds of a metric, by model and dataset; what has no value is left out."""
    found: dict[str, dict[str, list[float]]] = {}
    for cell in board["cells"]:
        value = cell["scores"].get(metric, {}).get("value")
        if value is not None:
            found.setdefault(cell["model"], {}).setdefault(cell["dataset"], []).append(value)
    return {m: {d: float(np.mean(values)) for d, values in rows.items()} for m, rows in found.items()}


def likeness(own: Mapping[str, float], others: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return a weight for each dataset, which add up to 1: exp(−d² / 2), d² the mean over features of their distance².

    The unit of a feature is its SD over the datasets; one that they all share says nothing.
    """
    names = sorted(others)
    table = np.array([[others[name][feature] for feature in FEATURES] for name in names])
    scale = table.std(axis=0)
    told = scale > 0
    distance = ((table - np.array([own[f] for f in FEATURES]))[:, told] / scale[told]) ** 2
    log_weight = -distance.sum(axis=1) / 2 / max(1, int(told.sum()))
    weight = np.exp(log_weight - log_weight.max())
    return dict(zip(names, (weight / weight.sum()).tolist(), strict=True))


def advise(board: Json, own: Mapping[str, float]) -> Advice:
    """Return what a board says for data of these features.

    Raises
    ------
    ConfigError
        If no two models have totals on the same two datasets.
    """
    from scarena.board.costs import costs_of

    features, cards = features_of_board(board), {card["name"]: card for card in board["models"]}
    totals = {m: rows for m, rows in _scores(board, "total").items() if cards[m]["control"] is None}
    datasets = sorted(set(features).intersection(*map(set, totals.values()))) if totals else []
    if len(datasets) < 2 or len(totals) < 2:
        # A model that lacks one dataset would take it from all: leave out the models that lack most.
        totals, datasets = _complete(totals, set(features))
    weights = likeness(own, {name: features[name] for name in datasets})
    speed = _speeds(board)
    rates = {name: cost.cells_per_s for name, cost in costs_of(board).items() if cost.cells_per_s is not None}
    found = [
        Suggestion(
            model=name, title=cards[name]["title"], expected=_weighted(totals[name], weights),
            overall=float(np.mean([totals[name][d] for d in datasets])), sets=len(datasets),
            **_times(name, speed, rates, own), trains_on_target=cards[name]["trains_on_target"],
            uses_labels=cards[name]["uses_labels"],
        )
        for name in sorted(totals)
    ]  # fmt: skip
    by_likeness, by_mean = _regrets(totals, {name: features[name] for name in datasets})
    order = sorted(found, key=lambda each: (-each.expected, each.model))
    return Advice(tuple(order), weights, by_likeness, by_mean, minutes_off(board, totals))


def _complete(totals: Mapping[str, Mapping[str, float]], known: set[str]) -> tuple[dict[str, Any], list[str]]:
    most = max((len(known & set(rows)) for rows in totals.values()), default=0)
    kept = {name: rows for name, rows in totals.items() if len(known & set(rows)) == most}
    shared = sorted(known.intersection(*map(set, kept.values()))) if kept else []
    if len(shared) < 2 or len(kept) < 2:
        fix = "give a board with at least two models and two datasets that have totals"
        raise ConfigError("too few totals to compare", where="--board", fix=fix)
    return kept, shared


def _best(totals: Mapping[str, Mapping[str, float]], weights: Mapping[str, float]) -> str:
    expected = {name: _weighted(rows, weights) for name, rows in sorted(totals.items())}
    return max(expected, key=expected.__getitem__)


def _weighted(rows: Mapping[str, float], weights: Mapping[str, float]) -> float:
    return float(sum(weight * rows[name] for name, weight in weights.items()))


def _regrets(
    totals: Mapping[str, Mapping[str, float]], features: Mapping[str, Mapping[str, float]]
) -> tuple[float, float]:
    """Return what choosing a model for each dataset by the others loses: by likeness, and by the plain mean."""
    lost: list[tuple[float, float]] = []
    for left_out, own in sorted(features.items()):
        others = {name: row for name, row in features.items() if name != left_out}
        ways = likeness(own, others), dict.fromkeys(others, 1 / len(others))
        chosen = [_best(totals, weights) for weights in ways]
        best = max(rows[left_out] for rows in totals.values())
        lost.append((best - totals[chosen[0]][left_out], best - totals[chosen[1]][left_out]))
    by_likeness, by_mean = np.mean(lost, axis=0)
    return float(by_likeness), float(by_mean)


def _speeds(board: Json) -> dict[str, Pace]:
    """Return how fast each model is: cells divided by its pace are the seconds that so many take."""
    from scarena.board.pace import paces

    return paces(board)


def _times(name: str, speed: Mapping[str, Pace], rates: Mapping[str, float], own: Mapping[str, float]) -> Json:
    """Return what is known of how long a model takes for data of these features."""
    size = round(10 ** own["log10 cells"]), round(10 ** own["log10 genes measured"])
    seconds = speed[name].seconds(*size) if name in speed else None
    return {
        "cells_per_s": rates.get(name), "minutes": None if seconds is None else seconds / 60,
        "beyond": name in speed and speed[name].beyond(*size),
    }  # fmt: skip


def minutes_off(board: Json, models: Collection[str]) -> MinutesOff | None:
    """Return by what factor the minutes of some models are off, each dataset of the board left out in turn."""
    from scarena.board.pace import left_out_errors

    found = {
        (model, dataset): factor for model, by_dataset in left_out_errors(board).items() if model in models
        for dataset, factor in by_dataset.items()
    }  # fmt: skip
    if not found:
        return None
    worst = max(found, key=lambda pair: found[pair])
    sizes = [entry["summary"]["n_cells"] for entry in board["datasets"] if entry.get("summary")]
    return MinutesOff(median(found.values()), found[worst], *worst, len(found), min(sizes), max(sizes))


def roughness(data: AnnData, labels: Sequence[str], models: Sequence[str], seed: int = 0) -> dict[str, float]:
    """Return ROGI-XD of models on a user's cells, lower is better (see `scarena.metrics.rogi`).

    Models that need a checkpoint or labels are left out, as are those that say they cannot be applied.
    """
    from scarena.base.errors import NotApplicable, NotAvailable
    from scarena.metrics.rogi import rogi
    from scarena.models.base import Context
    from scarena.models.embedding import check_embedding, hand_over
    from scarena.models.registry import find_model

    codes = np.unique(np.asarray(labels, str), return_inverse=True)[1]
    found = {}
    for number, name in enumerate(models):
        tell("running models on your cells", number, len(models), "models", name)
        model = find_model(name)
        if model.lacks() or model.card.uses_labels:
            continue
        try:
            vectors = model().embed(hand_over(data, model.card), Context(seed=seed))
        except (NotApplicable, NotAvailable):
            continue
        measured = rogi(check_embedding(vectors, data.n_obs, name), codes, seed=seed)["rogi_xd"]
        found[name] = float(measured.value)
    return found
