"""The sentences at the top of the page and of each dataset: generated, and no stronger than the intervals.

What a sentence does not compare it names: models without a value somewhere, untrained twins, models of our own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scarena.board.complete import few, joined, left_out, ranked_rows
from scarena.board.ranked import counting, has_ranges, headline_of, headline_title, of_labels
from scarena.board.verdicts import compared
from scarena.report.page.gate import headline_fails
from scarena.report.page.models import apart
from scarena.report.page.published import first_sentences
from scarena.report.page.scores import Score, Scores, is_twin
from scarena.report.page.tables import use_of

Json = dict[str, Any]
Ranked = list[tuple[Json, Json]]
_BASELINE = "baseline"
# What the cards of scArena-FM give as their source.
_OWN = "models/foundation"


def lead(board: Json) -> list[str]:
    """Return who leads, which model is best zero-shot, if any beats the baselines, and what to be careful of."""
    return [*first_sentences(board), *_lead(board)]


def _lead(board: Json) -> list[str]:
    rows, named = ranked_rows(board), headline_title(board)
    if not counting(board, headline_of(board)):
        return [f"No dataset of this board has a {named}, so no model is ranked."]
    if not rows:
        return [f"No model has a {named} on every dataset that counts, so none is ranked.", *left_out(board)]
    found = [_leaders(board, rows), *_zero_shot(board, rows), *_best_baseline(board, rows)]
    return [*found, *headline_fails(board), *_whose(board), *left_out(board)]


def _leaders(board: Json, rows: Ranked) -> str:
    n, of = len(counting(board, headline_of(board))), len(board["datasets"])
    over = f"over {n} of {of} datasets" if n < of else f"over {of} dataset{'s' if of > 1 else ''}"
    best, named = rows[0][1]["value"], headline_title(board)
    first = rows[0][0]["title"]
    if len(rows) == 1:
        where = "the one dataset that counts" if n == 1 else f"all {n} datasets that count"
        return f"{first} alone has a {named} on {where} (mean {best:.3f}): it is compared with no other model."
    if not has_ranges(board):
        return f"{first} scores highest (mean {named} {best:.3f} {over}); {_no_ranges(rows)}."
    tied = [(card, row) for card, row in rows if row["tie_group"] == rows[0][1]["tie_group"]]
    names = joined([card["title"] + (f" ({of_labels(card)})" if of_labels(card) else "") for card, _ in tied])
    if len(tied) == 1:
        return f"{names} leads beyond noise (mean {named} {best:.3f} {over})."
    return f"{names} tie for the lead (mean {named}s {tied[-1][1]['value']:.3f} to {best:.3f} {over})."


def _no_ranges(rows: Ranked) -> str:
    """Return why the ranked models' values cannot be compared beyond their order."""
    without = [card["title"] for card, row in rows if row["low"] is None]
    if len(without) == len(rows):
        return "this board has no intervals"
    if not without:
        return "whether beyond noise is not known, since their intervals differ in kind"
    return (
        f"whether beyond noise is not known, since {few(without)} {'have' if len(without) > 1 else 'has'} no interval"
    )


def _zero_shot(board: Json, rows: Ranked) -> list[str]:
    """Return the best foundation model of those that were not adapted, against HVG, Harmony and scVI."""
    models = [pair for pair in rows if use_of(pair[0]) == "zero-shot"]
    found, twins = [p for p in models if not is_twin(p[0])], [p for p in models if is_twin(p[0])]
    others = [row for card, row in rows if card["name"] in ("hvg", "harmony", "scvi")]
    if not found or not others:
        return []
    card, row = found[0]
    title = {card["name"]: card["title"] for card, _ in rows}
    which = f"Best zero-shot model of {len(found)}" if len(found) > 1 else "The one zero-shot model"
    said = f"{which}: {card['title']} ({row['value']:.3f}) {compared(board, row, others, title)}."
    left = joined([f"{twin['title']} ({its['value']:.3f})" for twin, its in twins])
    return [said + (f" Left out of this as controls: {left}." if left else "")]


def _best_baseline(board: Json, rows: Ranked) -> list[str]:
    """Return which foundation models beat the best baseline beyond noise, or that none does."""
    baselines = [pair for pair in rows if pair[0]["family"] == _BASELINE]
    models = [pair for pair in rows if pair[0]["family"] == "foundation" and not is_twin(pair[0])]
    if not baselines or not models or not has_ranges(board):
        return []
    (best, row), title = baselines[0], {card["name"]: card["title"] for card, _ in rows}
    ended = {"beats": [], "ties": []}  # type: dict[str, list[str]]
    for card, mine in models:
        words = compared(board, mine, [row], title)
        for word, names in ended.items():
            names += [card["title"]] if words.startswith(word) else []
    rival = f"{_among([card for card, _ in baselines])}, {best['title']}, beyond noise"
    if ended["beats"]:
        verb = "beat" if len(ended["beats"]) > 1 else "beats"
        return [f"{joined(ended['beats'])} {verb} {rival}."]
    tied = f"; {joined(ended['ties'])} {'tie' if len(ended['ties']) > 1 else 'ties'} with it" if ended["ties"] else ""
    return [f"No foundation model on this board beats {rival}{tied}."]


def _among(cards: list[Json]) -> str:
    """Return what the best baseline is the best of: those compared here, of all that offer what these offer."""
    from scarena.models.registry import all_models

    own = [model for model in all_models().values() if model.__module__.startswith("scarena.models.")]
    n, offered = len(cards), {card.get("offers", "vectors") for card in cards}
    of = sum(model.card.family == _BASELINE and model.card.offers in offered for model in own)
    compared_here = f"the best of the {n} baselines compared here" if n > 1 else "the one baseline compared here"
    return compared_here + (f" (scArena has {of})" if n < of else "")


def _whose(board: Json) -> list[str]:
    """Return that all foundation models of a board are scArena's own, where it is so."""
    models = [card for card in board["models"] if card["family"] == "foundation"]
    if not models or any(card.get("source") != _OWN for card in models):
        return []
    all_of = "The one foundation model on this board is" if len(models) == 1 else (
        f"All {len(models)} foundation models on this board are"
    )  # fmt: skip
    return [f"{all_of} scArena's own; the board says nothing of published models."]


def of_dataset(board: Json, dataset: str, scores: Scores, seconds: Mapping[tuple[str, str], float]) -> str:
    """Return who is best on one dataset, which foundation model is best zero-shot, and how long both took there."""
    named, headline = headline_title(board), headline_of(board)
    entry = next(each for each in board["datasets"] if each["dataset"] == dataset)
    cards = [card for card in board["models"] if card["family"] != "control"]
    known = [
        (card, score) for card in cards
        if (score := scores.get((dataset, card["name"], headline))) is not None and score.value is not None
    ]  # fmt: skip
    if not known:
        return _nothing(entry, named)
    known.sort(key=lambda pair: (-(pair[1].value or 0.0), pair[0]["name"]))
    trained, twins = [p for p in known if not is_twin(p[0])], [p for p in known if is_twin(p[0])]
    without = [card["title"] for card in cards if card["name"] not in {card["name"] for card, _ in known}]
    left = [f" No {named} here: {few(without)}."] if without else []
    left += [f" Left out as controls: {joined([card['title'] for card, _ in twins])}."] if twins else []
    if len(trained) < 2:
        alone = "".join(f"{_with_cost(dataset, *pair, seconds)} alone has a {named} here. " for pair in trained)
        return (alone + "".join(left)).strip()
    best, top = trained[0]
    level = [card["title"] for card, score in trained[1:] if apart(top, score) == 0 and score.low is not None]
    text = f"Best {named} here: {_with_cost(dataset, best, top, seconds)}"
    text += f"; {joined(level)} overlap{'s' if len(level) == 1 else ''} with it. " if level else ". "
    return text + _zero_shot_here(dataset, trained, seconds) + "".join(left)


def _nothing(entry: Json, named: str) -> str:
    if entry["state"] != "ok":
        return f"There is nothing to score here: {entry['state']}: {entry['reason']}"
    what = "bio or batch" if named == "total" else "it"
    return f"No model has a {named} here: {what} means nothing on these data, or failed."


def _zero_shot_here(
    dataset: str, known: list[tuple[Json, Score]], seconds: Mapping[tuple[str, str], float]
) -> str:  # fmt: skip
    zero = [(card, score) for card, score in known if use_of(card) == "zero-shot"]
    if not zero:
        return "No foundation model was used zero-shot."
    card, score = zero[0]
    text = f"Best zero-shot: {_with_cost(dataset, card, score, seconds)}"
    rival = next(((other, theirs) for other, theirs in known if other["name"] == "scvi"), None)
    if rival is None:
        return f"{text}."
    return f"{text}, {_beside(score, rival[1])} scVI {_with_cost(dataset, *rival, seconds, named=False)}."


def _beside(mine: Score, other: Score) -> str:
    if None in (mine.low, other.low):
        return "higher than" if (mine.value or 0) > (other.value or 0) else "not higher than"
    return {1: "above", 0: "statistically indistinguishable from", -1: "below"}[apart(mine, other)]


def _with_cost(
    dataset: str, card: Json, score: Score, seconds: Mapping[tuple[str, str], float], *, named: bool = True
) -> str:  # fmt: skip
    took = seconds.get((dataset, card["name"]))
    spent = "" if took is None else f", {took:.1f} s"
    within = "" if score.low is None else f", 95 % {score.low:.3f} to {score.high:.3f}"
    return f"{card['title'] + ' ' if named else ''}({score.value:.3f}{within}{spent})"
