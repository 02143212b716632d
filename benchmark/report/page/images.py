"""Small pictures that need no script: UMAPs as dots, matrices as shades; transparent PNG files in data URLs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scarena.base.advice import made_again
from scarena.base.untrusted import read_arrays
from scarena.board.ranked import ranked_models
from scarena.report.page.downloads import data_url

Json = dict[str, Any]

# Twenty-four colours that stay apart on white and on black (Okabe-Ito first, then darker and lighter mates).
PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#B8A800", "#7F3C8D", "#117733", "#C0426B",
    "#44AA99", "#AA4499", "#5B4BB7", "#DDAA33", "#66A61E", "#A6761D", "#E7298A", "#1B9E77", "#7570B3", "#808080",
    "#E41A1C", "#377EB8", "#984EA3", "#F781BF",
)  # fmt: skip
# For batches, which are no types: none of these colours is one of a type.
BATCH_PALETTE = (
    "#332288", "#EE7733", "#0099AA", "#CC3311", "#999933", "#882255", "#88CCEE", "#EE3377", "#225522", "#DDCC77",
    "#6699CC", "#666633",
)  # fmt: skip
_SIDE, _DOT = 240, 2
# Dots on a whole page: some two bytes each. A model's picture has no more than 2,000, and no fewer than 400.
_DOTS, _MOST, _FEWEST = 450_000, 2000, 400
_KEYS = ("cell_type", "batch")
_CELLS = "dataset.h5ad"
# A picture's palette has 256 entries, of which one is nothing.
_COLOURS = 255


@dataclass(frozen=True, slots=True)
class Umaps:
    """The UMAPs of one dataset: the same cells of every model.

    Parameters
    ----------
    pictures
        (model's title, data URL by cell type, data URL by batch), in the board's order.
    legends
        (name, colour) of each cell type, and of each batch.
    cells
        Number of cells shown.
    left_out
        Models without a picture for want of room.
    """

    pictures: list[tuple[str, str, str]]
    legends: tuple[list[tuple[str, str]], list[tuple[str, str]]]
    cells: int
    left_out: int


def umaps(board: Json, folder: Path) -> dict[str, Umaps]:
    """Return the UMAPs of every dataset that has some, by name.

    A board that was shared without its cells has coordinates and no types of cells, so no pictures.
    """
    files = {
        entry["dataset"]: path for entry in board["datasets"]
        if entry["state"] == "ok" and (path := folder / entry["dataset"] / "umaps.npz").exists()
        and path.with_name(_CELLS).exists()
    }  # fmt: skip
    shown = {name: _coordinates(board, path) for name, path in files.items()}
    pictures = 2 * sum(len(flat) for _, flat in shown.values())
    cells = min(_MOST, max(_FEWEST, _DOTS // max(1, pictures)))
    models = max(3, _DOTS // (2 * cells * max(1, len(shown))))
    return {
        name: _drawn(names, flat, files[name].with_name(_CELLS), cells, models)
        for name, (names, flat) in shown.items() if flat
    }  # fmt: skip


def _coordinates(board: Json, path: Path) -> tuple[np.ndarray, list[tuple[str, np.ndarray]]]:
    """Return the cells' names, and (title, coordinates) of each model that has some."""
    file = read_arrays(path, "obs_names", fix=made_again(path, "umaps.npz"))
    cards = [card for card in ranked_models(board) if f"xy:{card['name']}" in file]
    return file["obs_names"], [(card["title"], file[f"xy:{card['name']}"]) for card in cards]


def _drawn(names: np.ndarray, flat: list[tuple[str, np.ndarray]], h5ad: Path, cells: int, models: int) -> Umaps:
    from scarena.datasets.prepared import read_cells

    # In an order of their own, so that no type lies on top of all others; the first of it where not all are shown.
    order = np.random.default_rng(0).permutation(len(names))[:cells]
    obs = read_cells(h5ad).loc[names[order]]
    codes, legends = [], []
    for key, palette in zip(_KEYS, (PALETTE, BATCH_PALETTE), strict=True):
        values = obs[key].astype(str).to_numpy()
        kinds, code = np.unique(values, return_inverse=True)
        colours = distinct(palette, min(len(kinds), _COLOURS))
        codes.append((code % _COLOURS, colours))
        legends.append([(str(kind), colours[i % _COLOURS]) for i, kind in enumerate(kinds)])
    pictures = [(title, dots(xy[order], *codes[0]), dots(xy[order], *codes[1])) for title, xy in flat[:models]]
    return Umaps(pictures, (legends[0], legends[1]), len(order), max(0, len(flat) - models))


def distinct(palette: tuple[str, ...], n: int) -> list[str]:
    """Return `n` colours of which no two are equal: a palette's, then its again, off by a level that nobody sees.

    So the script that shows one type alone finds its dots by their colour.
    """

    def shifted(colour: str, round_: int) -> str:
        blue = int(colour[5:], 16)
        return f"{colour[:5]}{blue + round_ if blue < 128 else blue - round_:02X}"

    return [shifted(palette[i % len(palette)], i // len(palette)) for i in range(n)]


def dots(points: np.ndarray, codes: np.ndarray, colours: Sequence[str] = PALETTE) -> str:
    """Return a picture of points [n, 2], each in the colour of its code, as a data URL."""
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (_SIDE - _DOT) / max(float((high - low).max()), 1e-9)
    middle = (_SIDE - _DOT - (high - low) * scale) / 2
    at = ((points - low) * scale + middle).astype(int)
    canvas = np.zeros((_SIDE, _SIDE), np.uint8)
    for down in range(_DOT):
        for right in range(_DOT):
            canvas[_SIDE - 1 - at[:, 1] - down, at[:, 0] + right] = codes + 1
    return png(canvas, ["#000000", *colours])


def shades(matrix: np.ndarray) -> str:
    """Return a picture of a matrix of numbers from 0 (light) to 1 (dark), a pixel an entry; NaN is transparent."""
    known = np.isfinite(matrix)
    steps = np.linspace(0, 1, 64)[:, None]
    colours = (1 - steps) * np.array([236, 242, 250]) + steps * np.array([8, 48, 107])
    level = np.where(known, 1 + np.clip(np.nan_to_num(matrix), 0, 1) * 63, 0).astype(np.uint8)
    return png(level, ["#000000", *("#{:02x}{:02x}{:02x}".format(*map(int, colour)) for colour in colours)])


def png(pixels: np.ndarray, colours: list[str]) -> str:
    """Return a picture [height, width] of palette numbers as a data URL; number 0 is transparent."""
    from PIL import Image

    picture = Image.fromarray(pixels, mode="P")
    picture.putpalette(bytes.fromhex("".join(colour[1:] for colour in colours)))
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True, transparency=0)
    return data_url(file.getvalue(), "image/png")
