"""What several boards have together, by name: datasets, models, runs; and what of it does not fit together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scarena.base.errors import DataError
from scarena.board.make import who
from scarena.board.published import refuse_published
from scarena.board.ranked import headline_of
from scarena.board.samples import Replicates
from scarena.board.tolerance import PRINTED, allowed, beyond

Json = dict[str, Any]

ABSENT = "not available"
_FIX = "leave one of them out, or give --prefer first"
# Two boards whose dataset differs in one of these have other cells, or drew others: nothing of them can be paired.
_SHARED = ("n_cells", "n_scored", "batches", "types")


@dataclass(frozen=True, slots=True)
class Part:
    """A board to be merged.

    Parameters
    ----------
    board
        As in board.json.
    where
        What it is called in errors.
    sha256
        Of its board.json.
    replicates
        From a cell to the replicates of its run, none where they are not at hand.
    """

    board: Json
    where: str
    sha256: str
    replicates: Callable[[Json], Replicates]


def check_metrics(parts: Sequence[Part]) -> None:
    """Refuse a board that others measured, and a metric not known here: which side of it is better would be guessed."""
    from scarena.metrics.registry import METRICS

    for part in parts:
        refuse_published(part.board, part.where, "merged with other boards")
        keys = {key for cell in part.board["cells"] for key in cell["scores"]}
        if unknown := sorted(keys - METRICS.keys()):
            fix = "install the package it comes from, or make the board again"
            raise DataError(f"no metric {unknown[0]!r} is known here", where=part.where, fix=fix)


def union_of_datasets(parts: Sequence[Part]) -> dict[str, tuple[int, int]]:
    """Return, by dataset, the part it is taken from and its place there: the first that could prepare it."""
    found: dict[str, tuple[int, int]] = {}
    for number, part in enumerate(parts):
        for place, entry in enumerate(part.board["datasets"]):
            name = entry["dataset"]
            if name not in found:
                found[name] = number, place
                continue
            first = parts[found[name][0]]
            known = first.board["datasets"][found[name][1]]
            if known["state"] != "ok" and entry["state"] == "ok":
                found[name] = number, place
            elif entry["state"] == "ok" and (what := _unlike(known, entry)):
                where = f"dataset {name}: {first.where} and {part.where}"
                raise DataError(f"{what} differ", where=where, fix="leave one of them out, or rename the dataset")
    return found


def _unlike(known: Json, entry: Json) -> str:
    if known["sources"] != entry["sources"]:
        return "the checksums of its files"
    first, second = (each.get("summary") or {} for each in (known, entry))
    return next((key for key in _SHARED if first.get(key) != second.get(key)), "")


def union_of_models(
    parts: Sequence[Part], *, prefer_first: bool
) -> tuple[dict[str, Json], list[tuple[tuple[int, str], str]]]:
    """Return the cards by name, and which models of which parts are other models of the same name."""
    found: dict[str, tuple[Part, Json]] = {}
    left_out = []
    for number, part in enumerate(parts):
        for card in part.board["models"]:
            first, known = found.setdefault(card["name"], (part, card))
            if known["fingerprint"] == card["fingerprint"]:
                continue
            where = f"model {card['name']}: {first.where} and {part.where}"
            if not prefer_first:
                raise DataError("code or card differ", where=where, fix=_FIX)
            left_out.append(((number, card["name"]), f"{where}: code or card differ; the first was taken"))
    return {name: card for name, (_, card) in found.items()}, left_out


def union_of_runs(
    parts: Sequence[Part], datasets: Mapping[str, tuple[int, int]], left_out: Collection[tuple[int, str]]
) -> dict[tuple[str, str], dict[int, list[tuple[int, Json]]]]:
    """Return the runs by dataset and model, then by seed, each with its part's number.

    One that could not be had gives way to any that could, of whatever seed: a machine without R says so for all. So
    does one on a dataset that its own part could not prepare and another could.
    """
    every: dict[tuple[str, str], list[tuple[int, Json]]] = defaultdict(list)
    for number, part in enumerate(parts):
        state = {entry["dataset"]: entry["state"] for entry in part.board["datasets"]}
        for cell in part.board["cells"]:
            source, place = datasets[cell["dataset"]]
            prepared = parts[source].board["datasets"][place]["state"] == "ok"
            lost = prepared and state[cell["dataset"]] != "ok"
            if (number, cell["model"]) not in left_out and not lost:
                every[cell["dataset"], cell["model"]].append((number, cell))
    found: dict[tuple[str, str], dict[int, list[tuple[int, Json]]]] = defaultdict(dict)
    for key, runs in every.items():
        had = [run for run in runs if run[1]["state"] != ABSENT]
        for run in had or [run for run in runs if run[0] == runs[0][0]]:
            found[key].setdefault(run[1]["seed"], []).append(run)
    return found


def chosen(parts: Sequence[Part], runs: list[tuple[int, Json]], *, prefer_first: bool) -> tuple[int, Json, list[str]]:
    """Return the run to take of several of one name: the first, or one like it that has replicates at hand.

    Like it is one whose headline differs by no more than noise (`scarena.board.tolerance`): no rank depends beyond
    noise on which of them is taken. In how many other scores they differ by more is said.
    """
    number, cell = runs[0]
    headlines = {headline_of(parts[each].board) for each, _ in runs}
    same, lines = [runs[0]], []
    for other, again in runs[1:]:
        where = f"run {who(cell)}: {parts[number].where} and {parts[other].where}"
        what = unlike(cell, again, headlines)
        if what and not prefer_first:
            raise DataError(what, where=where, fix=_FIX)
        if what:
            lines.append(f"{where}: {what}; the first was taken")
            continue
        same.append((other, again))
        if moved := _moved(cell, again):
            ranked = [key for key in sorted(headlines) if cell["scores"].get(key, {}).get("value") is not None]
            less = f"its {' and '.join(ranked)} by less" if ranked else "of which none ranks it"
            lines.append(f"{where}: {moved}, {less}; taken for the same")
    best = next(((n, c) for n, c in same if c["state"] == "ok" and parts[n].replicates(c)), same[0])
    return *best, lines


def unlike(cell: Json, again: Json, headlines: set[str]) -> str:
    """Return why two runs of one name are not the same within noise; nothing if they are.

    Parameters
    ----------
    cell, again
        Cells of two boards.
    headlines
        Metrics by which these rank.
    """
    if cell["state"] != again["state"]:
        return unequal(cell, again)
    scores, others = cell["scores"], again["scores"]
    if other := _differing(scores, others, _state):
        return _counted(other, scores, others)
    for metric in sorted(scores.keys() & headlines):
        was, now = scores[metric], others[metric]
        if was["value"] is None or now["value"] is None or beyond(was, now) is False:
            continue
        most = allowed(was, now)
        limit = f"more than the {most:.4f} that its intervals allow" if most else "and has no interval to allow that"
        return f"its {metric} differs by {abs(was['value'] - now['value']):.4f}, {limit}"
    return ""


def _moved(cell: Json, again: Json) -> str:
    """Return in how many scores two runs differ by more than noise, and in which most; nothing if in none."""
    scores, others = cell["scores"], again["scores"]
    valued = [key for key, score in scores.items() if score["value"] is not None]
    moved = [key for key in valued if beyond(scores[key], others[key]) is not False]
    if not moved:
        return ""

    def too_far(key: str) -> float:
        was, now = scores[key], others[key]
        return abs(was["value"] - now["value"]) / (allowed(was, now) or PRINTED)

    worst = max(moved, key=too_far)
    values = " and ".join(f"{side[worst]['value']:.4f}" for side in (scores, others))
    return f"{len(moved)} of {len(scores)} scores differ beyond their intervals, {worst} most ({values})"


def unequal(cell: Json, again: Json) -> str:
    """Return what two runs of one name differ in; nothing if they are the same. Intervals may be missing in one."""
    if cell["state"] != again["state"]:
        return f"their states differ: {cell['state']} and {again['state']}"
    scores, others = cell["scores"], again["scores"]
    return _counted(_differing(scores, others, _result), scores, others)


def _differing(scores: Json, others: Json, of: Callable[[Json | None], Any]) -> list[str]:
    return [key for key in sorted({*scores, *others}) if of(scores.get(key)) != of(others.get(key))]


def _counted(names: list[str], scores: Json, others: Json) -> str:
    return f"{len(names)} of {len({*scores, *others})} scores differ, {names[0]} among them" if names else ""


def _result(score: Json | None) -> tuple[str, float | None]:
    return ("absent", None) if score is None else (score["state"], score["value"])


def _state(score: Json | None) -> str:
    return _result(score)[0]
