"""The page says what the board says, with nothing from the network and nothing missing left out."""

import re

import pytest

from scarena.report import render, verdicts

SCORE = {"state": "ok", "reason": "", "low": None, "high": None}


def card(name, family="baseline", **more):
    defaults = {
        "title": name,
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
        "overall": table, "controls": [{"metric": "total", "dataset": "d1", "discriminates": False}], "timings": [],
        "provenance": {
            "versions": {"python": "3"}, "commits": ["c"], "seeds": [0], "cl_release": "v", "device": "cpu",
            "hardware": {"processor": "p", "cores": 2, "memory_gb": 1, "system": "s"},
        },
    }  # fmt: skip


def without_plotly(page):
    return re.sub(r"<script>/\*\*.*?</script>", "", page, count=1, flags=re.S)


def test_the_page_needs_no_network(board, tmp_path):
    page = without_plotly(render(board, tmp_path))
    assert not re.findall(r"(?:src|href)=[\"']?(?!data:|#)[^\"'>\s]+", page)
    assert "default-src 'none'" in page


def test_two_renderings_are_equal(board, tmp_path):
    assert render(board, tmp_path) == render(board, tmp_path)


def test_what_failed_is_on_the_page_with_its_reason_and_markup_in_it_is_text(board, tmp_path):
    page = without_plotly(render(board, tmp_path))
    assert "failed(oom)" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; died" in page
    assert "<script>alert(1)" not in page
    assert "hash is wrong" in page


def test_controls_and_metrics_that_cannot_tell_are_marked(board, tmp_path):
    page = without_plotly(render(board, tmp_path))
    assert "positive control" in page
    assert "sees labels" in page
    assert "†" in page


def test_the_verdict_names_what_is_beaten_and_what_is_not(board):
    (sentence,) = verdicts(board)
    assert "beats hvg on" in sentence
    assert "0.550 against 0.700 for harmony" in sentence


def test_there_is_no_verdict_where_a_total_is_missing(board):
    board["overall"][3]["coverage"] = 0.5
    assert "no verdict" in verdicts(board)[0]
