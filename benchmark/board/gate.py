"""The metric gate: on which datasets a metric tells truth from noise with models clear of noise, and so may rank.

A pure function of what a board holds: its values and its control checks. The rule stands in docs/board.md. It is that
of geneRNIB (the best score beats the negative control, and methods differ), with the dynamic range as a share of the
way from noise to truth: range / mean, as published, means nothing for a metric that can be 0 or negative.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from math import isfinite
from statistics import fmean
from typing import Any, Literal

from scarena.board.discrimination import LABELS, counts_here
from scarena.board.ranked import headline_of, sign_of
from scarena.board.ranking import NO_PLACE
from scarena.board.samples import applicable
from scarena.board.uncertainty import TIED
from scarena.metrics.scores import DIGITS

Json = dict[str, Any]
Verdict = Literal["passes", "fails", "unchecked"]

SHARE = 0.1
"""What the best model has to go of the way from noise to truth, at least."""
SPREAD = 0.02
"""What models and noise have to span of a metric's range, at least, where no control stands for the truth."""
_ALONE = "by the values alone: no replicates"
_NO_TRUTH = "order not checked: no control with a value here holds what it asks for"


@dataclass(frozen=True, slots=True)
class _Judged:
    verdict: Verdict
    reason: str = ""
    share: float | None = None


@dataclass(frozen=True, slots=True)
class _Best:
    """The best of some models: its title, its value, and the value with the sign that makes higher better."""

    title: str
    value: float
    signed: float

    def __str__(self) -> str:
        return f"{self.title} {self.value:.3f}"


def gate(cells: list[Json], models: list[Json], checks: list[Json]) -> list[Json]:
    """Return the verdict on each metric with a better side on each dataset that counts for it.

    Parameters
    ----------
    cells, models
        Of the board.
    checks
        Its control checks (``controls``).

    Returns
    -------
    list of dict
        ``dataset``, ``metric``, ``verdict`` (``passes``, ``fails`` or ``unchecked``), ``reason`` and ``share``, how far
        the best model goes from noise (0) to the truth (1), None where no truth leads the noise.
    """
    from scarena.metrics.registry import METRICS

    values, cards = _values(cells), {card["name"]: card for card in models}
    judges: dict[tuple[str, str], list[Json]] = defaultdict(list)
    for row in checks:
        if counts_here(row, cards):
            judges[row["dataset"], row["metric"]].append(row)
    rows = []
    for metric, datasets in sorted(applicable(cells).items()):
        if metric not in METRICS or METRICS[metric].better == "none":
            continue
        for dataset in sorted(datasets):
            found = _judged(metric, values[dataset, metric], cards, judges[dataset, metric])
            told = {"verdict": found.verdict, "reason": found.reason}
            rows.append({"dataset": dataset, "metric": metric, **told, "share": found.share})
    return rows


def _values(cells: list[Json]) -> dict[tuple[str, str], dict[str, float]]:
    """Return by dataset and metric each model's mean over its seeds."""
    found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        for metric, score in cell["scores"].items():
            if score["state"] == "ok":
                found[cell["dataset"], metric][cell["model"]].append(score["value"])
    means = {key: {name: fmean(each) for name, each in models.items()} for key, models in found.items()}
    return defaultdict(dict, means)


def _judged(metric: str, values: dict[str, float], cards: dict[str, Json], checks: list[Json]) -> _Judged:
    """Return the verdict on one metric on one dataset, by each model's value and the checks of controls that count."""
    noise = _best(metric, values, cards, [name for name, card in cards.items() if card.get("control") == "negative"])
    model = _best(metric, values, cards, [name for name, card in cards.items() if card["family"] != "control"])
    if noise is None or model is None:
        return _Judged("unchecked", f"no {'negative control' if noise is None else 'model'} has a value here")
    if not checks:
        return _spread(metric, values, cards, model, noise)
    leading = [row for row in checks if _lead(metric, row) > TIED]
    truth, row = _truth(metric, cards, leading or checks)
    alone = "" if row.get("margin_low") is not None else f"; {_ALONE}"
    if not leading:
        return _Judged("fails", _no_lead(truth, noise, row) + alone)
    share = round((model.signed - noise.signed) / (truth.signed - noise.signed), DIGITS)
    if model.signed <= noise.signed + TIED:
        return _Judged("fails", f"the best model, {model}, is no better than {noise}{alone}", share)
    if share <= SHARE:
        way = f"goes {100 * share:.1f} % of the way from {noise} to {truth}"
        return _Judged("fails", f"the best model, {model}, {way}{alone}", share)
    return _Judged("passes", alone.removeprefix("; "), share)


def _spread(metric: str, values: dict[str, float], cards: dict[str, Json], model: _Best, noise: _Best) -> _Judged:
    """Return the verdict where nothing stands for the truth: models are better than noise, and apart from it."""
    from scarena.metrics.registry import METRICS

    if model.signed <= noise.signed + TIED:
        return _Judged("fails", f"the best model, {model}, is no better than {noise}; {_NO_TRUTH}")
    spread = [value for name, value in values.items() if cards[name].get("control") != "positive"]
    wide = METRICS[metric].high - METRICS[metric].low
    if isfinite(wide) and max(spread) - min(spread) < SPREAD * wide:
        told = f"models and noise span {100 * (max(spread) - min(spread)) / wide:.1f} % of the range it can have"
        return _Judged("fails", f"{told}; {_NO_TRUTH}")
    return _Judged("passes", _NO_TRUTH)


def _best(metric: str, values: dict[str, float], cards: dict[str, Json], names: list[str]) -> _Best | None:
    sign = sign_of(metric)
    found = [(sign * values[name], name) for name in names if name in values]
    return None if not found else _named(cards, max(found)[1], values[max(found)[1]], sign)


def _truth(metric: str, cards: dict[str, Json], checks: list[Json]) -> tuple[_Best, Json]:
    """Return the best of some positive controls, with its check."""
    sign = sign_of(metric)
    row = max(checks, key=lambda row: (sign * row["positive"], row.get("control", LABELS)))
    return _named(cards, row.get("control", LABELS), row["positive"], sign), row


def _named(cards: dict[str, Json], name: str, value: float, sign: int) -> _Best:
    return _Best(str(cards[name]["title"]) if name in cards else name, value, sign * value)


def _lead(metric: str, row: Json) -> float:
    """Return what a control leads noise by, at least; without an interval, what it leads by."""
    lead: float = sign_of(metric) * (row["positive"] - row["negative"])
    low: float | None = row.get("margin_low")
    return lead if low is None else min(lead, low)


def _no_lead(truth: _Best, noise: _Best, row: Json) -> str:
    if truth.signed <= noise.signed or row.get("margin_low") is None:
        return f"{truth} is no better than {noise}"
    return f"{truth} leads {noise} within noise only (from {row['margin_low']:+.3f})"


def not_ranked(cells: list[Json], rows: list[Json]) -> set[str]:
    """Return the metrics that fail the gate on more than half of the datasets that count for them."""
    failed = Counter(row["metric"] for row in rows if row["verdict"] == "fails")
    wanted = applicable(cells)
    return {metric for metric, n_failed in failed.items() if 2 * n_failed > len(wanted.get(metric, ()))}


def shown_only(board: Json) -> set[str]:
    """Return the metrics of a board that are shown and not ranked. Its headline is ranked whatever the gate says."""
    return not_ranked(board["cells"], board["gate"]) - {headline_of(board)} if "gate" in board else set()


def gated(board: Json) -> Json:
    """Return a board as the gate leaves it: one from before there was a gate gets it, and loses ranks to it."""
    if "gate" in board:
        return board
    board = {**board, "gate": gate(board["cells"], board["models"], board["controls"])}
    out = shown_only(board)
    kept = [row for row in board.get("differences", []) if row["metric"] not in out]
    front = [] if out & {"bio", "batch"} else board.get("pareto", [])
    overall = [{**row, **NO_PLACE} if row["metric"] in out else row for row in board["overall"]]
    return {**board, "overall": overall, "differences": kept, "pareto": front}
