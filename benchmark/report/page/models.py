"""What the board says of one model beside another: where it wins, and the critical differences of their ranks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from scarena.board.ranked import counting, headline_of, ranked_models
from scarena.board.seeds import seeds_by_model
from scarena.report.page.scores import Scores
from scarena.report.page.tables import entry_of, seen_datasets, use_of

Json = dict[str, Any]
_FEWEST_DATASETS, _FEWEST_MODELS = 3, 3


def wins_and_losses(board: Json, scores: Scores, model: str, datasets: list[str]) -> list[Json]:
    """Return, for each of the datasets with totals, a model's total, the best other's, and how it stands among all.

    ``above`` and ``below`` count the other models whose 95 % interval lies wholly to one side of its own; ``open``
    those that overlap, or lack an interval.
    """
    others = [card for card in board["models"] if card["family"] != "control" and card["name"] != model]
    rows, headline = [], headline_of(board)
    for dataset in datasets:
        mine = scores.get((dataset, model, headline))
        known = [
            (card, other) for card in others
            if (other := scores.get((dataset, card["name"], headline))) is not None and other.value is not None
        ]  # fmt: skip
        if mine is None or mine.value is None or not known:
            rows.append({"dataset": dataset, "mine": entry_of(mine), "best": None})
            continue
        best, top = max(known, key=lambda pair: (pair[1].value, pair[0]["name"]))
        above = sum(apart(mine, other) > 0 for _, other in known)
        below = sum(apart(mine, other) < 0 for _, other in known)
        rows.append({
            "dataset": dataset, "mine": entry_of(mine), "best": best["title"], "top": entry_of(top),
            "lead": mine.value - (top.value or 0.0), "above": above, "below": below,
            "open": len(known) - above - below,
        })  # fmt: skip
    return rows


def apart(a: Any, b: Any) -> int:
    """Return 1 where the interval of `a` lies above that of `b`, -1 where below, 0 where that is not known."""
    if None in (a.low, a.high, b.low, b.high):
        return 0
    return int(a.low > b.high) - int(a.high < b.low)


@dataclass(frozen=True, slots=True)
class CriticalDifference:
    """Mean ranks of models over datasets, and how far apart two must lie (Nemenyi's test, 5 %).

    Parameters
    ----------
    models
        (title, mean rank), best first.
    distance
        Critical difference of mean ranks.
    p_value
        Of Friedman's test that all models are alike.
    datasets
        How many ranks each mean is of.
    cliques
        (first, last) positions in `models` of each largest group of which no two are told apart.
    """

    models: list[tuple[str, float]]
    distance: float
    p_value: float
    datasets: int
    cliques: list[tuple[int, int]]


def critical_difference(board: Json, scores: Scores) -> CriticalDifference | None:
    """Return the critical differences by total of the models that have one on every dataset; None for too few.

    Source: Demšar 2006, Journal of Machine Learning Research 7. Unlike the board's intervals, it says what other
    datasets might have changed, and knows nothing of the cells.
    """
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    headline = headline_of(board)
    datasets = counting(board, headline)
    cards = [card for card in ranked_models(board) if card["family"] != "control"]
    known = {card["name"]: [_value(scores, name, card["name"], headline) for name in datasets] for card in cards}
    cards = [card for card in cards if None not in known[card["name"]]]
    if len(datasets) < _FEWEST_DATASETS or len(cards) < _FEWEST_MODELS:
        return None
    values = np.array([known[card["name"]] for card in cards], dtype=float).T
    ranks = rankdata(-values, axis=1).mean(axis=0)
    k, n = len(cards), len(datasets)
    distance = float(studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * n)))
    order = np.lexsort(([card["name"] for card in cards], ranks))
    models = [(cards[i]["title"], float(ranks[i])) for i in order]
    p_value = float(friedmanchisquare(*values.T).pvalue)
    return CriticalDifference(models, distance, p_value, n, _cliques([rank for _, rank in models], distance))


def _value(scores: Scores, dataset: str, model: str, metric: str) -> float | None:
    score = scores.get((dataset, model, metric))
    return None if score is None else score.value


def _cliques(ranks: list[float], distance: float) -> list[tuple[int, int]]:
    """Return the largest runs of ascending ranks that span no more than the distance, of two or more."""
    found: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = max(i for i in range(first, len(ranks)) if ranks[i] - ranks[first] <= distance)
        if last > first and not any(a <= first and last <= b for a, b in found):
            found.append((first, last))
    return found


def model_parts(board: Json, scores: Scores, *, whole: bool = True) -> list[Json]:
    """Return one part a model, with its wins by dataset and over every other model where the `whole` is asked for."""
    seen, title = seen_datasets(board), {card["name"]: card["title"] for card in board["models"]}
    datasets = counting(board, headline_of(board))
    judged = {card["name"] for card in board["models"] if whole and card["family"] != "control"}
    seeds = seeds_by_model(board)
    defaults: Json = {
        "uses_batch": False,
        "parameters": None,
        "licence": "",
        "source": "",
        "training_corpus": [],
        "settings": {},
    }
    return [
        {
            "card": {**defaults, **card}, "use": use_of(card), "seen": seen.get(card["name"], []),
            "seeds": seeds[card["name"]],
            "wins": wins_and_losses(board, scores, card["name"], datasets) if card["name"] in judged else [],
            "pairs": _pairs(board, card["name"], title) if whole else [], "whole": whole,
        }
        for card in ranked_models(board)
    ]  # fmt: skip


def _pairs(board: Json, model: str, title: dict[str, str]) -> list[Json]:
    """Return a model's paired differences of totals, each from its own side."""
    rows = []
    for row in board.get("differences", []):
        if row["metric"] != headline_of(board) or model not in (row["model_a"], row["model_b"]):
            continue
        if row["model_a"] == model:
            rows.append({**row, "other": title[row["model_b"]]})
        else:
            turned = {"low": row["high"], "high": row["low"], "difference": row["difference"]}
            rows.append({
                "other": title[row["model_a"]], **{key: None if x is None else -x for key, x in turned.items()},
                "wins": None if row["wins"] is None else 1 - row["wins"],
            })  # fmt: skip
    return rows


def critical_svg(found: CriticalDifference) -> Markup:
    """Return the diagram of critical differences as an SVG in the page's own colours."""
    width, left, right, line = 900, 290, 610, 18
    k = len(found.models)
    low, high = 1.0, float(max(2, k))

    def x(rank: float) -> float:
        return round(left + (rank - low) / (high - low) * (right - left), 1)

    half, base = (k + 1) // 2, 44 + 7 * len(found.cliques)
    height = base + line * half + 8
    parts = [Markup('<path d="M{} 26H{}"/>').format(x(low), x(high))]
    for tick in range(1, k + 1):
        parts.append(
            Markup('<path d="M{0} 22V26"/><text x="{0}" y="16" text-anchor="middle">{1}</text>').format(x(tick), tick)
        )
    for number, (first, last) in enumerate(found.cliques):
        ends = x(found.models[first][1]) - 3, 34 + 7 * number, x(found.models[last][1]) + 3
        parts.append(Markup('<path class="clique" d="M{} {}H{}"/>').format(*ends))
    for number, (title, rank) in enumerate(found.models):
        leftward = number < half
        y = base + line * (number if leftward else k - 1 - number)
        end, anchor = (left - 12, "end") if leftward else (right + 12, "start")
        parts.append(Markup('<path d="M{0} 26V{1}H{2}"/>').format(x(rank), y, end))
        parts.append(Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
            end + (-4 if leftward else 4), y + 4, anchor, title))  # fmt: skip
    drawing = Markup("").join(parts)
    label = "Critical differences of mean ranks; the same ranks are in the table below"
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(width, height, label, drawing)
