"""How well label transfer names each cell type: recall and F1 of each model, and its confusion matrix in cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scarena.board.ranked import ranked_models
from scarena.board.seeds import first_seeds
from scarena.report.page.tables import number
from scarena.tasks.details import read_details

Json = dict[str, Any]
# Entries of all confusion matrices of a page, and models with recalls on it: some ten bytes each.
_ENTRIES, _MODELS = 40_000, 400


def types_of(board: Json, folder: Path, dataset: str) -> Json | None:
    """Return recall and F1 of each type, and the confusion matrices that there is room for; None where no run has any.

    Of several seeds the first. A type that no cell has, or that is never called, has no recall, or an F1 of 0.
    """
    n_datasets = max(1, len(board["datasets"]))
    found = _confusions(board, folder / dataset)[: max(3, _MODELS // n_datasets)]
    if not found:
        return None
    types = sorted({name for _, names, _ in found for name in names})
    scored = [dict(zip(names, zip(*of_types(matrix), strict=True), strict=True)) for _, names, matrix in found]
    # Of the first model that knows a type.
    cells = {
        name: n
        for _, names, matrix in reversed(found)
        for name, n in zip(names, matrix.sum(axis=1).tolist(), strict=True)
    }
    room = max(1, _ENTRIES // n_datasets // max(1, len(types) ** 2))
    return {
        "titles": [title for title, _, _ in found],
        "rows": [
            {"name": name, "cells": cells[name], "scores": [_texts(each.get(name)) for each in scored]}
            for name in types
        ],
        "matrices": [
            {"title": title, "types": names, "rows": list(zip(names, matrix.tolist(), strict=True))}
            for title, names, matrix in found[:room]
        ],
        "left_out": max(0, len(found) - room),
    }  # fmt: skip


def of_types(confusion: NDArray[np.int64]) -> tuple[list[float], list[float]]:
    """Return recall and F1 of each type, both in [0, 1], higher is better; NaN of a type that no cell has.

    Parameters
    ----------
    confusion
        Cells of each true type (row) by predicted type (column), ``[n_types, n_types]``.
    """
    right, true, called = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    known = true > 0
    recall = np.where(known, right / np.maximum(true, 1), np.nan)
    f1 = np.where(known, 2 * right / np.maximum(true + called, 1), np.nan)
    return recall.tolist(), f1.tolist()


def _confusions(board: Json, place: Path) -> list[tuple[str, tuple[str, ...], NDArray[np.int64]]]:
    """Return (title, types, confusion) of each model whose first run kept one, in the board's order."""
    seed, found = first_seeds(board), []
    for card in ranked_models(board):
        details = read_details(place / card["name"] / str(seed[card["name"]]) / "details.npz")
        if details is not None and details.confusion is not None:
            found.append((card["title"], details.types, details.confusion))
    return found


def _texts(scores: tuple[float, float] | None) -> list[tuple[str, str, str]]:
    """Return (text, what it sorts by, shade) of a recall and an F1."""
    values = scores or (float("nan"), float("nan"))
    return [
        (number(value), repr(value), f"h{int(value * 9.99)}") if np.isfinite(value) else ("–", "", "")
        for value in values
    ]
