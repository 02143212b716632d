"""What two boards differ in is listed, and noise is told from movement."""

import copy

import pytest

from scarena.board.diff import differences


def score(value, half=0.01, state="ok"):
    if value is None:
        return {"value": None, "low": None, "high": None, "state": state}
    return {"value": value, "low": value - half, "high": value + half, "state": state}


def scores():
    return {"bio": score(0.7), "rogi": score(0.5)}


@pytest.fixture
def board():
    return {
        "provenance": {
            "versions": {"torch": "2.13", "numpy": "2.4"}, "commits": ["abc"], "device": "cpu", "cl_release": "v1",
            "hardware": {"cores": 2},
        },
        "datasets": [{"dataset": "d", "sources": {"data": "00"}}],
        "models": [{"name": "hvg", "fingerprint": "1"}, {"name": "pca", "fingerprint": "2"}],
        "cells": [
            {"dataset": "d", "model": model, "seed": 0, "state": "ok", "scores": scores()}
            for model in ("hvg", "pca")
        ],
        "overall": [{"model": "hvg", "metric": "total", "tie_group": 1, **score(0.7)}],
    }  # fmt: skip


def changed(board, change):
    other = copy.deepcopy(board)
    change(other)
    return differences(board, other)


def test_a_board_does_not_differ_from_itself(board):
    assert differences(board, copy.deepcopy(board)) == []


@pytest.mark.parametrize(("moved", "beyond"), [(0.0138, False), (0.0145, True), (-0.0138, False), (-0.0145, True)])
def test_a_value_moved_beyond_noise_above_two_standard_errors_of_the_difference(board, moved, beyond):
    # Two intervals of ±.01 make a difference of ±.01 √2 = .01414.
    (found,) = changed(board, lambda b: b["cells"][0]["scores"].update(bio=score(0.7 + moved)))
    assert found.what == "d · hvg · seed 0 · bio" and found.beyond is beyond


@pytest.mark.parametrize("half", [None, 0.0, 1e-9, 2e-5])
@pytest.mark.parametrize(("moved", "narrow"), [(4e-6, False), (9.9e-5, False), (3e-4, True), (0.2, True)])
def test_what_is_printed_as_the_same_number_is_never_beyond_noise(board, half, moved, narrow):
    def of(value):
        return score(value, half) if half is not None else score(value) | {"low": None, "high": None}

    board["cells"][0]["scores"]["bio"] = of(0.5199)
    (found,) = changed(board, lambda b: b["cells"][0]["scores"].update(bio=of(0.5199 + moved)))
    assert found.beyond is (None if half is None and narrow else narrow)


def test_without_an_interval_nobody_knows(board):
    for cell in board["cells"]:
        cell["scores"]["rogi"] |= {"low": None, "high": None}
    (found,) = changed(board, lambda b: b["cells"][1]["scores"]["rogi"].update(value=0.9))
    assert found.beyond is None and (found.was, found.now) == ("0.5000", "0.9000")


def test_what_is_missing_is_a_state_not_a_number(board):
    def fail(other):
        other["cells"][0] |= {"state": "failed(oom)", "scores": {}}

    (found,) = changed(board, fail)
    assert (found.what, found.was, found.now, found.beyond) == ("d · hvg · seed 0", "ok", "failed(oom)", None)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda b: b["provenance"]["versions"].update(torch="2.14"), "version of torch"),
        (lambda b: b["provenance"]["versions"].update(jax="1"), "version of jax"),
        (lambda b: b["provenance"].update(device="cuda"), "device"),
        (lambda b: b["datasets"][0]["sources"].update(data="01"), "files of d"),
        (lambda b: b["models"][1].update(fingerprint="3"), "code or card of pca"),
        (lambda b: b["models"].pop(), "model pca"),
        (lambda b: b["datasets"].append({"dataset": "e", "sources": {}}), "dataset e"),
        (lambda b: b["overall"][0].update(tie_group=2), "tie group of hvg"),
        (lambda b: b["overall"][0].update(score(0.8)), "overall total of hvg"),
    ],
)
def test_each_thing_that_differs_is_named(board, change, what):
    assert [found.what for found in changed(board, change)] == [what]


def test_a_difference_is_the_same_both_ways(board):
    other = copy.deepcopy(board)
    other["cells"][0]["scores"]["bio"] = score(0.9)
    other["models"].pop()
    there, back = differences(board, other), differences(other, board)
    assert {(c.what, c.was, c.now, c.beyond) for c in there} == {(c.what, c.now, c.was, c.beyond) for c in back}
