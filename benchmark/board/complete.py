"""Which models of a board are compared with each other, and which are not, for want of a value on some dataset."""

from __future__ import annotations

from typing import Any

from scarena.board.ranked import counting, headline_of, headline_title, sign_of

Json = dict[str, Any]

_MOST = 6


def joined(names: list[str]) -> str:
    """Return names as a sentence lists them; nothing for none."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def few(names: list[str]) -> str:
    """Return names as a sentence lists them, of very many the first and how many more there are.

    >>> few(list("abc")), few(list("abcdefgh"))
    ('a, b and c', 'a, b, c, d, e, f and 2 more')
    """
    if len(names) <= _MOST + 1:
        return joined(names)
    return joined([*names[:_MOST], f"{len(names) - _MOST} more"])


def ranked_rows(board: Json) -> list[tuple[Json, Json]]:
    """Return (card, overall row) of the models with a rank by the board's headline, best first."""
    headline = headline_of(board)
    rows = {row["model"]: row for row in board["overall"] if row["metric"] == headline and row["rank_low"] is not None}
    found = [(card, rows[card["name"]]) for card in board["models"] if card["name"] in rows]
    sign = sign_of(headline)
    return sorted(found, key=lambda pair: (-sign * pair[1]["value"], pair[0]["name"]))


def lacking(board: Json) -> dict[str, list[str]]:
    """Return, by name of each model without a rank, the datasets that count on which it has no value.

    Controls are never ranked and are not here.
    """
    headline = headline_of(board)
    ranked = {card["name"] for card, _ in ranked_rows(board)}
    known = {
        (cell["model"], cell["dataset"]) for cell in board["cells"]
        if cell["scores"].get(headline, {}).get("value") is not None
    }  # fmt: skip
    wanted = counting(board, headline)
    return {
        card["name"]: [dataset for dataset in wanted if (card["name"], dataset) not in known]
        for card in board["models"] if card["family"] != "control" and card["name"] not in ranked
    }  # fmt: skip


def left_out(board: Json) -> list[str]:
    """Return the sentence that names the models which are compared with none, and what they lack; none if all are."""
    title = {card["name"]: card["title"] for card in board["models"]}
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, datasets in lacking(board).items():
        groups.setdefault(tuple(datasets), []).append(title[name])
    if not groups or not counting(board, headline_of(board)):
        return []
    parts = [f"{few(names)} (none on {few(list(datasets)) or 'some'})" for datasets, names in sorted(groups.items())]
    return [f"Not compared, for want of a {headline_title(board)} on every dataset: {'; '.join(parts)}."]
