"""The page shows how much of each effect is predicted, with what a replicate would have taken away."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from scarena.base.errors import DataError
from scarena.report.page.responses import drawing, responses_of, rows_of
from scarena.tasks.response_profiles import ProfileErrors, read_profiles, write_profiles

NAMES = ("JAK1", "STAT1", "IRF1")


def errors(predicted: list[float], names: tuple[str, ...] = NAMES, replicate: float = 0.1) -> ProfileErrors:
    zero = {"JAK1": 0.5, "STAT1": 2.0, "IRF1": 1.0}
    return ProfileErrors(
        names, np.array([zero[n] for n in names]), np.array(predicted), np.full(len(names), replicate)
    )  # fmt: skip


def board_of(*models: tuple[str, str]) -> dict[str, object]:
    cards = [{"name": name, "title": name.title(), "family": family} for name, family in models]
    return {"models": cards, "overall": [], "provenance": {"seeds": [0]}, "datasets": [], "cells": []}


def test_rows_begin_with_the_largest_effect_and_join_by_name() -> None:
    other = errors([0.5, 0.0, 4.0], ("IRF1", "JAK1", "STAT1"))
    rows = rows_of([errors([0.5, 1.0, 1.0]), other])
    assert [row.name for row in rows] == ["STAT1", "IRF1", "JAK1"]
    assert [row.shares for row in rows] == [(0.5, -1.0), (0.0, 0.5), (0.0, 1.0)]
    assert [row.ceiling for row in rows] == [pytest.approx(c) for c in (0.95, 0.9, 0.8)]


def test_without_replicates_there_is_no_ceiling() -> None:
    rows = rows_of([errors([0.5, 1.0, 1.0], replicate=np.nan)])
    assert all(row.ceiling is None for row in rows)
    assert "ceiling" not in drawing(rows, "d")


def test_what_is_worse_than_half_is_drawn_at_its_edge_and_a_name_is_text() -> None:
    names = ("A<b>", "B")
    found = ProfileErrors(names, np.ones(2), np.array([9.0, 0.0]), np.full(2, np.nan))
    svg = str(drawing(rows_of([found]), "d"))
    assert "A&lt;b&gt;" in svg
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', svg)]
    assert heights == [210.0, 10.0]


def test_controls_are_not_drawn_and_nothing_is_where_no_run_kept_errors(tmp_path: Path) -> None:
    board = board_of(("noise", "control"), ("ridge", "baseline"), ("silent", "baseline"))
    assert responses_of(board, tmp_path, "d") is None
    for model in ("noise", "ridge"):
        write_profiles(tmp_path / "d" / model / "0" / "profiles.npz", errors([0.5, 1.0, 1.0]))
    found = responses_of(board, tmp_path, "d")
    assert found is not None
    assert (found["titles"], found["n"], len(found["rows"])) == (["Ridge"], 3, 3)


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "profiles.npz"
    write_profiles(path, errors([0.5, 1.0, 1.0]))
    np.testing.assert_array_equal(read_profiles(path).predicted, [0.5, 1.0, 1.0])  # type: ignore[union-attr]
    np.savez(path, names=np.array(NAMES), zero=np.ones(2), predicted=np.ones(3), replicate=np.ones(3))
    with pytest.raises(DataError, match="one error a profile"):
        read_profiles(path)
