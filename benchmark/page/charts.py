"""The page's charts, with plotly. Every div id is given: plotly's own are random and no two pages would be equal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.untrusted import read_arrays

if TYPE_CHECKING:
    import plotly.graph_objects as go

Json = dict[str, Any]

# Twenty-four colours that stay apart on white (Okabe-Ito first, then darker and lighter mates).
PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#B8A800", "#7F3C8D", "#117733", "#882255",
    "#44AA99", "#AA4499", "#332288", "#DDAA33", "#66A61E", "#A6761D", "#E7298A", "#1B9E77", "#7570B3", "#666666",
    "#E41A1C", "#377EB8", "#984EA3", "#F781BF",
)  # fmt: skip
_FAMILY = {"foundation": "#0072B2", "baseline": "#D55E00", "control": "#8a8f98"}
_INK = "#17202b"
_UMAP_KEYS = ("cell_type", "batch")


def _html(figure: go.Figure, div_id: str) -> str:
    config = {"displaylogo": False, "responsive": True}
    return str(figure.to_html(full_html=False, include_plotlyjs=False, div_id=div_id, config=config))


def scatter_of_scores(board: Json) -> str:
    """Return batch correction against bio conservation, one point a model with its intervals, the Pareto front ringed.

    Empty where no model has both.
    """
    import plotly.graph_objects as go

    row_of = {(r["model"], r["metric"]): r for r in board["overall"] if r["coverage"] == 1}
    front = {row["model"] for row in board.get("pareto", [])}
    figure = go.Figure()
    for family, colour in _FAMILY.items():
        names = {c["name"]: c["title"] for c in board["models"] if c["family"] == family}
        shown = [name for name in names if (name, "batch") in row_of and (name, "bio") in row_of]
        x, y = ([row_of[name, metric] for name in shown] for metric in ("batch", "bio"))
        # An open marker is drawn by its line alone, a filled one needs a line only where it is on the front.
        rings = [2 if family == "control" else 3 if name in front else 0 for name in shown]
        figure.add_scatter(
            x=[row["value"] for row in x],
            y=[row["value"] for row in y],
            error_x=_error_bars(x, colour),
            error_y=_error_bars(y, colour),
            text=[names[name] for name in shown],
            mode="markers+text",
            textposition="top center",
            name=family,
            marker={
                "color": colour,
                "size": 12,
                "symbol": "circle-open" if family == "control" else "circle",
                "line": {"width": rings, "color": colour if family == "control" else _INK},
            },
        )
    if front:
        line = sorted(board["pareto"], key=lambda row: row["batch"])
        figure.add_scatter(
            x=[row["batch"] for row in line], y=[row["bio"] for row in line], mode="lines", name="Pareto front",
            hoverinfo="skip", line={"color": _INK, "width": 1, "dash": "dot"},
        )  # fmt: skip
    figure.update_layout(
        template="simple_white", height=460, margin={"l": 60, "r": 20, "t": 20, "b": 50},
        xaxis_title="batch correction (higher is better)", yaxis_title="bio conservation (higher is better)",
        legend={"orientation": "h", "y": 1.08},
    )  # fmt: skip
    return _html(figure, "chart-scores")


def _error_bars(rows: list[Json], colour: str) -> Json:
    """Return plotly's error bars for the rows' intervals; a row without one has no bar."""
    up = [0.0 if row["high"] is None else row["high"] - row["value"] for row in rows]
    down = [0.0 if row["low"] is None else row["value"] - row["low"] for row in rows]
    return {"type": "data", "array": up, "arrayminus": down, "thickness": 1, "width": 0, "color": colour}


def umaps(board: Json, folder: Path) -> list[Json]:
    """Return one figure a dataset that has UMAPs: cell types left, batches right, the model chosen from a list."""
    figures = []
    title = {card["name"]: card["title"] for card in board["models"]}
    for entry in board["datasets"]:
        path = folder / entry["dataset"] / "umaps.npz"
        if entry["state"] != "ok" or not path.exists():
            continue
        file = read_arrays(path, "obs_names", fix="remove it and run again")
        names, flat = file["obs_names"], {key[3:]: file[key] for key in file if key.startswith("xy:")}
        shown = [(title[name], flat[name]) for name in title if name in flat]
        if shown:
            html = _umap_figure(entry["dataset"], shown, names, path.with_name("dataset.h5ad"))
            figures.append({"dataset": entry["dataset"], "models": ", ".join(t for t, _ in shown), "html": html})
    return figures


def _umap_figure(dataset: str, shown: list[tuple[str, np.ndarray]], names: np.ndarray, h5ad: Path) -> str:
    from plotly.subplots import make_subplots

    from scarena.datasets.prepared import read_cells

    obs = read_cells(h5ad).loc[names]
    figure = make_subplots(1, 2, subplot_titles=("cell type", "batch"), horizontal_spacing=0.04)
    owner: list[int] = []
    for number, (_, points) in enumerate(shown):
        for column, key in enumerate(_UMAP_KEYS, start=1):
            owner += [number] * _add_points(figure, points, obs[key], column, visible=number == 0)
    buttons = [
        {"label": title, "method": "update", "args": [{"visible": [o == number for o in owner]}]}
        for number, (title, _) in enumerate(shown)
    ]
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.update_layout(
        template="simple_white", height=520, margin={"l": 10, "r": 10, "t": 70, "b": 10},
        legend={"itemsizing": "constant"},
        updatemenus=[{"buttons": buttons, "x": 0, "y": 1.16, "xanchor": "left", "showactive": True}],
    )  # fmt: skip
    return _html(figure, f"umap-{dataset}")


def _add_points(figure: go.Figure, points: np.ndarray, groups: Any, column: int, *, visible: bool) -> int:
    """Add one trace a group, the groups in the order of their names; return how many."""
    values = groups.astype(str).to_numpy()
    names = sorted(set(values))
    for number, name in enumerate(names):
        mine = points[values == name]
        figure.add_scattergl(
            x=mine[:, 0].round(2), y=mine[:, 1].round(2), mode="markers", name=name, visible=visible, hoverinfo="name",
            legendgroup=_UMAP_KEYS[column - 1], legendgrouptitle_text=_UMAP_KEYS[column - 1].replace("_", " "),
            marker={"size": 4, "opacity": 0.75, "color": PALETTE[number % len(PALETTE)]}, row=1, col=column,
        )  # fmt: skip
    return len(names)
