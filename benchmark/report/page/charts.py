"""The page's charts as plotly reads them, drawn by it once the reader comes near; their numbers stand in tables too."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scarena.board.ranked import overall_of
from scarena.report.page.cost import AXES, Axis, comparable

if TYPE_CHECKING:
    import plotly.graph_objects as go

Json = dict[str, Any]
_FAMILY = {
    "foundation": ("#0072B2", "circle"),
    "baseline": ("#D55E00", "square"),
    "control": ("#8a8f98", "x-thin-open"),
}
_AXIS_TITLES = {
    "seconds": "wall seconds of a run, start-up included, mean over the datasets (log)",
    "cells_per_s": "cells embedded a second, start-up apart (log; more is better)", "gpu_hours": "GPU hours (log)",
    "peak_gib": "peak memory, GiB (log)", "cpu_hours": "CPU hours of a run (log)",
}  # fmt: skip
SIZES = {"parameters": "trained parameters", "training_cells": "cells of the training corpus"}


def _spec(figure: go.Figure) -> Json:
    figure.update_layout(
        template="none", height=460, margin={"l": 70, "r": 70, "t": 30, "b": 55}, hovermode="closest",
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", legend={"orientation": "h", "y": 1.1},
    )  # fmt: skip
    spec: Json = json.loads(figure.to_json())
    return spec


def scatter_of_scores(board: Json) -> Json:
    """Return batch correction against bio conservation: a point a model with its intervals, the Pareto front joined."""
    import plotly.graph_objects as go

    row_of = {key: row for key, row in overall_of(board).items() if row["coverage"] == 1}
    figure = go.Figure()
    for family, (colour, symbol) in _FAMILY.items():
        names = {card["name"]: card["title"] for card in board["models"] if card["family"] == family}
        shown = [name for name in names if (name, "batch") in row_of and (name, "bio") in row_of]
        x, y = ([row_of[name, metric] for name in shown] for metric in ("batch", "bio"))
        figure.add_scatter(
            x=[row["value"] for row in x], y=[row["value"] for row in y], error_x=_bars(x, colour),
            error_y=_bars(y, colour), name=family, **_labels([names[name] for name in shown], family),
            marker={"color": colour, "size": 11, "symbol": symbol, "line": {"width": 1}},
            # Far from the models, they would push them together.
            visible="legendonly" if family == "control" else True,
        )  # fmt: skip
    line = sorted(board.get("pareto", []), key=lambda row: row["batch"])
    _add_front(figure, [row["batch"] for row in line], [row["bio"] for row in line])
    figure.update_xaxes(title="batch correction (higher is better)")
    figure.update_yaxes(title="bio conservation (higher is better)")
    return _spec(figure)


def scatters_of_cost(
    rows: list[Json], named: str = "total", axes: Sequence[Axis] = AXES
) -> dict[str, Json]:  # fmt: skip
    """Return the headline, called `named`, against each measured cost by its key, with the front of the two joined."""
    import plotly.graph_objects as go

    charts = {}
    for axis in (each for each in axes if each.front):
        key, title = axis.key, axis.title
        known = [row for row in rows if comparable(row["cost"], axis)]
        if not known:
            continue
        figure = go.Figure()
        for family in ("foundation", "baseline"):
            mine = [row for row in known if row["family"] == family]
            colour, symbol = _FAMILY[family]
            figure.add_scatter(
                x=[round(getattr(row["cost"], key), 4) for row in mine], y=[row["total"] for row in mine], name=family,
                marker={"color": colour, "size": 11, "symbol": symbol},
                **_labels([row["title"] for row in mine], family),
            )  # fmt: skip
        line = sorted((row for row in known if title in row["fronts"]), key=lambda row: getattr(row["cost"], key))
        _add_front(figure, [round(getattr(row["cost"], key), 4) for row in line], [row["total"] for row in line])
        figure.update_xaxes(title=_AXIS_TITLES[key], type="log")
        figure.update_yaxes(title=f"mean {named} (higher is better)")
        charts[key] = _spec(figure)
    return charts


def scatters_of_size(rows: list[Json], named: str = "total") -> dict[str, Json]:
    """Return the headline, called `named`, against what models were made of, by key; none that no card tells."""
    import plotly.graph_objects as go

    charts = {}
    for key, title in SIZES.items():
        figure = go.Figure()
        for family in ("foundation", "baseline"):
            mine = [row for row in rows if row["family"] == family and row["sizes"].get(key)]
            colour, symbol = _FAMILY[family]
            figure.add_scatter(
                x=[row["sizes"][key] for row in mine], y=[row["total"] for row in mine], name=family,
                marker={"color": colour, "size": 11, "symbol": symbol},
                **_labels([row["title"] for row in mine], family),
            )  # fmt: skip
        figure.update_xaxes(title=f"{title} (log)", type="log")
        figure.update_yaxes(title=f"mean {named} (higher is better)")
        if any(row["sizes"].get(key) for row in rows):
            charts[key] = _spec(figure)
    return charts


def _labels(titles: list[str], family: str) -> Json:
    """Return names beside points, above those of baselines and below the others; what looks like markup is text."""
    place = "top center" if family == "baseline" else "bottom center"
    text = [html.escape(title, quote=False) for title in titles]
    return {"text": text, "mode": "markers+text", "textposition": place, "cliponaxis": False}


def _add_front(figure: go.Figure, x: list[float], y: list[float]) -> None:
    if x:
        figure.add_scatter(
            x=x, y=y, mode="lines", name="Pareto front", hoverinfo="skip", line={"width": 1, "dash": "dot"}
        )  # fmt: skip


def _bars(rows: list[Json], colour: str) -> Json:
    """Return plotly's error bars for the rows' intervals; a row without one has no bar."""
    up = [0.0 if row["high"] is None else row["high"] - row["value"] for row in rows]
    down = [0.0 if row["low"] is None else row["value"] - row["low"] for row in rows]
    return {"type": "data", "array": up, "arrayminus": down, "thickness": 1, "width": 0, "color": colour}
