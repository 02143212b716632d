"""What a page says of a published board alone: whose numbers these are, and how the order differs from theirs."""

from __future__ import annotations

from typing import Any

from scarena.board.complete import ranked_rows
from scarena.board.published import is_published, shown_columns, whose
from scarena.board.ranked import headline_of, headline_title, overall_of

Json = dict[str, Any]
THEIR_MEAN = "openproblems_mean"


def first_sentences(board: Json) -> list[str]:
    """Return what stands before all else on a published board; nothing on another."""
    return [whose(board), *_other_order(board)] if is_published(board) else []


def _other_order(board: Json) -> list[str]:
    """Return how the ranked models stand by the mean that was published, where that is another metric."""
    from scarena.metrics.registry import METRICS

    if THEIR_MEAN not in shown_columns(board) or headline_of(board) == THEIR_MEAN:
        return []
    mean = {model: row for (model, metric), row in overall_of(board).items() if metric == THEIR_MEAN}
    rows = ranked_rows(board)
    known = [(card, mean[card["name"]]["value"]) for card, _ in rows if card["name"] in mean]
    if len(known) < 2:
        return []
    ours = [card["name"] for card, _ in known]
    theirs = [card["name"] for card, _ in sorted(known, key=lambda pair: (-pair[1], pair[0]["name"]))]
    moved = sum(ours.index(name) != place for place, name in enumerate(theirs))
    title = {card["name"]: card["title"] for card, _ in known}
    named, first = headline_title(board), title[theirs[0]]
    first += f" is first as by {named}" if theirs[0] == ours[0] else f" is first, by {named} {title[ours[0]]}"
    return [
        f"By their own score ({METRICS[THEIR_MEAN].title}: what is missing counts 0) {first}; {moved} of the "
        f"{len(known)} ranked methods have another place."
    ]
