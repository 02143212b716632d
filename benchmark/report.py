"""The leaderboard page: one self-contained HTML file made from board.json and the runs' UMAPs.

Nothing is computed here that is not on the board; the page needs no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

Json = dict[str, Any]

# The columns a reader meets first; every other metric is in the "all metrics" table and in board.json.
HEADLINE = ("total", "bio", "batch", "onto_rwr", "lcad_all", "knn_accuracy", "knn_macro_f1")
_BASELINES = ("hvg", "harmony", "scvi")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a table: what is shown, what it sorts by, and why it is missing where it is."""

    text: str
    sort: str
    note: str = ""
    state: str = "ok"


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _missing(state: str, reason: str) -> Entry:
    words = {"not applicable": "n/a", "not available": "not available", "failed": "failed"}
    return Entry(words.get(state, state), "", reason, state.split("(")[0].replace(" ", "-"))


def _score_entry(cells: list[Json], metric: str) -> Entry:
    """Return the entry of one model on one dataset: the mean over its seeds, or the first reason there is none."""
    scores = [cell["scores"][metric] for cell in cells if metric in cell["scores"]]
    values = [score["value"] for score in scores if score["state"] == "ok"]
    if values:
        spread = f"range over {len(values)} seeds: {min(values):.3f} to {max(values):.3f}" if len(values) > 1 else ""
        lost = "" if len(values) == len(cells) else f"{len(values)} of {len(cells)} seeds"
        note = "; ".join(part for part in (spread, lost) if part)
        return Entry(_number(fmean(values)) + ("*" if lost else ""), repr(fmean(values)), note)
    if scores:
        return _missing(scores[0]["state"], scores[0]["reason"])
    return _missing(cells[0]["state"], cells[0]["reason"])


def _overall_entry(row: Json | None) -> Entry:
    if row is None or row["value"] is None:
        return Entry("n/a", "", "no dataset on this board has this metric", "not-applicable")
    note = "" if row["low"] is None else f"range over seeds: {row['low']:.3f} to {row['high']:.3f}; "
    if row["rank_low"] is not None:
        rank = str(row["rank_low"]) if row["rank_low"] == row["rank_high"] else f"{row['rank_low']}–{row['rank_high']}"
        note += f"rank {rank} of the models"
    flag = ""
    if row["coverage"] < 1:
        flag = f" ({row['coverage']:.0%})"
        note += f"over {row['coverage']:.0%} of the datasets only, so not ranked"
    return Entry(_number(row["value"]) + flag, repr(row["value"]), note)


def _cost_entries(timings: list[Json], model: str, dataset: str | None) -> list[Entry]:
    rows = [t for t in timings if t["model"] == model and t["step"] == "embed" and dataset in (None, t["dataset"])]
    if not rows:
        return [Entry("–", ""), Entry("–", "")]
    wall, peak = sum(row["wall_s"] for row in rows), max(row["peak_rss_mb"] for row in rows)
    return [Entry(f"{wall:.1f}", repr(wall)), Entry(f"{peak / 1024:.2f}", repr(peak))]


def _row(card: Json, entries: list[Entry], n_seeds: int) -> Json:
    return {"card": card, "entries": entries, "seeds": n_seeds}


def overall_table(board: Json, metrics: tuple[str, ...] = HEADLINE) -> list[Json]:
    """Return the rows of the overall table, best total first and controls last."""
    found = {(row["model"], row["metric"]): row for row in board["overall"]}

    def order(card: Json) -> tuple[bool, float, str]:
        total = found.get((card["name"], "total"), {}).get("value")
        return card["family"] == "control", -(total if total is not None else -9.0), card["name"]

    return [
        _row(card, [*(_overall_entry(found.get((card["name"], m))) for m in metrics),
                    *_cost_entries(board["timings"], card["name"], None)], len(board["provenance"]["seeds"]))
        for card in sorted(board["models"], key=order)
    ]  # fmt: skip


def dataset_table(board: Json, dataset: str, metrics: tuple[str, ...] = HEADLINE) -> list[Json]:
    """Return the rows of one dataset's table, in the order of the overall one."""
    rows = []
    for row in overall_table(board):
        name = row["card"]["name"]
        cells = [cell for cell in board["cells"] if cell["dataset"] == dataset and cell["model"] == name]
        entries = [_score_entry(cells, metric) for metric in metrics]
        rows.append(_row(row["card"], [*entries, *_cost_entries(board["timings"], name, dataset)], row["seeds"]))
    return rows


def verdicts(board: Json) -> list[str]:
    """Return, for each foundation model, one sentence: does it beat HVG, Harmony and scVI on the overall total?"""
    value = {row["model"]: row for row in board["overall"] if row["metric"] == "total"}
    known = [name for name in _BASELINES if value.get(name, {}).get("coverage") == 1]
    sentences = []
    for card in board["models"]:
        mine = value.get(card["name"], {})
        if card["family"] != "foundation":
            continue
        if mine.get("coverage") != 1 or len(known) < len(_BASELINES):
            sentences.append(f"{card['title']}: no verdict, since totals are missing.")
            continue
        beaten = [n for n in known if mine["value"] > value[n]["value"]]
        best = max(known, key=lambda n: value[n]["value"])
        says = f"beats {', '.join(beaten)}" if beaten else "beats none of HVG, Harmony and scVI"
        against = f"{mine['value']:.3f} against {value[best]['value']:.3f} for {best}, the best of the three"
        sentences.append(f"{card['title']} {says} on the mean total ({against}).")
    return sentences


def missing_cells(board: Json) -> list[Json]:
    """Return every run or metric without a value because something failed or was not to be had, with its reason."""
    lines = []
    for cell in board["cells"]:
        who = {key: cell[key] for key in ("dataset", "model", "seed")}
        if cell["state"] != "ok":
            lines.append({**who, "metric": "all", "state": cell["state"], "reason": cell["reason"]})
        for metric, score in sorted(cell["scores"].items()):
            if score["state"] == "failed":
                lines.append({**who, "metric": metric, "state": score["state"], "reason": score["reason"]})
    return lines


def blind_metrics(board: Json) -> dict[str, list[str]]:
    """Return, by metric, the datasets on which the true labels do not score better than noise."""
    found: dict[str, list[str]] = {}
    for check in board["controls"]:
        if not check["discriminates"]:
            found.setdefault(check["metric"], []).append(check["dataset"])
    return found


def render(board: Json, folder: Path) -> str:
    """Return the page of a board whose runs lie in `folder`."""
    from plotly.offline import get_plotlyjs

    from scarena.figures import scatter_of_scores, umaps
    from scarena.metrics.registry import METRICS

    environment = Environment(loader=PackageLoader("scarena"), autoescape=True, undefined=StrictUndefined)
    names = [entry["dataset"] for entry in board["datasets"]]
    every = tuple(sorted({row["metric"] for row in board["overall"]}))
    tables = [{"id": "overall", "title": "Overall", "rows": overall_table(board)}]
    tables += [{"id": name, "title": name, "rows": dataset_table(board, name)} for name in names]
    return environment.get_template("board.html").render(
        board=board,
        headline=[METRICS[key] for key in HEADLINE],
        every=[METRICS[key] for key in every if key in METRICS],
        full=[{"dataset": n, "rows": dataset_table(board, n, tuple(k for k in every if k in METRICS))} for n in names],
        tables=tables,
        verdicts=verdicts(board),
        missing=missing_cells(board),
        blind=blind_metrics(board),
        chart=Markup(scatter_of_scores(board)),
        umaps=[{**figure, "html": Markup(figure["html"])} for figure in umaps(board, folder)],
        plotly=Markup(get_plotlyjs()),
        style=Markup(_asset("board.css")),
        script=Markup(_asset("board.js")),
    )


def _asset(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
