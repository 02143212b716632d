"""What a reader may filter by: what the cards say of models and datasets, and which choices tell some from others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scarena.board.published import is_published

Json = dict[str, Any]
SIZES = {
    "none": "none, or not given", "0-1e6": "up to 1 million", "1e6-1e7": "1 to 10 million",
    "1e7-1e8": "10 to 100 million", "1e8-": "over 100 million",
}  # fmt: skip
TRAINED = {"not": "not trained on these, as far as known", "clean": "known not to be trained on these"}
NOT_GIVEN = "not given"


@dataclass(frozen=True, slots=True)
class Filter:
    """One choice: its name in the address, what it is called, and its options as (value, text)."""

    name: str
    title: str
    options: tuple[tuple[str, str], ...]


def model_facts(board: Json, card: Json) -> Json:
    """Return what a filter needs to know of one model; datasets by their place in the board."""
    place = {entry["dataset"]: number for number, entry in enumerate(board["datasets"])}
    states = {
        row["dataset"]: row["state"] for row in board.get("contamination", [])
        if row["model"] == card["name"] and row["dataset"] in place
    }  # fmt: skip
    return {
        "licence": card.get("licence") or NOT_GIVEN, "parameters": card.get("parameters") or 0,
        "origin": _origin(board, card),
        "seen": [place[name] for name, state in sorted(states.items()) if state in ("cells", "study")],
        "unknown": [place[name] for name, state in sorted(states.items()) if state == "unknown"],
    }  # fmt: skip


def dataset_facts(entry: Json) -> Json:
    """Return what a filter needs to know of one dataset."""
    card = entry["card"]
    return {
        "name": entry["dataset"], "title": card.get("title", ""), "tissue": card.get("tissue") or NOT_GIVEN,
        "licence": card.get("licence") or NOT_GIVEN,
    }  # fmt: skip


def model_filters(board: Json) -> list[Filter]:
    """Return the filters of models; one that leaves all of them or none has no options."""
    facts = [model_facts(board, card) for card in board["models"]]
    licences, origins = ({fact[key] for fact in facts} for key in ("licence", "origin"))
    told = any(fact["seen"] or fact["unknown"] for fact in facts)
    return [
        Filter("licence", "Licence", _same(licences)),
        Filter("size", "Parameters", tuple(SIZES.items()) if any(fact["parameters"] for fact in facts) else ()),
        Filter("trained", "Training", tuple(TRAINED.items()) if told else ()),
        Filter("origin", "Measured", _same(origins)),
    ]


def data_filters(board: Json) -> list[Filter]:
    """Return the filters of datasets but that of tissue."""
    return [Filter("terms", "Licence", _same({dataset_facts(entry)["licence"] for entry in board["datasets"]}))]


def _same(values: set[str]) -> tuple[tuple[str, str], ...]:
    return tuple((value, value) for value in sorted(values)) if len(values) > 1 else ()


def _origin(board: Json, card: Json) -> str:
    """Return who measured a model's scores: by `scarena run`, submitted from elsewhere, or published by others."""
    if card.get("submitted"):
        return "submitted"
    return "published by others" if is_published(board) else "by this board"
