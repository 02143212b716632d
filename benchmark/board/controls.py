"""What the controls say of a metric: does the truth score better than noise, and where between the two is a model?

A positive control stands for the truth only where it holds what a metric asks for. All types of a one-hot code are
equally far from each other, so it has no answer to a metric of distances between types, whatever the metric is worth.
"""

from __future__ import annotations

from statistics import fmean

from scarena.board.ranking import Standings
from scarena.board.replicates import Sample, shared
from scarena.board.samples import Json, Samples, applicable
from scarena.board.uncertainty import difference

# Of cards from before they could say what they hold.
_BEFORE = {"labels": ["types"]}


def holds(card: Json) -> tuple[str, ...]:
    """Return what of the truth a control holds, by its card; nothing for noise and for noisy labels."""
    if card.get("control") != "positive":
        return ()
    told: list[str] = card.get("holds") or _BEFORE.get(card["name"], [])
    return tuple(told)


def counts(card: Json, metric: str) -> bool:
    """Return whether a control stands for the truth where this metric asks for it."""
    from scarena.metrics.registry import METRICS

    return metric in METRICS and METRICS[metric].asks in holds(card)


def positives(models: list[Json]) -> list[Json]:
    """Return the cards of the controls that hold something of the truth, those that hold the least first."""
    return sorted((card for card in models if holds(card)), key=lambda card: (len(holds(card)), card["name"]))


def control_checks(cells: list[Json], models: list[Json], samples: Samples) -> list[Json]:
    """Return, by dataset, metric and positive control, whether it scores better than the best negative control.

    ``counts`` says whether the control holds what the metric asks for; where it does not, the row is told and not
    judged by. ``margin_low`` is the lower end of the paired 95 % interval of the control's lead over the noise
    ``against``, in the metric's unit and positive where the control is better: above zero it leads beyond noise. It
    is null without replicates.
    """
    from scarena.metrics.registry import METRICS

    table = []
    negatives = sorted(card["name"] for card in models if card.get("control") == "negative")
    for metric, datasets in sorted(applicable(cells).items()):
        if METRICS[metric].better == "none":
            continue
        for dataset in sorted(datasets):
            against = {name: samples[key] for name in negatives if (key := (dataset, name, metric)) in samples}
            for card in positives(models) if against else []:
                truth = samples.get((dataset, card["name"], metric))
                if truth is not None:
                    who = {"dataset": dataset, "metric": metric, "control": card["name"]}
                    table.append(who | {"counts": counts(card, metric)} | _lead(metric, truth, against))
    return table


def _lead(metric: str, truth: Sample, against: dict[str, Sample]) -> Json:
    """Return how far a positive control lies above the best of the negative ones."""
    from scarena.metrics.registry import METRICS
    from scarena.metrics.scores import DIGITS

    sign = -1 if METRICS[metric].better == "lower" else 1
    name, noise = max(against.items(), key=lambda pair: sign * pair[1].value)
    replicates = shared([truth, noise])[1]
    lead = difference(sign * truth.value, sign * noise.value, None if replicates is None else sign * replicates)
    return {
        "positive": truth.value, "against": name, "negative": noise.value,
        "discriminates": sign * truth.value > sign * noise.value,
        "margin_low": None if lead.low is None else round(lead.low, DIGITS),
    }  # fmt: skip


def control_scaled(table: Standings, samples: Samples, checks: list[Json], models: list[Json]) -> list[Json]:
    """Return every model's mean of (score − best negative) / (positive − best negative), by metric.

    0 is noise and 1 the truth, on each dataset before the mean: the control that counts for the metric and holds the
    least, which is one-hot labels where they count. A dataset on which that does not beat noise has no such scale and
    is left out for all models; ``datasets`` says how many are left, ``coverage`` on what share of them the model has a
    value, and without any the value is null.
    """
    rows = []
    for metric in sorted({check["metric"] for check in checks}):
        one = next((card["name"] for card in positives(models) if counts(card, metric)), "")
        own = [check for check in checks if check["metric"] == metric and check["control"] == one]
        scale = [check for check in own if check["discriminates"]]
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
