"""With which seeds the models of a board ran, and what is said of that: models may have different ones."""

from __future__ import annotations

from typing import Any

from scarena.board.published import is_published

Json = dict[str, Any]


def seeds_by_model(board: Json) -> dict[str, list[int]]:
    """Return the seeds of each model's runs, each once, in the board's order."""
    found: dict[str, dict[int, None]] = {}
    for cell in board["cells"]:
        found.setdefault(cell["model"], {})[cell["seed"]] = None
    return {model: list(seeds) for model, seeds in found.items()}


def first_seeds(board: Json) -> dict[str, int]:
    """Return the seed of each model of whose runs pictures and types are shown."""
    return {model: seeds[0] for model, seeds in seeds_by_model(board).items()}


def drawn_over(board: Json) -> dict[str, str]:
    """Return what each model's intervals are drawn over, in words: cells, seeds where there are several, or why not."""
    own_vectors = all(entry["card"].get("kind", "cells") == "cells" for entry in board["datasets"])
    seeds, found = seeds_by_model(board), {}
    for card in board["models"]:
        one = "one seed, and it draws nothing" if own_vectors and card.get("draws") is False else "one seed"
        several = len(seeds.get(card["name"], [])) > 1
        found[card["name"]] = "over cells and seeds" if several else f"over cells; {one}"
    return found


def seeds_told(board: Json) -> str:
    """Return with how many seeds a board's models ran, as "1 seed" or "3 seeds for 2 models, 1 seed for 5"."""
    if is_published(board):
        return "one published run each"
    counts = [len(seeds) for seeds in seeds_by_model(board).values()]
    kinds = sorted(set(counts), reverse=True)
    told = [f"{kind} seed{'s' if kind > 1 else ''}" for kind in kinds]
    if len(kinds) < 2:
        return "".join(told)
    models = [counts.count(kind) for kind in kinds]
    named = ("model or control", "models and controls")
    return ", ".join(f"{text} for {n} {named[n > 1]}" for text, n in zip(told, models, strict=True))


def and_seeds(board: Json) -> str:
    """Return how the words "over cells" go on: of which models the intervals are over seeds as well."""
    several = [len(seeds) > 1 for seeds in seeds_by_model(board).values()]
    if all(several):
        return " and seeds"
    return " and, where a model has several, over its seeds" if any(several) else ", one seed"
