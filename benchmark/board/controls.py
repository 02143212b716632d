"""What the controls say of a metric: does it put the labels above noise, and where between the two is a model?"""

from __future__ import annotations

from statistics import fmean

from scarena.board.ranking import Standings
from scarena.board.replicates import shared
from scarena.board.samples import Json, Samples, applicable
from scarena.board.uncertainty import difference

_TRUTH = "labels"


def control_checks(cells: list[Json], models: list[Json], samples: Samples) -> list[Json]:
    """Return, by dataset and metric, whether the exact labels score better than the best negative control.

    Where they do not, the metric cannot tell truth from noise on that dataset, and the board says so beside it.
    ``margin_low`` is the lower end of the paired 95 % interval of the labels' lead, in the metric's unit and positive
    where the labels are better: above zero the metric discriminates beyond noise. It is null without replicates.
    """
    from scarena.metrics.registry import METRICS
    from scarena.metrics.scores import DIGITS

    table = []
    negatives = sorted(card["name"] for card in models if card.get("control") == "negative")
    for metric, datasets in sorted(applicable(cells).items()):
        if METRICS[metric].better == "none":
            continue
        sign = -1 if METRICS[metric].better == "lower" else 1
        for dataset in sorted(datasets):
            truth = samples.get((dataset, _TRUTH, metric))
            against = [samples[key] for name in negatives if (key := (dataset, name, metric)) in samples]
            if truth is None or not against:
                continue
            noise = max(against, key=lambda sample: sign * sample.value)
            replicates = shared([truth, noise])[1]
            lead = difference(sign * truth.value, sign * noise.value, None if replicates is None else sign * replicates)
            row: Json = {"dataset": dataset, "metric": metric, "positive": truth.value, "negative": noise.value}
            row["discriminates"] = sign * truth.value > sign * noise.value
            row["margin_low"] = None if lead.low is None else round(lead.low, DIGITS)
            table.append(row)
    return table


def control_scaled(table: Standings, samples: Samples, checks: list[Json]) -> list[Json]:
    """Return every model's mean of (score − best negative) / (labels − best negative), by metric.

    0 is noise and 1 the labels, on each dataset before the mean. A dataset whose control check fails has no such scale
    and is left out for all models; ``datasets`` says how many are left, ``coverage`` on what share of them the model
    has a value, and without any the value is null.
    """
    scales: dict[str, list[Json]] = {}
    for check in checks:
        if check["discriminates"]:
            scales.setdefault(check["metric"], []).append(check)
    rows = []
    for metric in sorted({check["metric"] for check in checks}):
        scale = scales.get(metric, [])
        for standing in table[metric]:
            scaled = [
                (samples[key].value - check["negative"]) / (check["positive"] - check["negative"])
                for check in scale
                if (key := (check["dataset"], standing.model, metric)) in samples
            ]
            row: Json = {"model": standing.model, "metric": metric, "datasets": len(scale)}
            row["coverage"] = len(scaled) / len(scale) if scale else 0.0
            row["value"] = fmean(scaled) if scaled else None
            rows.append(row)
    return rows
