"""The sentences at the top of the page and of each dataset: generated, and no stronger than the intervals."""

from __future__ import annotations

from typing import Any

from scarena.board.ranked import counting, has_ranges, headline_of, headline_title
from scarena.board.verdicts import compared, joined
from scarena.report.page.cost import UNKNOWN, Cost
from scarena.report.page.models import apart
from scarena.report.page.scores import Score, Scores, is_twin
from scarena.report.page.tables import use_of

Json = dict[str, Any]
_BASELINE = "baseline"


def lead(board: Json) -> list[str]:
    """Return who leads, which model is best zero-shot, and whether any foundation model beats the baselines."""
    rows = _ranked(board)
    if not rows:
        return [f"No model has a {headline_title(board)} on every dataset that counts, so none is ranked."]
    return [_leaders(board, rows), *_zero_shot(board, rows), *_best_baseline(board, rows)]


def _ranked(board: Json) -> list[tuple[Json, Json]]:
    """Return (card, total) of the ranked models, best first."""
    headline = headline_of(board)
    total = {row["model"]: row for row in board["overall"] if row["metric"] == headline and row["rank_low"] is not None}
    rows = [(card, total[card["name"]]) for card in board["models"] if card["name"] in total]
    return sorted(rows, key=lambda pair: (-pair[1]["value"], pair[0]["name"]))


def _leaders(board: Json, rows: list[tuple[Json, Json]]) -> str:
    n, of = len(counting(board, headline_of(board))), len(board["datasets"])
    over = f"over {n} of {of} datasets" if n < of else f"over {of} dataset{'s' if of > 1 else ''}"
    best, named = rows[0][1]["value"], headline_title(board)
    if not has_ranges(board):
        return f"{rows[0][0]['title']} scores highest (mean {named} {best:.3f} {over}); this board has no intervals."
    tied = [(card, row) for card, row in rows if row["tie_group"] == rows[0][1]["tie_group"]]
    names = joined([card["title"] + (" (sees labels)" if card["uses_labels"] else "") for card, _ in tied])
    if len(tied) == 1:
        return f"{names} leads beyond noise (mean {named} {best:.3f} {over})."
    return f"{names} tie for the lead (mean {named}s {tied[-1][1]['value']:.3f} to {best:.3f} {over})."


def _zero_shot(board: Json, rows: list[tuple[Json, Json]]) -> list[str]:
    """Return the best foundation model of those that were not adapted, against HVG, Harmony and scVI."""
    found = [pair for pair in rows if use_of(pair[0]) == "zero-shot" and not is_twin(pair[0])]
    others = [row for card, row in rows if card["name"] in ("hvg", "harmony", "scvi")]
    if not found or not others:
        return []
    card, row = found[0]
    title = {card["name"]: card["title"] for card, _ in rows}
    return [f"Best zero-shot: {card['title']} ({row['value']:.3f}) {compared(board, row, others, title)}."]


def _best_baseline(board: Json, rows: list[tuple[Json, Json]]) -> list[str]:
    """Return which foundation models beat the best baseline beyond noise, or that none does."""
    baselines = [pair for pair in rows if pair[0]["family"] == _BASELINE]
    models = [pair for pair in rows if pair[0]["family"] == "foundation" and not is_twin(pair[0])]
    if not baselines or not models:
        return []
    (best, row), title = baselines[0], {card["name"]: card["title"] for card, _ in rows}
    if not has_ranges(board):
        return []
    ended = {"beats": [], "ties": []}  # type: dict[str, list[str]]
    for card, mine in models:
        words = compared(board, mine, [row], title)
        for word, names in ended.items():
            names += [card["title"]] if words.startswith(word) else []
    if ended["beats"]:
        verb = "beat" if len(ended["beats"]) > 1 else "beats"
        return [f"{joined(ended['beats'])} {verb} the best baseline, {best['title']}, beyond noise."]
    tied = f"; {joined(ended['ties'])} {'tie' if len(ended['ties']) > 1 else 'ties'} with it" if ended["ties"] else ""
    return [f"No foundation model beats the best baseline, {best['title']}, beyond noise{tied}."]


def of_dataset(board: Json, dataset: str, scores: Scores, costs: dict[str, Cost]) -> str:
    """Return who is best on one dataset, which foundation model is best zero-shot, and what both cost."""
    named = headline_title(board)
    known = [
        (card, score) for card in board["models"] if card["family"] != "control" and not is_twin(card)
        and (score := scores.get((dataset, card["name"], headline_of(board)))) is not None and score.value is not None
    ]  # fmt: skip
    if not known:
        what = "bio or batch" if named == "total" else "it"
        return f"No model has a {named} here: {what} means nothing on these data, or failed."
    known.sort(key=lambda pair: (-(pair[1].value or 0.0), pair[0]["name"]))
    best, top = known[0]
    level = [card["title"] for card, score in known[1:] if apart(top, score) == 0 and score.low is not None]
    text = f"Best {named} here: {_with_cost(best, top, costs)}"
    text += f"; {joined(level)} overlap{'s' if len(level) == 1 else ''} with it. " if level else ". "
    zero = [(card, score) for card, score in known if use_of(card) == "zero-shot"]
    if not zero:
        return text + "No foundation model was used zero-shot."
    card, score = zero[0]
    text += f"Best zero-shot: {_with_cost(card, score, costs)}"
    rival = next(((other, theirs) for other, theirs in known if other["name"] == "scvi"), None)
    return text + (f", {_beside(score, rival[1])} scVI {_with_cost(*rival, costs, named=False)}." if rival else ".")


def _beside(mine: Score, other: Score) -> str:
    if None in (mine.low, other.low):
        return "higher than" if (mine.value or 0) > (other.value or 0) else "not higher than"
    return {1: "above", 0: "not told from", -1: "below"}[apart(mine, other)]


def _with_cost(card: Json, score: Score, costs: dict[str, Cost], *, named: bool = True) -> str:
    cost = costs.get(card["name"], UNKNOWN)
    spent = "" if cost.seconds is None else f", {cost.seconds:.1f} s for 1,000 cells"
    within = "" if score.low is None else f", 95 % {score.low:.3f} to {score.high:.3f}"
    return f"{card['title'] + ' ' if named else ''}({score.value:.3f}{within}{spent})"
