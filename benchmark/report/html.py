"""The leaderboard page: one self-contained HTML file made from board.json and what the runs left beside it.

No score is computed here; the page needs no network. What each part shows is in `scarena.report.page`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from scarena.base.files import json_text
from scarena.base.log_tail import last_lines
from scarena.board.costs import UNKNOWN, Cost, costs_of
from scarena.board.gate import gated
from scarena.board.make import parquet_bytes
from scarena.board.published import is_published, whose
from scarena.board.ranked import counting, headline_of, headline_title, overall_of, ranked_models
from scarena.board.seeds import and_seeds, seeds_told
from scarena.board.verdicts import verdicts
from scarena.report.board_csv import board_csv
from scarena.report.page import charts, downloads, overview, tables
from scarena.report.page.cite import bibtex, dated, linked
from scarena.report.page.columns import groups, shown_metrics, without_own_tasks
from scarena.report.page.controls import control_table, uncheckable
from scarena.report.page.cost import axes_of, fronts, measured, shown
from scarena.report.page.datasets import dataset_parts
from scarena.report.page.facts import data_filters, model_filters
from scarena.report.page.gate import front_gone, gate_table, overall_marks
from scarena.report.page.matrix import matrix_of
from scarena.report.page.metrics import agreement, companions
from scarena.report.page.models import critical_difference, critical_svg, model_parts
from scarena.report.page.room import Room, every_metric, first_room
from scarena.report.page.scores import Scores, scores_of
from scarena.report.page.script import script
from scarena.report.page.sentences import lead
from scarena.report.page.tables import signed
from scarena.report.page.task_sections import task_sections
from scarena.report.page.tasks_table import tasks_table
from scarena.report.rule import rule_of_ranks
from scarena.report.units import drawn

Json = dict[str, Any]

MOST_BYTES = 6_000_000
_PAIRS = 500


def render(board: Json, folder: Path) -> str:
    """Return the page of a board whose runs lie in `folder`: as much of it as fits into `MOST_BYTES`."""
    files, board = _files(board), gated(board)
    scores, costs = scores_of(board), costs_of(board)
    template, room = _environment().get_template("board.html"), first_room(board)
    fixed = _fixed(board, folder, scores, costs)
    while True:
        parts = fixed | _fitted(board, folder, scores, room)
        bare, less = len(template.render(**parts, downloads=[]).encode()), room.smaller()
        if bare <= MOST_BYTES or less is None:
            return template.render(**parts, downloads=downloads.downloads(files, MOST_BYTES - bare))
        room = less


def _fixed(board: Json, folder: Path, scores: Scores, costs: dict[str, Cost]) -> Json:
    """Return what a page shows whatever room it has."""
    return {
        **_assets(), **_overview(board, scores, costs), **_cost(board, costs), **_metrics(board), "board": board,
        "missing": missing_cells(board, folder), **_named(board),
        "trained": trained_on(board), **_critical(board, scores), "tasks_table": tasks_table(board),
        "published": is_published(board), "whose": whose(board),
        "seeds_told": seeds_told(board), "and_seeds": and_seeds(board),
        "told": {"means": {}, "version": "", "date": "", **board["provenance"]},
        "dated": dated(board), "bibtex": bibtex(board),
    }  # fmt: skip


def _fitted(board: Json, folder: Path, scores: Scores, room: Room) -> Json:
    """Return what a page shows as far as there is room for it."""
    every = every_metric(board)
    return {
        "roomy": room.intervals,
        "data": overview.data_of(board, scores, whole=room.further, every=every if room.every else ()),
        "datasets": dataset_parts(
            board, folder, scores, without_own_tasks(board, every) if room.all_metrics else ()
        ),
        "models": model_parts(board, scores, whole=room.intervals),
        "sections": task_sections(board, scores, whole=room.further),
    }  # fmt: skip


def _named(board: Json) -> Json:
    """Return what ranks the models, as it is called within a sentence and at its beginning."""
    named = headline_title(board)
    return {"named": named, "Named": named[:1].upper() + named[1:]}


def _assets() -> Json:
    library, text = _plotly(), script()
    return {
        "script_hashes": Markup(f"{_hash(text)} {_hash(library)}"), "script": Markup(text),
        "plotly": base64.b64encode(downloads.compressed(library.encode())).decode(),
        "style": Markup(_asset("board.css")),
    }  # fmt: skip


def _overview(board: Json, scores: Scores, costs: dict[str, Cost]) -> Json:
    from scarena.metrics.registry import METRICS

    return {
        "lead": lead(board), "verdicts": verdicts(board), "ranking": _ranking(board, costs), "pairs": _pairs(board),
        "intervals": any(row["low"] is not None for row in board["overall"]), "rule": rule_of_ranks(board),
        "drawn": drawn(board),
        "axes": axes_of(board), "columns": measured(costs, axes_of(board)),
        "headline": [METRICS[key] for key in shown_metrics(board)],
        "groups": groups(board),
        "families": [name for name in ("foundation", "baseline", "control") if _has(board, name)],
        "tissues": overview.tissues(board), "tasks": list(overview.presets(board)),
        "default": overview.default_of(board), "weighed": [METRICS[key] for key in overview.weighed(board)],
        "model_filters": model_filters(board), "data_filters": data_filters(board), "matrix": matrix_of(board, scores),
    }  # fmt: skip


def _cost(board: Json, costs: dict[str, Cost]) -> Json:
    ranked = fronts(board, costs)
    return {
        "scatter": charts.scatter_of_scores(board) if {"bio", "batch"} <= {*shown_metrics(board)} else None,
        "cost_charts": charts.scatters_of_cost(ranked, headline_title(board), axes_of(board)),
        "size_charts": charts.scatters_of_size(ranked, headline_title(board)), "sizes": charts.SIZES,
        "front_gone": front_gone(board),
        "front": [{**row, "costs": [each.text for each in shown(row["cost"], axes_of(board))]} for row in ranked],
    }  # fmt: skip


def _metrics(board: Json) -> Json:
    from scarena.metrics.registry import METRICS

    every = every_metric(board)
    return {
        "every": [METRICS[key] for key in every], "titles": {key: info.title for key, info in METRICS.items()},
        "checks": control_table(board), "scaled": tables.grouped(tables.scaled_table(board, shown_metrics(board))),
        "gate": gate_table(board), "marks": overall_marks(board),
        "uncheckable": bool(board["controls"]) and uncheckable(board),
        "agreement": companions(*agreement(board, every), headline_of(board)),
        "config": json.dumps(board["provenance"].get("config"), indent=1, sort_keys=True),
    }  # fmt: skip


def _critical(board: Json, scores: Scores) -> Json:
    found = critical_difference(board, scores)
    return {"critical": found, "critical_svg": critical_svg(found) if found else ""}


def _files(board: Json) -> dict[str, bytes]:
    """Return the files that the page offers, by name."""
    return {
        "board.json": json_text(board).encode(), "board.parquet": parquet_bytes(board),
        "board.csv": board_csv(board).encode(),
    }  # fmt: skip


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("scarena.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["linked"], environment.filters["signed"] = linked, signed
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":"), "allow_nan": False}
    return environment


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _hash(script: str) -> str:
    """Return what the page's policy names a script by: no other one runs, whatever a name on the board contains."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _has(board: Json, family: str) -> bool:
    return any(card["family"] == family for card in board["models"])


def _ranking(board: Json, costs: dict[str, Cost]) -> list[Json]:
    """Return the rows of the overall table with their costs and how many datasets they cover."""
    total = overall_of(board)
    of = len(counting(board, headline_of(board)))
    return [
        {
            **row, "costs": shown(costs.get(row["card"]["name"], UNKNOWN), measured(costs, axes_of(board))), "of": of,
            "covered": round(of * total.get((row["card"]["name"], headline_of(board)), {"coverage": 0.0})["coverage"]),
        }
        for row in tables.grouped(tables.overall_table(board, shown_metrics(board)))
    ]  # fmt: skip


def missing_cells(board: Json, folder: Path) -> list[Json]:
    """Return every run or metric without a value because something failed or was not to be had, with its reason."""
    lines = []
    for cell in board["cells"]:
        who = {key: cell[key] for key in ("dataset", "model", "seed")}
        if cell["state"] != "ok":
            log = last_lines(folder / cell["dataset"] / cell["model"] / str(cell["seed"]) / "record.log")
            lines.append({**who, "metric": "all", "state": cell["state"], "reason": cell["reason"], "log": log})
        for metric, score in sorted(cell["scores"].items()):
            if score["state"] == "failed":
                told = {"metric": metric, "state": score["state"], "reason": score["reason"], "log": []}
                lines.append({**who, **told})
    return lines


def trained_on(board: Json) -> list[Json]:
    """Return, for each foundation model, the datasets in each state of contamination."""
    rows = board.get("contamination", [])
    return [
        {"title": card["title"]}
        | {
            state: [row["dataset"] for row in rows if row["model"] == card["name"] and row["state"] == state]
            for state in ("cells", "study", "unknown", "clean")
        }
        for card in ranked_models(board)
        if any(row["model"] == card["name"] for row in rows)
    ]


def _pairs(board: Json) -> list[Json]:
    """Return the differences of totals with titles for names; on large boards those of the best model alone."""
    title = {card["name"]: card["title"] for card in board["models"]}
    rows = [row for row in board.get("differences", []) if row["metric"] == headline_of(board)]
    if len(rows) > _PAIRS:
        best = ranked_models(board)[0]["name"]
        rows = [row for row in rows if best in (row["model_a"], row["model_b"])]
    return [{**row, "a": title[row["model_a"]], "b": title[row["model_b"]]} for row in rows]


def _asset(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
