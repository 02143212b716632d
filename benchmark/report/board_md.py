"""board.md: a board's ranking and what may be said of it, short enough for a README.

The same board gives the same bytes. Names come from cards that others wrote, so markup in them is text.
"""

from __future__ import annotations

import re
from typing import Any

from scarena.base.counted import counted
from scarena.board.costs import UNKNOWN, Cost, costs_of
from scarena.board.gate import gated, shown_only
from scarena.board.kept import SHOWN_FIRST
from scarena.board.published import is_published, shown_columns
from scarena.board.ranked import (
    absences,
    counting,
    has_order,
    has_ranges,
    headline_of,
    headline_title,
    letter,
    marks,
    overall_of,
    plain,
    rank_text,
    ranked_models,
    word,
)
from scarena.board.seeds import and_seeds, seeds_told
from scarena.report.rule import rule_of_ranks
from scarena.report.units import drawn, kinds

Json = dict[str, Any]

# The page and board.csv have the rest: a README is read from its beginning.
MOST_MODELS, MOST_SENTENCES = 50, 40
_COSTS = ("Seconds a run", "Start-up s", "Cells / s")
_MARKUP = re.compile(r"([\\`*_\[\]|~$#])")
_LIST = re.compile(r"^([-+=]|\d+(?=[.)]))")


def escaped(text: object) -> str:
    """Return a text that Markdown shows as it is, also in a cell of a table.

    Examples
    --------
    >>> escaped("<b>|`x`")
    '&lt;b&gt;\\\\|\\\\`x\\\\`'
    """
    line = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _MARKUP.sub(r"\\\1", line)
    return _LIST.sub(lambda found: f"\\{found[1]}" if not found[1].isdigit() else f"{found[1]}\\", line)


def board_md(board: Json) -> str:
    """Return the summary: title, verdicts, the ranking with intervals, and how to read it; at most 120 lines."""
    board = gated(board)
    cards, metrics = ranked_models(board), metrics_of(board)
    lines = [f"# {escaped(board['title'])}", "", _sizes(board, metrics), ""]
    lines += [*_said(board), "", *_table(board, cards[:MOST_MODELS], metrics), ""]
    if len(cards) > MOST_MODELS:
        lines += [f"{len(cards) - MOST_MODELS} more models are in board.csv.", ""]
    return "\n".join([*lines, _legend(board, metrics)]) + "\n"


def metrics_of(board: Json) -> tuple[str, ...]:
    """Return the columns: the fixed ones with the board's headline, or the headlines where integration is not asked."""
    from scarena.metrics.registry import METRICS as KNOWN
    from scarena.report.page.tasks_table import columns, tasks_of

    if published := shown_columns(board):
        return published
    headline = headline_of(board)
    found = SHOWN_FIRST if "integration" in tasks_of(board) else tuple(column.metric for column in columns(board))
    first = (headline,) if headline in KNOWN and headline not in found else ()
    return (*first, *found) or SHOWN_FIRST


def _sizes(board: Json, metrics: tuple[str, ...]) -> str:
    n_controls = sum(card["family"] == "control" for card in board["models"])
    found = (
        counted(len(board["datasets"]), "dataset"),
        counted(len(board["models"]) - n_controls, "model"),
        counted(n_controls, "control"),
        seeds_told(board),
    )
    return f"{', '.join(found)}.{' Total = 0.6 bio + 0.4 batch.' if 'total' in metrics else ''}"


def sentences(board: Json) -> list[str]:
    """Return what may be said of a board: who leads, then each foundation model against the baselines."""
    from scarena.board.verdicts import verdicts
    from scarena.report.page.sentences import lead

    found = [*lead(board), *verdicts(board)]
    more = len(found) - MOST_SENTENCES
    return found[:MOST_SENTENCES] + ([f"{more} more are on the page."] if more > 0 else [])


def _said(board: Json) -> list[str]:
    return [f"- {escaped(sentence)}" for sentence in sentences(board)]


def _table(board: Json, cards: list[Json], metrics: tuple[str, ...]) -> list[str]:
    from scarena.metrics.registry import METRICS as KNOWN

    arrow = {"higher": " ↑", "lower": " ↓", "none": ""}
    heads = ["Model", "Rank", *(KNOWN[key].title + arrow[KNOWN[key].better] for key in metrics)]
    heads += ["Datasets", *_costs(board)]
    found = overall_of(board)
    said, costs, n_datasets = marks(board), costs_of(board), len(counting(board, headline_of(board)))
    lines = [f"| {' | '.join(heads)} |", f"|---|---|{'--:|' * (len(heads) - 2)}"]
    lettered, ordered, why = has_ranges(board), has_order(board), absences(board)
    for card in cards:
        name = card["name"]
        total = found.get((name, headline_of(board)))
        who = escaped(card["title"]) + (f" ({', '.join(said[name])})" if said[name] else "")
        values = [_value(found.get((name, metric)), why(name, metric)[0]) for metric in metrics]
        rank, datasets = _rank(total if ordered else None, lettered=lettered), _coverage(total, n_datasets)
        spent = _cost(costs.get(name, UNKNOWN))[: len(_costs(board))]
        lines.append(f"| {' | '.join([who, rank, *values, datasets, *spent])} |")
    return lines


def _costs(board: Json) -> tuple[str, ...]:
    """Return the heads of the costs; of published runs the seconds alone can be had."""
    if is_published(board):
        return _COSTS[:1] if board["timings"] else ()
    return _COSTS if "cells" in kinds(board) else _COSTS[:2]


def _cost(cost: Cost) -> list[str]:
    """Return measured seconds of a run, what of them was start-up, and the speed apart from it."""
    told = [
        (cost.seconds, ".1f", "\\*" if cost.partly else ""),
        (cost.startup_s, ".1f", ""),
        (cost.cells_per_s, ",.0f", ""),
    ]
    return ["–" if value is None else f"{value:{form}}{flag}" for value, form, flag in told]


def _rank(row: Json | None, *, lettered: bool) -> str:
    if row is None or row["rank_low"] is None:
        return "–"
    return f"{rank_text(row)} {letter(row['tie_group'])}" if lettered else rank_text(row)


def _value(row: Json | None, state: str) -> str:
    if row is None or row["value"] is None:
        return word(state)
    text = f"{row['value']:z.3f}" + ("\\*" if row["coverage"] < 1 else "")
    return text if row["low"] is None else f"{text} <sub>{row['low']:z.3f} to {row['high']:z.3f}</sub>"


def _coverage(row: Json | None, n_datasets: int) -> str:
    return "–" if row is None else f"{round(row['coverage'] * n_datasets)}/{n_datasets}"


def _gated(board: Json, metrics: tuple[str, ...]) -> list[str]:
    from scarena.metrics.registry import METRICS as KNOWN

    out = [KNOWN[key].title for key in metrics if key in shown_only(board)]
    why = "on most datasets the metric does not tell the truth from noise, or no model is clear of noise"
    return [f"Shown, not ranked: {', '.join(out)} ({why})."] if out else []


def _legend(board: Json, metrics: tuple[str, ...]) -> str:
    named, ranges = headline_title(board), rule_of_ranks(board)
    if is_published(board):
        return _published_legend(board, metrics, ranges)
    over = f"{drawn(board)}{and_seeds(board)}"
    told = [ranges, f"Small: the 95 % interval ({over}). \\*: a mean over part of the datasets, not ranked."]
    told += [f"Datasets: those with a {named} of those that count for it. ↑ higher is better, ↓ lower is better."]
    told += _gated(board, metrics)
    speed = "; cells / s: start-up apart" if len(_costs(board)) == len(_COSTS) else ""
    told.append(
        f"Seconds a run: wall time, mean over the datasets; start-up: what of it was not embedding, median{speed}."
    )
    if merged := board["provenance"].get("merged"):
        told.append(
            f"Merged from {counted(len(merged), 'board')}: {', '.join(escaped(each['board']) for each in merged)}."
        )
    return " ".join([*told, "board.csv has every score with its state and reason."])


def _published_legend(board: Json, metrics: tuple[str, ...], ranges: str) -> str:
    told, named = board["provenance"], headline_title(board)
    found = [ranges, "\\*: a mean over part of the datasets, not ranked."]
    found += [f"Datasets: those with a {named} of those that count for it. ↑ higher is better, ↓ lower is better."]
    found += _gated(board, metrics)
    found += ["Seconds a run: wall time as published, mean over the datasets."] if board["timings"] else []
    found += [f"Licence of the numbers: {escaped(told['licence'])}. Version: {escaped(told['version'])}."]
    found += [f"To cite: {escaped(told['citation'])}. Source: {escaped(told['source'])}."]
    return " ".join([*found, "board.csv has every score with its state and reason."])
