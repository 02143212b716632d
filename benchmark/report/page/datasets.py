"""What the page shows of each dataset: its scores, pictures, mistakes, sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scarena.board.costs import measured_seconds
from scarena.board.ranked import ranked_models
from scarena.report.page.columns import shown_metrics
from scarena.report.page.gate import dataset_marks
from scarena.report.page.graphs import graph_of
from scarena.report.page.images import umaps
from scarena.report.page.responses import responses_of
from scarena.report.page.scores import Scores
from scarena.report.page.sentences import of_dataset
from scarena.report.page.tables import dataset_table, grouped
from scarena.report.page.types import types_of

Json = dict[str, Any]
_FARTHEST = 4


def dataset_parts(board: Json, folder: Path, scores: Scores, every: tuple[str, ...]) -> list[Json]:
    """Return one part a dataset, with a table of `every` metric where some are asked for."""
    pictures, seconds, shown = umaps(board, folder), measured_seconds(board), shown_metrics(board)
    return [
        {
            "name": (name := entry["dataset"]), "card": _card(entry), "state": entry["state"],
            "reason": entry["reason"], "summary": entry.get("summary"), "size": _size(entry), "files": _files(entry),
            "sentence": of_dataset(board, name, scores, seconds), "rows": _rows(board, name, scores, shown),
            "every": _rows(board, name, scores, every) if every else [], "umaps": pictures.get(name),
            "marks": dataset_marks(board, name),
            "mistakes": mistakes_of(board, name), "graph": graph_of(board, folder, name, scores),
            "types": types_of(board, folder, name), "responses": responses_of(board, folder, name),
        }
        for entry in board["datasets"]
    ]  # fmt: skip


def _card(entry: Json) -> Json:
    """Return a dataset's card with what a reader is told of it, where it is told."""
    defaults = {"tissue": "", "assay": "", "description": "", "notes": "", "citation": "", "study": [], "files": []}
    return {**defaults, **entry["card"]}


def _size(entry: Json) -> Json:
    """Return how large a dataset is: what it has of cells, or else of genes, batches and cell types, as text."""
    told = entry.get("summary")
    if not told:
        return {"of": "–", "batches": "–", "types": "–"}
    if entry["card"].get("kind", "cells") == "genes":
        return {"of": f"{told['n_genes']:,} genes", "batches": "–", "types": "–"}
    scored = f" ({told['n_scored']} scored)" if "n_scored" in told else ""
    sizes = [str(len(told[key])) if told[key] else "–" for key in ("batches", "types")]
    return {"of": f"{told['n_cells']}{scored}", "batches": sizes[0], "types": sizes[1]}


def _files(entry: Json) -> list[Json]:
    """Return the files that a dataset was made of: what the card names, with the checksum of what was read."""
    told = {file["key"]: file["url"] for file in entry["card"].get("files", [])}
    read = entry["sources"]
    keys = [*told, *(key for key in read if key not in told)]
    return [{"key": key, "url": told.get(key, ""), "sha256": read.get(key, "not read")} for key in keys]


def _rows(board: Json, dataset: str, scores: Scores, metrics: tuple[str, ...]) -> list[Json]:
    return grouped(dataset_table(board, dataset, scores, metrics))


def mistakes_of(board: Json, dataset: str) -> Json | None:
    """Return how many cells each model calls right, and how far off its mistakes are; None where nobody knows.

    Of several seeds the first stands here.
    """
    told: dict[str, Json] = {}
    for cell in board["cells"]:
        if cell["dataset"] == dataset and cell.get("mistakes"):
            told.setdefault(cell["model"], cell["mistakes"])
    if not told:
        return None
    rows = [
        {"title": card["title"], "n_cells": told[card["name"]]["n_cells"], **_shares(told[card["name"]])}
        for card in ranked_models(board) if card["name"] in told
    ]  # fmt: skip
    near = ["Wrong, 0–1 ontology steps off", *(f"{d} steps off" for d in range(2, _FARTHEST))]
    return {"columns": [*near, f"{_FARTHEST} or more steps off", "without a term"], "rows": rows}


def _shares(told: Json) -> Json:
    n_cells = max(1, told["n_cells"])
    counts = [0] * (_FARTHEST + 1)
    for distance, count in told["by_distance"]:
        counts[-1 if distance is None else min(max(int(distance), 1), _FARTHEST) - 1] += count
    confused = "; ".join(f"{true} called {other} ({count})" for true, other, count, _ in told["confused"][:3])
    return {
        "shares": [(told["n_cells"] - told["n_wrong"]) / n_cells, *(n / n_cells for n in counts)],
        "confused": confused,
    }
