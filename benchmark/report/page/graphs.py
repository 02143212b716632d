"""Distances between cell types as matrices, the references first, then each model's embedding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from scarena.board.ranked import ranked_models
from scarena.board.seeds import first_seeds
from scarena.report.page.images import shades
from scarena.report.page.scores import Scores
from scarena.report.page.tables import number
from scarena.tasks.details import TypeGraph, read_details, type_graph

Json = dict[str, Any]
# Pictures on a whole page, of some 2 kB each.
_MOST = 400


def graph_of(board: Json, folder: Path, dataset: str, scores: Scores) -> Json | None:
    """Return the pictures of one dataset's types; None where no run kept its distances. Of several seeds the first."""
    reference = folder / dataset / "reference.npz"
    cards = [card for card in ranked_models(board) if card["family"] != "control"]
    found: list[tuple[Json, TypeGraph]] = []
    seed = first_seeds(board)
    for card in cards[: max(3, _MOST // max(1, len(board["datasets"])))]:
        run = folder / dataset / card["name"] / str(seed[card["name"]])
        details = read_details(run / "details.npz")
        graph = type_graph(details, reference) if details is not None and reference.exists() else None
        found += [(card, graph)] if graph is not None else []
    if not found:
        return None
    first = found[0][1]
    pictures = [("Before integration, within batches", shades(first.consensus), "")]
    if np.isfinite(first.ontology).any():
        pictures.append(("In the Cell Ontology", shades(_scaled(first.ontology)), ""))
    for card, graph in found:
        score = scores.get((dataset, card["name"], "scgraph_rank"))
        note = "" if score is None or score.value is None else f"scGraph {number(score.value)}"
        pictures.append((card["title"], shades(graph.embedding), note))
    return {"types": list(first.types), "pictures": pictures}


def _scaled(distances: np.ndarray) -> np.ndarray:
    """Return distances with each column divided by its largest, as those of embeddings are."""
    largest = np.nanmax(distances, axis=0, initial=0.0)
    return np.asarray(distances / np.where(largest > 0, largest, np.nan))
