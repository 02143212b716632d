"""By what the models of a board are ranked, as its page and its summary say it."""

from __future__ import annotations

from typing import Any

from scarena.board.ranked import has_order, has_ranges, headline_title

Json = dict[str, Any]


def rule_of_ranks(board: Json) -> str:
    """Return one sentence: ranges from intervals, the values alone, or no ranks at all."""
    named = headline_title(board)
    if has_ranges(board):
        return (
            f"Rank: the 95 % range of ranks by {named}; models of one letter are statistically indistinguishable from "
            "the best of their group."
        )
    if has_order(board):
        what = f"no two ranked models have {named}s with intervals that can be compared"
        return f"Rank: by the value alone, since {what}."
    return f"Rank: none, since at most one model has a {named} on every dataset that counts for it."
