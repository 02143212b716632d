"""What a board allows one to say: who beats whom beyond noise.

Says no more than the paired differences do. Reads board.json alone; a board from before they existed gets the weaker
sentences.
"""

from __future__ import annotations

from typing import Any

from scarena.board.complete import few, joined, lacking
from scarena.board.ranked import headline_of, headline_title, sign_of
from scarena.board.uncertainty import TIED

Json = dict[str, Any]

_BASELINES = {"hvg": "HVG", "harmony": "Harmony", "scvi": "scVI"}
_TWIN = "-random"
# How a comparison ended, without and with an interval: the words that come before and after the names.
_WORDS = {
    "beats": ("beats ", " beyond noise"),
    "ties": ("ties with ", ""),
    "below": ("is below ", " beyond noise"),
    "higher": ("scores higher than ", ""),
    "equal": ("scores the same as ", ""),
    "lower": ("scores lower than ", ""),
}


def _ended(board: Json, mine: Json, other: Json) -> tuple[str, str, str]:
    """Return how one total compares with another: the word, the numbers, and what the interval does not cover."""
    pair = mine["model"], other["model"]
    apart = mine["value"] - other["value"]
    for row in board.get("differences", []):
        if row["metric"] != headline_of(board) or {row["model_a"], row["model_b"]} != set(pair) or row["low"] is None:
            continue
        turned = row["model_a"] != pair[0]
        low, high = (-row["high"], -row["low"]) if turned else (row["low"], row["high"])
        word = "beats" if low > TIED else "below" if high < -TIED else "ties"
        limits = "intervals cover seeds alone, not cells" if row["interval"] == "seeds" else ""
        return word, f"{apart:+.3f}, 95 % {low:+.3f} to {high:+.3f}", limits
    word = "equal" if abs(apart) <= TIED else "higher" if apart > 0 else "lower"
    return word, f"{apart:+.3f}", "no interval of the difference, so whether that is beyond noise is not known"


def compared(board: Json, mine: Json, others: list[Json], title: dict[str, str]) -> str:
    """Return how one total compares with others: a clause for each way it ended, the best first."""
    found = [(title[other["model"]], *_ended(board, mine, other)) for other in others]
    clauses = []
    for word, (before, after) in _WORDS.items():
        names = [f"{name} ({numbers})" for name, ended, numbers, _ in found if ended == word]
        if names:
            clauses.append(before + joined(names) + after)
    limits = sorted({limit for *_, limit in found if limit})
    return "; ".join(clauses) + (f" ({'; '.join(limits)})" if limits else "")


def _twin(name: str) -> str:
    """Return the name of a model's untrained twin, of a board's own checkpoint too: MODEL-random@PRETRAINING."""
    model, at, pretraining = name.partition("@")
    return f"{model}{_TWIN}{at}{pretraining}"


def _baselines(board: Json, total: dict[str, Json]) -> list[str]:
    """Return the names of what foundation models are compared with."""
    of_board = {card["name"]: card for card in board["models"]}
    if set(_BASELINES) & set(of_board) or headline_of(board) == "total":
        return list(_BASELINES)
    found = [name for name in total if of_board[name]["family"] == "baseline"]
    sign = sign_of(headline_of(board))
    return sorted(found, key=lambda name: (-sign * total[name]["value"], name))[:1]


def verdicts(board: Json) -> list[str]:
    """Return what can be said of each foundation model's total: against the baselines, then against its random twin.

    The baselines are HVG, Harmony and scVI; on a board of genes, which has none of them, its best one.
    """
    headline, named = headline_of(board), headline_title(board)
    total = {row["model"]: row for row in board["overall"] if row["metric"] == headline and row["coverage"] == 1}
    title = _BASELINES | {card["name"]: card["title"] for card in board["models"]}
    asked = _baselines(board, total)
    known = [total[name] for name in asked if name in total]
    unknown = [title[name] for name in asked if name not in total]
    missing, nobody = lacking(board), " or ".join(title[name] for name in asked) or "baseline"
    sentences = []
    for card in board["models"]:
        mine, twin = total.get(card["name"]), total.get(_twin(card["name"]))
        if card["family"] != "foundation":
            continue
        if mine is None or not known:
            where = few(missing.get(card["name"], [])) or "every dataset"
            what = f"it has no {named} on {where}" if mine is None else f"no {nobody} has a {named} on every dataset"
            sentences.append(f"{card['title']}: no verdict, since {what}.")
            continue
        said = f"{card['title']} (mean {named} {mine['value']:.3f}) {compared(board, mine, known, title)}."
        sentences.append(said + (f" Not compared with {joined(unknown)}: no {named}." if unknown else ""))
        if twin is not None:
            sentences.append(f"What pretraining adds: {card['title']} {compared(board, mine, [twin], title)}.")
    return sentences
