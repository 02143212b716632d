"""One board of several finished ones, joined by the names of datasets, models and runs. Reads and writes no file.

What two boards both have must be the same thing: a dataset of one name with other files is refused, and so is a model
of one name with other code or a run with other values, unless the first board goes. Means, ranks, ties and control
checks are computed anew, by the functions that make every board.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scarena.board.make import SCHEMA, TOTAL, compared, contamination
from scarena.board.merging.provenance import provenance, title_of
from scarena.board.merging.union import (
    ABSENT,
    Part,
    check_metrics,
    chosen,
    union_of_datasets,
    union_of_models,
    union_of_runs,
)
from scarena.board.ranked import headline_of
from scarena.board.samples import Replicates
from scarena.tasks.mistakes import Run

Json = dict[str, Any]

_NOWHERE = "on none of the merged boards"


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged board, and from which of the parts each dataset and run was taken, by number.

    Parameters
    ----------
    board
        As in board.json.
    datasets, runs
        The number of the part.
    left_out
        What the first board was preferred to, a line each.
    replicated
        By part, the runs taken from it that ended well, and how many of these have replicates.
    replicates
        By run, as far as they are at hand.
    """

    board: Json
    datasets: dict[str, int]
    runs: dict[Run, int]
    left_out: list[str]
    replicated: list[tuple[int, int]]
    replicates: dict[Run, Replicates]


def merge(parts: Sequence[Part], name: str, *, prefer_first: bool = False) -> Merged:
    """Return the union of boards.

    A model that has no run on a dataset has a cell there that is not available, and so no full coverage. Where runs
    have no replicates at hand, what they count for has no interval.

    Raises
    ------
    DataError
        If two parts have different things of one name, or a metric is not known here.
    """
    check_metrics(parts)
    datasets = union_of_datasets(parts)
    models, left_out = union_of_models(parts, prefer_first=prefer_first)
    found = union_of_runs(parts, datasets, {who for who, _ in left_out})
    lines = [line for _, line in left_out]
    first: dict[str, int] = {}
    for cell in (cell for part in parts for cell in part.board["cells"]):
        first[cell["model"]] = min(cell["seed"], first.get(cell["model"], cell["seed"]))
    taken: dict[Run, tuple[int, Json]] = {}
    cells: list[Json] = []
    for dataset, model in ((dataset, model) for dataset in datasets for model in models):
        for seed, runs in sorted(found[dataset, model].items()):
            number, cell, left = chosen(parts, runs, prefer_first=prefer_first)
            taken[dataset, model, seed] = number, cell
            lines += left
            cells.append(cell)
        if not found[dataset, model]:
            who = {"dataset": dataset, "model": model, "seed": first[model]}
            cells.append({**who, "state": ABSENT, "reason": _NOWHERE, "scores": {}})
    ended = {key: (number, cell) for key, (number, cell) in taken.items() if cell["state"] == "ok"}
    replicates = {key: parts[number].replicates(cell) for key, (number, cell) in ended.items()}
    mine = [[key for key, (n, _) in ended.items() if n == number] for number in range(len(parts))]
    counts = [(len(keys), sum(bool(replicates[key]) for key in keys)) for keys in mine]
    entries = [parts[number].board["datasets"][place] for number, place in datasets.values()]
    board = _board(parts, name, entries, list(models.values()), cells, replicates, counts)
    sources = {dataset: number for dataset, (number, _) in datasets.items()}
    board["timings"] = _timings(parts, taken, sources)
    return Merged(board, sources, {key: number for key, (number, _) in taken.items()}, lines, counts, replicates)


def _board(
    parts: Sequence[Part], name: str, datasets: list[Json], cards: list[Json], cells: list[Json],
    replicates: Mapping[Run, Replicates], counts: Sequence[tuple[int, int]],
) -> Json:  # fmt: skip
    origins = [(part.board, part.sha256) for part in parts]
    asked = {headline_of(part.board) for part in parts}
    # Boards that rank by different metrics are ranked by the total.
    headline = asked.pop() if len(asked) == 1 else TOTAL
    scaled = any(part.board.get("control_scaled") for part in parts)
    return {
        "schema": SCHEMA,
        "board": name,
        "title": title_of(origins),
        **({} if headline == TOTAL else {"headline": headline}),
        "datasets": datasets,
        "models": cards,
        "contamination": contamination(cards, datasets),
        "cells": cells,
        **compared(cells, cards, replicates, scaled=scaled, headline=headline),
        "provenance": provenance(origins, counts),
    }


def _timings(parts: Sequence[Part], taken: dict[Run, tuple[int, Json]], datasets: dict[str, int]) -> list[Json]:
    """Return what the runs cost that were taken, and the preparing of the datasets, from the boards they are of."""
    rows = []
    for number, part in enumerate(parts):
        for row in part.board["timings"]:
            key = row["dataset"], row["model"], row.get("seed")
            source = datasets.get(row["dataset"]) if row["model"] is None else taken.get(key, (None,))[0]
            if source == number:
                rows.append(row)
    return rows
