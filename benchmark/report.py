"""The leaderboard page: one self-contained HTML file made from board.json and the runs' UMAPs.

No score is computed here; the page needs no network.
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


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a table: what is shown, what it sorts by, why it is missing where it is, and its 95 % interval."""

    text: str
    sort: str
    note: str = ""
    state: str = "ok"
    interval: str = ""


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _interval(row: Json) -> str:
    return "" if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}"


def _missing(state: str, reason: str) -> Entry:
    words = {"not applicable": "n/a", "not available": "not available", "failed": "failed"}
    return Entry(words.get(state, state), "", reason, state.split("(")[0].replace(" ", "-"))


def _score_entry(cells: list[Json], metric: str, over_seeds: Json | None) -> Entry:
    """Return the entry of one model on one dataset: the mean over its seeds, or the first reason there is none."""
    scores = [cell["scores"][metric] for cell in cells if metric in cell["scores"]]
    known = [score for score in scores if score["state"] == "ok"]
    if known:
        values = [score["value"] for score in known]
        spread = f"range over {len(values)} seeds: {min(values):.3f} to {max(values):.3f}" if len(values) > 1 else ""
        lost = "" if len(values) == len(cells) else f"{len(values)} of {len(cells)} seeds"
        # With several seeds the interval is of their mean; a board without one shows the range alone.
        within = _interval(known[0]) if len(known) == 1 else _interval(over_seeds) if over_seeds else ""
        note = "; ".join(part for part in (within and f"95 % interval: {within}", spread, lost) if part)
        return Entry(_number(fmean(values)) + ("*" if lost else ""), repr(fmean(values)), note, interval=within)
    if scores:
        return _missing(scores[0]["state"], scores[0]["reason"])
    return _missing(cells[0]["state"], cells[0]["reason"])


def _overall_entry(row: Json | None) -> Entry:
    if row is None or row["value"] is None:
        return Entry("n/a", "", "no dataset on this board has this metric", "not-applicable")
    within = _interval(row)
    over = {"cells": "95 % interval over cells and seeds", "seeds": "95 % interval over seeds alone"}
    note = f"{over.get(row.get('interval', ''), 'range over seeds')}: {within}" if within else ""
    flag = ""
    if row["rank_low"] is not None:
        note += f"{'; ' if note else ''}rank {_rank(row)} of the models"
    if row["coverage"] < 1:
        flag = f" ({row['coverage']:.0%})"
        note += f"{'; ' if note else ''}over {row['coverage']:.0%} of the datasets only, so not ranked"
    return Entry(_number(row["value"]) + flag, repr(row["value"]), note, interval=within)


def _rank(row: Json) -> str:
    return str(row["rank_low"]) if row["rank_low"] == row["rank_high"] else f"{row['rank_low']}–{row['rank_high']}"


def _letter(group: int) -> str:
    """Return A for 1, Z for 26, AA for 27."""
    text = ""
    while group > 0:
        group, digit = divmod(group - 1, 26)
        text = chr(ord("A") + digit) + text
    return text


def _rank_entry(row: Json | None, *, certain: bool) -> Entry:
    """Return the range of ranks by total, with the letter of the tie group; `certain` where replicates made them."""
    if row is None or row["rank_low"] is None:
        return Entry("–", "", "controls and models without a total on every dataset are not ranked")
    letter = _letter(row["tie_group"])
    known = "95 % range of ranks" if certain else "rank by value, without intervals"
    note = f"{known}; group {letter}: not told from the best of its group"
    return Entry(_rank(row), repr((row["rank_low"] + row["rank_high"]) / 2), note, interval=letter)


def _cost_entries(timings: list[Json], model: str, dataset: str | None) -> list[Entry]:
    rows = [t for t in timings if t["model"] == model and t["step"] == "embed" and dataset in (None, t["dataset"])]
    if not rows:
        return [Entry("–", ""), Entry("–", "")]
    wall, peak = sum(row["wall_s"] for row in rows), max(row["peak_rss_mb"] for row in rows)
    return [Entry(f"{wall:.1f}", repr(wall)), Entry(f"{peak / 1024:.2f}", repr(peak))]


def ordered_models(board: Json) -> list[Json]:
    """Return the models' cards, best total first and controls last."""
    total = {row["model"]: row["value"] for row in board["overall"] if row["metric"] == "total"}

    def order(card: Json) -> tuple[bool, float, str]:
        value = total.get(card["name"])
        return card["family"] == "control", -(value if value is not None else -9.0), card["name"]

    return sorted(board["models"], key=order)


def overall_table(board: Json, metrics: tuple[str, ...] = HEADLINE) -> list[Json]:
    """Return the rows of the overall table."""
    found = {(row["model"], row["metric"]): row for row in board["overall"]}
    certain = any(row["metric"] == "total" and row["low"] is not None for row in board.get("differences", []))
    return [
        {
            "card": card,
            "rank": _rank_entry(found.get((card["name"], "total")), certain=certain),
            "entries": [_overall_entry(found.get((card["name"], metric))) for metric in metrics],
            "costs": _cost_entries(board["timings"], card["name"], None),
        }
        for card in ordered_models(board)
    ]


def dataset_table(board: Json, dataset: str, metrics: tuple[str, ...] = HEADLINE) -> list[Json]:
    """Return the rows of one dataset's table, in the order of the overall one."""
    rows = board.get("per_dataset", [])
    over_seeds = {(row["model"], row["metric"]): row for row in rows if row["dataset"] == dataset}
    here = [cell for cell in board["cells"] if cell["dataset"] == dataset]
    table = []
    for card in ordered_models(board):
        name = card["name"]
        cells = [cell for cell in here if cell["model"] == name]
        entries = [_score_entry(cells, metric, over_seeds.get((name, metric))) for metric in metrics]
        costs = _cost_entries(board["timings"], name, dataset)
        table.append({"card": card, "rank": None, "entries": entries, "costs": costs})
    return table


def scaled_table(board: Json, metrics: tuple[str, ...] = HEADLINE) -> list[Json]:
    """Return the rows of the control-scaled table; none where the board has no such scores."""
    found = {(row["model"], row["metric"]): row for row in board.get("control_scaled", [])}
    if not found:
        return []

    def entry(row: Json | None) -> Entry:
        if row is None or row["value"] is None:
            return Entry("n/a", "", "no dataset with a value on which labels score better than noise", "not-applicable")
        flag = f" ({row['coverage']:.0%})" if row["coverage"] < 1 else ""
        return Entry(_number(row["value"]) + flag, repr(row["value"]), f"mean over {row['datasets']} datasets")

    return [
        {"card": card, "rank": None, "costs": [], "entries": [entry(found.get((card["name"], m))) for m in metrics]}
        for card in ordered_models(board)
    ]


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
    from scarena.verdicts import cost_front, discrimination, verdicts

    environment = Environment(loader=PackageLoader("scarena"), autoescape=True, undefined=StrictUndefined)
    names = [entry["dataset"] for entry in board["datasets"]]
    every = tuple(sorted({row["metric"] for row in board["overall"]} & METRICS.keys()))
    tables = [{"id": "overall", "title": "Overall", "rows": overall_table(board)}]
    tables += [{"id": name, "title": name, "rows": dataset_table(board, name)} for name in names]
    return environment.get_template("board.html").render(
        board=board,
        headline=[METRICS[key] for key in HEADLINE],
        every=[METRICS[key] for key in every],
        titles={key: info.title for key, info in METRICS.items()},
        full=[{"dataset": name, "rows": dataset_table(board, name, every)} for name in names],
        tables=tables,
        verdicts=verdicts(board),
        intervals=any(row["low"] is not None for row in board["overall"]),
        pairs=_pairs(board),
        checks=discrimination(board),
        front=cost_front(board),
        scaled=scaled_table(board),
        missing=missing_cells(board),
        blind=blind_metrics(board),
        trained=trained_on(board),
        seen=seen_datasets(board),
        chart=Markup(scatter_of_scores(board)),
        umaps=[{**figure, "html": Markup(figure["html"])} for figure in umaps(board, folder)],
        plotly=Markup(get_plotlyjs()),
        style=Markup(_asset("board.css")),
        script=Markup(_asset("board.js")),
    )


def trained_on(board: Json) -> list[Json]:
    """Return, for each foundation model, the datasets in each state of contamination."""
    rows = board.get("contamination", [])
    return [
        {"title": card["title"]}
        | {
            state: [row["dataset"] for row in rows if row["model"] == card["name"] and row["state"] == state]
            for state in ("cells", "study", "unknown", "clean")
        }
        for card in ordered_models(board)
        if any(row["model"] == card["name"] for row in rows)
    ]


def seen_datasets(board: Json) -> dict[str, list[str]]:
    """Return the datasets that are, or whose study is, in a model's training corpus."""
    found: dict[str, list[str]] = {}
    for row in board.get("contamination", []):
        if row["state"] in ("cells", "study"):
            found.setdefault(row["model"], []).append(row["dataset"])
    return found


def _pairs(board: Json) -> list[Json]:
    """Return the differences of totals, with titles for names."""
    title = {card["name"]: card["title"] for card in board["models"]}
    return [
        {**row, "a": title[row["model_a"]], "b": title[row["model_b"]]}
        for row in board.get("differences", [])
        if row["metric"] == "total"
    ]


def _asset(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
