"""What every view of a board shares: its models in order, their marks, tie groups as letters, why a value is missing.

Reads board.json alone and computes no score.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from scarena.board.samples import applicable

Json = dict[str, Any]
# From a model and a metric to the state and reason of a value that is not there.
Absences = Callable[[str, str], tuple[str, str]]

_WORDS = {"not applicable": "n/a", "not available": "not available"}


def headline_of(board: Json) -> str:
    """Return the metric that ranks the models of a board."""
    return str(board.get("headline", "total"))


def headline_title(board: Json) -> str:
    """Return how that metric is called within a sentence."""
    from scarena.metrics.registry import METRICS

    headline = headline_of(board)
    return headline if headline == "total" or headline not in METRICS else METRICS[headline].title


def sign_of(metric: str) -> int:
    """Return what turns a metric so that higher is better."""
    from scarena.metrics.registry import METRICS

    return -1 if metric in METRICS and METRICS[metric].better == "lower" else 1


def overall_of(board: Json) -> dict[tuple[str, str], Json]:
    """Return the overall rows by (model, metric)."""
    return {(row["model"], row["metric"]): row for row in board["overall"]}


def counting(board: Json, metric: str) -> list[str]:
    """Return the datasets that count for a metric, in the board's order."""
    wanted = applicable(board["cells"]).get(metric, set())
    return [entry["dataset"] for entry in board["datasets"] if entry["dataset"] in wanted]


def ranked_models(board: Json, metric: str = "") -> list[Json]:
    """Return the models' cards: those with a rank by a metric, then those without one, controls last.

    The metric is the board's headline where none is named.

    A mean over part of the datasets may lie above all others and say nothing of them, so it does not lead.
    """
    metric = metric or headline_of(board)
    sign = sign_of(metric)
    total = {row["model"]: row for row in board["overall"] if row["metric"] == metric}

    def order(card: Json) -> tuple[bool, bool, float, str]:
        row = total.get(card["name"], {"value": None, "rank_low": None})
        value = float("-inf") if row["value"] is None else sign * row["value"]
        return card["family"] == "control", row["rank_low"] is None, -value, card["name"]

    return sorted(board["models"], key=order)


def of_labels(card: Json) -> str:
    """Return what a model has to do with the types that it is scored on; nothing for one that is told none."""
    if card.get("offers") == "labels":
        return "predicts types"
    return "sees labels" if card.get("uses_labels") else ""


def marks(board: Json) -> dict[str, list[str]]:
    """Return, by model, what a reader of its scores must know: a control, sees labels, submitted, trained on these."""
    trained: dict[str, int] = {}
    for row in board.get("contamination", []):
        if row["state"] in ("cells", "study"):
            trained[row["model"]] = trained.get(row["model"], 0) + 1
    found: dict[str, list[str]] = {}
    for card in board["models"]:
        name = card["name"]
        said = [f"{card['control']} control"] if card.get("control") else []
        # Neither truth nor noise, as the data before integration.
        said += ["control"] if card["family"] == "control" and not said else []
        said += [of_labels(card)] if of_labels(card) else []
        said += ["submitted"] if card.get("submitted") else []
        said += [f"trained on {trained[name]} of these"] if name in trained else []
        found[name] = said
    return found


def has_ranges(board: Json) -> bool:
    """Return whether ranks and tie groups by total come from intervals; else they repeat the order of the values."""
    headline = headline_of(board)
    return any(row["metric"] == headline and row["low"] is not None for row in board.get("differences", []))


def has_order(board: Json, metric: str = "") -> bool:
    """Return whether there is an order of models: one that alone has a value everywhere is first of nobody.

    By the board's headline where no metric is named.
    """
    metric = metric or headline_of(board)
    return sum(row["metric"] == metric and row["rank_low"] is not None for row in board["overall"]) > 1


def rank_text(row: Json | None) -> str:
    """Return a range of ranks; nothing for a model without one."""
    if row is None or row["rank_low"] is None:
        return ""
    return str(row["rank_low"]) if row["rank_low"] == row["rank_high"] else f"{row['rank_low']}–{row['rank_high']}"


def letter(group: int | None) -> str:
    """Return A for tie group 1, Z for 26, AA for 27; nothing for none."""
    text = ""
    while group:
        group, digit = divmod(group - 1, 26)
        text = chr(ord("A") + digit) + text
    return text


def absences(board: Json) -> Absences:
    """Return the function that tells why a model has no value of a metric over all datasets."""
    wanted = applicable(board["cells"])
    runs: dict[str, list[Json]] = {}
    for cell in board["cells"]:
        runs.setdefault(cell["model"], []).append(cell)
    return lambda model, metric: why_missing(runs.get(model, []), metric, wanted.get(metric, ()))


def why_missing(cells: list[Json], metric: str, wanted: Collection[str] | None = None) -> tuple[str, str]:
    """Return the state and reason of the first of some runs that has no value of a metric; two empty texts if none.

    Parameters
    ----------
    cells
        Runs of one model.
    metric
        Its key.
    wanted
        The datasets that count for the metric, if the runs are of several: a run on any other has nothing to do with
        the missing value. Where none counts, what a score says goes before what made another run have no score.
    """
    if wanted:
        cells = [cell for cell in cells if cell["dataset"] in wanted]
    elif wanted is not None:
        cells = sorted(cells, key=lambda cell: metric not in cell["scores"])
    for cell in cells:
        score = cell["scores"].get(metric)
        if score is None and cell["state"] != "ok":
            return cell["state"], cell["reason"]
        if score is not None and score["state"] != "ok":
            return score["state"], score.get("reason", "")
    return "", ""


def word(state: str) -> str:
    """Return how a state without a value is written in a table."""
    return _WORDS.get(state, "failed" if state.startswith("failed") else "–")


def plain(text: object) -> str:
    """Return a text as one line of printable characters, others as their escapes.

    Examples
    --------
    >>> plain("a\\n b\\x1b[2J")
    'a b\\\\x1b[2J'
    """
    line = " ".join(str(text).split())
    return line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
