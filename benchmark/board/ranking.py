"""How the models of a board stand by each metric over all its datasets: values, ranks, ties, differences, the front.

Datasets are taken as given: the intervals say what other cells and other seeds would have changed, not what other
datasets would have.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from scarena.board.replicates import Sample, mean_of, shared
from scarena.board.samples import Json, Samples, applicable, ends_of
from scarena.board.uncertainty import Floats, difference, pareto, rank_ranges, tie_groups

# What pairs of models are compared by: the total and its two sides.
COMPARED = ("total", "bio", "batch")
NO_PLACE: dict[str, None] = {"rank_low": None, "rank_high": None, "tie_group": None}
"""Of an overall row that is not ranked."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One model by one metric over the datasets that count for it.

    Parameters
    ----------
    model
        Its name.
    sample
        The mean over datasets; ``None`` where no dataset has a value.
    coverage
        Share of the datasets that have one.
    ranked
        Whether it has a rank: no control, a value on every dataset, and a metric with a better side that passes the
        gate.
    """

    model: str
    sample: Sample | None
    coverage: float
    ranked: bool


Standings = dict[str, list[Standing]]


def standings(
    cells: list[Json], models: list[Json], samples: Samples, shown_only: Collection[str] = ()
) -> Standings:  # fmt: skip
    """Return how each model stands, by metric; the models in the order of their cards. `shown_only` rank nobody."""
    from scarena.metrics.registry import METRICS

    table: Standings = {}
    for metric, wanted in sorted(applicable(cells).items()):
        table[metric] = []
        ranks = METRICS[metric].better != "none" and metric not in shown_only
        for card in models:
            keys = [(dataset, card["name"], metric) for dataset in sorted(wanted)]
            parts = [samples[key] for key in keys if key in samples]
            complete = len(parts) == len(keys)
            ranked = complete and card["family"] != "control" and ranks
            sample = mean_of(parts) if parts else None
            table[metric].append(Standing(card["name"], sample, len(parts) / len(keys), ranked))
    return table


def _ranked(rows: list[Standing]) -> list[tuple[str, Sample]]:
    """Return the ranked models, the order not depending on that of the board."""
    return sorted(((row.model, row.sample) for row in rows if row.ranked and row.sample), key=lambda pair: pair[0])


def _signed(metric: str, samples: list[Sample]) -> tuple[list[float], Floats | None]:
    """Return values and shared replicates with the sign that makes higher better."""
    from scarena.metrics.registry import METRICS

    sign = -1.0 if METRICS[metric].better == "lower" else 1.0
    replicates = shared(samples)[1]
    return [sign * sample.value for sample in samples], None if replicates is None else sign * replicates


def _places(metric: str, rows: list[Standing]) -> dict[str, Json]:
    """Return rank range and tie group of the ranked models of one metric."""
    ranked = _ranked(rows)
    names = [name for name, _ in ranked]
    values, replicates = _signed(metric, [sample for _, sample in ranked])
    groups = tie_groups(names, values, replicates)
    return {
        name: {"rank_low": low, "rank_high": high, "tie_group": group}
        for name, (low, high), group in zip(names, rank_ranges(values, replicates), groups, strict=True)
    }


def overall(table: Standings) -> list[Json]:
    """Return every model's mean over datasets by metric, with its interval, coverage, rank range and tie group.

    Controls get values but no ranks, and neither does a model without a value on every dataset the metric applies to,
    nor any model by a metric that is shown only.
    """
    from scarena.metrics.registry import METRICS

    found = []
    for metric, rows in table.items():
        places = _places(metric, rows)
        for row in rows:
            sample = row.sample or Sample(0.0)
            ends = ends_of(sample, METRICS[metric].low, METRICS[metric].high)
            value = row.sample.value if row.sample else None
            line = {"model": row.model, "metric": metric, "value": value, **ends, "coverage": row.coverage}
            found.append(line | places.get(row.model, NO_PLACE))
    return found


def differences(table: Standings, headline: str = COMPARED[0]) -> list[Json]:
    """Return every pair of ranked models by total, bio and batch: a − b with its paired interval, a the one ahead.

    And by the board's `headline`, where that is another; a and b are then as if higher were better.

    ``wins`` is the share of replicates in which a is ahead, a draw counting half.
    """
    from scarena.metrics.scores import DIGITS

    found = []
    for metric in dict.fromkeys((*COMPARED, headline)):
        ranked = _ranked(table.get(metric, []))
        kind, _ = shared([sample for _, sample in ranked])
        values, replicates = _signed(metric, [sample for _, sample in ranked])
        ahead = sorted(range(len(ranked)), key=lambda place: -values[place])
        for i, j in combinations(ahead, 2):
            a, b = ranked[i][0], ranked[j][0]
            apart = difference(values[i], values[j], None if replicates is None else replicates[[i, j]])
            row: Json = {"model_a": a, "model_b": b, "metric": metric, "interval": kind}
            numbers = {"difference": apart.value, "low": apart.low, "high": apart.high, "wins": apart.wins}
            found.append(row | {key: None if n is None else round(n, DIGITS) for key, n in numbers.items()})
    return found


def front(table: Standings) -> list[Json]:
    """Return the ranked models that no other dominates in bio conservation and batch correction, best bio first."""
    bio, batch = (dict(_ranked(table.get(metric, []))) for metric in ("bio", "batch"))
    rows: list[dict[str, Any]] = [
        {"model": name, "bio": bio[name].value, "batch": batch[name].value} for name in sorted(bio.keys() & batch)
    ]
    kept = pareto([(row["bio"], row["batch"]) for row in rows])
    return sorted((row for row, on in zip(rows, kept, strict=True) if on), key=lambda row: (-row["bio"], row["model"]))
