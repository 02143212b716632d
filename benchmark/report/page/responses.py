"""Of a dataset of perturbations: how much of each effect the first models predict, and what a replicate would have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from scarena.board.ranked import ranked_models
from scarena.board.seeds import first_seeds
from scarena.metrics.details import OF_PROFILE, ProfileScores
from scarena.metrics.info_responses import PREFIX
from scarena.tasks.details import read_details
from scarena.tasks.responses import BETWEEN

Json = dict[str, Any]
_MODELS, _PROFILES = 3, 60
_COLOURS = ("#0072B2", "#D55E00", "#009E73")
_LOWEST = -0.5


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Squared errors of one run, mean over genes, by the name of the profile that was asked about.

    Parameters
    ----------
    names
        Of the profiles [n].
    zero
        Of the better negative: of knowing nothing of the perturbation [n].
    predicted
        Of the prediction [n].
    replicate
        Of a replicate experiment [n]; NaN where there is none.
    """

    names: tuple[str, ...]
    zero: np.ndarray
    predicted: np.ndarray
    replicate: np.ndarray

    @classmethod
    def of(cls, told: ProfileScores) -> Errors:
        """Return what a run's details tell, without the name of the split: each profile is asked about once."""
        column = {name: told.numbers[:, place].astype(np.float64) for place, name in enumerate(OF_PROFILE)}
        known = np.isfinite(column["reproducibility"])
        names = tuple(name.split(BETWEEN, 1)[-1] for name in told.names)
        return cls(names, column["negative"], column["error"], np.where(known, column["duplicate"], np.nan))


@dataclass(frozen=True, slots=True)
class Row:
    """One perturbation: the share of its effect that a replicate and each model explain, and how large it is."""

    name: str
    effect: float
    ceiling: float | None
    shares: tuple[float, ...]


def responses_of(board: Json, folder: Path, dataset: str) -> Json | None:
    """Return the largest effects of one dataset as rows and as a drawing; None where no run kept its errors.

    The models are the first three of the ranking that predicted here, controls left out; of several seeds the first.
    """
    found: list[tuple[str, Errors]] = []
    headline, seed = _headline(board, dataset), first_seeds(board)
    for card in ranked_models(board, headline):
        run = folder / dataset / card["name"] / str(seed[card["name"]])
        if card["family"] == "control" or len(found) == _MODELS:
            continue
        details = read_details(run / "details.npz")
        if details is not None and details.profiles is not None:
            found.append((card["title"], Errors.of(details.profiles)))
    rows = rows_of([errors for _, errors in found])
    if not rows:
        return None
    titles = [title for title, _ in found]
    legend = list(zip(titles, _COLOURS, strict=False))
    n_all = len(found[0][1].names)
    return {"rows": rows, "titles": titles, "legend": legend, "n": n_all, "svg": drawing(rows, dataset),
            "ceiling": any(row.ceiling is not None for row in rows)}  # fmt: skip


def _headline(board: Json, dataset: str) -> str:
    """Return the metric that ranks the models on what this dataset asks about: its setting is on its card."""
    card = next(entry["card"] for entry in board["datasets"] if entry["dataset"] == dataset)
    setting = (card.get("response") or {}).get("setting", "gene")
    return f"{PREFIX[setting]}response_value"


def rows_of(found: list[Errors]) -> list[Row]:
    """Return the profiles of the largest effects, the largest first, joined by name."""
    if not found:
        return []
    first = found[0]
    place = [{name: row for row, name in enumerate(each.names)} for each in found]
    rows = []
    for at in np.argsort(-first.zero, kind="stable")[:_PROFILES]:
        name, zero = first.names[at], first.zero[at]
        if zero <= 0 or not all(name in known for known in place):
            continue
        shares = tuple(_share(zero, each.predicted[known[name]]) for each, known in zip(found, place, strict=True))
        replicate = first.replicate[at]
        rows.append(Row(name, float(zero), _share(zero, replicate) if np.isfinite(replicate) else None, shares))
    return rows


def _share(zero: float, error: float) -> float:
    """Return the share of the negative's squared error that is gone; below zero where there is more of it."""
    return float(1 - error / zero)


def drawing(rows: list[Row], dataset: str) -> Markup:
    """Return the rows as an SVG in the page's own colours: a dot a model, a bar for the replicate."""
    left, top, height = 48, 10, 200
    step = max(9.0, min(26.0, 840 / len(rows)))
    width = round(left + step * len(rows) + 10)

    def y(share: float) -> float:
        return round(top + height * (1 - (max(min(share, 1.0), _LOWEST) - _LOWEST) / (1 - _LOWEST)), 1)

    parts = [
        Markup('<path d="M{} {}H{}"/><text x="{}" y="{}" text-anchor="end">{}</text>').format(
            left, y(tick), width - 6, left - 6, y(tick) + 4, f"{tick:g}")
        for tick in (1.0, 0.5, 0.0, -0.5)
    ]  # fmt: skip
    for place, row in enumerate(rows):
        x = round(left + step * (place + 0.5), 1)
        if row.ceiling is not None:
            bar = Markup('<rect class="ceiling" x="{}" y="{}" width="{}" height="{}"/>')
            tall = abs(y(row.ceiling) - y(0))
            parts.append(
                bar.format(round(x - step / 3, 1), min(y(row.ceiling), y(0)), round(step * 2 / 3, 1), round(tall, 1))
            )
        for share, colour in zip(row.shares, _COLOURS, strict=False):
            parts.append(Markup('<circle cx="{}" cy="{}" r="3" fill="{}"/>').format(x, y(share), colour))
        label = Markup('<text class="name" transform="translate({},{}) rotate(60)">{}</text>')
        parts.append(label.format(round(x - 2, 1), top + height + 10, row.name))
    said = f"Share of each effect that is predicted on {dataset}; the same numbers are in the table below"
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, top + height + 110, said, Markup("").join(parts)
    )
