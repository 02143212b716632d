"""What a board's scores are of: cells, genes, networks or perturbations, and so what its intervals draw."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
_DRAWN = {"cells": "cells", "genes": "gene families", "network": "regulators", "response": "perturbations"}


def kinds(board: Json) -> set[str]:
    """Return the kinds of a board's datasets."""
    return {entry["card"].get("kind", "cells") for entry in board["datasets"]}


def drawn(board: Json) -> str:
    """Return what the replicates of a board's scores draw, as words of a sentence."""
    found = kinds(board)
    return " or ".join(word for kind, word in _DRAWN.items() if kind in found) or _DRAWN["cells"]
