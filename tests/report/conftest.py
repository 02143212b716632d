"""A small board, with paired differences and without, that tests of the page and its sentences share."""

import pytest

SCORE = {"state": "ok", "reason": "", "low": None, "high": None}


def card(name, family="baseline", **more):
    defaults = {
        "title": name,
        "trains_on_target": False,
        "description": f"about {name}",
        "control": None,
        "uses_labels": False,
        "fingerprint": "f",
    }
    return {"name": name, "family": family, **defaults, **more}


@pytest.fixture
def board():
    totals = {"hvg": 0.5, "harmony": 0.7, "scvi": 0.6, "scarena-fm": 0.55}
    cells = [
        {
            "dataset": "d1",
            "model": m,
            "seed": 0,
            "state": "ok",
            "reason": "",
            "scores": {"total": {**SCORE, "value": v}},
        }
        for m, v in totals.items()
    ]
    reason = "<script>alert(1)</script> died"
    cells.append(
        {"dataset": "d1", "model": "labels", "seed": 0, "state": "failed(oom)", "reason": reason, "scores": {}}
    )
    row = {"metric": "total", "low": None, "high": None, "rank_low": 1, "rank_high": 1, "tie_group": 1}
    table = [{**row, "model": m, "value": v, "coverage": 1.0} for m, v in totals.items()]
    table.append({**row, "model": "labels", "value": None, "coverage": 0.0, "rank_low": None})
    models = [card(m) for m in ("hvg", "harmony", "scvi")]
    models += [card("scarena-fm", "foundation"), card("labels", "control", control="positive", uses_labels=True)]
    dataset = {
        "dataset": "d1", "state": "failed(error)", "reason": "hash is wrong", "sources": {"a": "0" * 64},
        "card": {"title": "D one", "licence": "MIT"},
    }  # fmt: skip
    return {
        "schema": 1, "board": "b", "title": "A board", "datasets": [dataset], "models": models, "cells": cells,
        "overall": table, "controls": [
            {"metric": "total", "dataset": "d1", "discriminates": False, "positive": 0.123, "negative": 0.456},
        ], "timings": [],
        "provenance": {
            "versions": {"python": "3"}, "commits": ["c"], "seeds": [0], "cl_release": "v", "device": "cpu",
            "hardware": {"processor": "p", "cores": 2, "memory_gb": 1, "system": "s"},
        },
    }  # fmt: skip


def pair(a, b, low, high, metric="total", interval="cells"):
    numbers = {"difference": (low + high) / 2, "low": low, "high": high, "wins": 0.9}
    return {"model_a": a, "model_b": b, "metric": metric, "interval": interval, **numbers}


@pytest.fixture
def paired(board):
    """The board with paired differences and a random twin."""
    board["differences"] = [
        pair("scarena-fm", "hvg", 0.04, 0.06), pair("scvi", "scarena-fm", -0.01, 0.11),
        pair("harmony", "scarena-fm", 0.14, 0.16), pair("scarena-fm", "scarena-fm-random", -0.02, 0.04),
        pair("scarena-fm", "hvg", -1.0, -0.5, metric="bio"),
    ]  # fmt: skip
    board["models"].append(card("scarena-fm-random", "foundation", title="FM twin"))
    board["overall"].append({**board["overall"][3], "model": "scarena-fm-random", "value": 0.54})
    board["cells"].append({**board["cells"][3], "model": "scarena-fm-random"})
    for row in board["overall"]:
        row["interval"] = None if row["value"] is None else "cells"
        if row["value"] is not None:
            row |= {"low": row["value"] - 0.02, "high": row["value"] + 0.02}
    board["overall"][1] |= {"rank_low": 1, "rank_high": 2, "tie_group": 27}
    return board


@pytest.fixture
def new_card():
    """Return what makes the card of a model."""
    return card
