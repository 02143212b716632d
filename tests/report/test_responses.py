"""The page shows how much of each effect is predicted, with what a replicate would have taken away."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from scarena.metrics.details import OF_PROFILE, Details, ProfileScores
from scarena.report.page.responses import Errors, drawing, responses_of, rows_of
from scarena.tasks.details import write_details

NAMES = ("JAK1", "STAT1", "IRF1")


def errors(predicted: list[float], names: tuple[str, ...] = NAMES, replicate: float = 0.1) -> Errors:
    zero = {"JAK1": 0.5, "STAT1": 2.0, "IRF1": 1.0}
    return Errors(
        names, np.array([zero[n] for n in names]), np.array(predicted), np.full(len(names), replicate)
    )  # fmt: skip


def board_of(*models: tuple[str, str]) -> dict[str, object]:
    cards = [{"name": name, "title": name.title(), "family": family} for name, family in models]
    cells = [{"model": name, "seed": 0} for name, _ in models]
    return {"models": cards, "overall": [], "provenance": {"seeds": [0]}, "cells": cells,
            "datasets": [{"dataset": "d", "card": {"response": {"setting": "context"}}}]}  # fmt: skip


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
    found = Errors(names, np.ones(2), np.array([9.0, 0.0]), np.full(2, np.nan))
    svg = str(drawing(rows_of([found]), "d"))
    assert "A&lt;b&gt;" in svg
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', svg)]
    assert heights == [210.0, 10.0]


def test_controls_are_not_drawn_and_nothing_is_where_no_run_kept_errors(tmp_path: Path) -> None:
    board = board_of(("noise", "control"), ("ridge", "baseline"), ("silent", "baseline"))
    assert responses_of(board, tmp_path, "d") is None
    for model in ("noise", "ridge"):
        (tmp_path / "d" / model / "0").mkdir(parents=True)
        write_details(tmp_path / "d" / model / "0" / "details.npz", Details((), (), profiles=told(cells=True)))
    found = responses_of(board, tmp_path, "d")
    assert found is not None
    assert (found["titles"], found["n"], len(found["rows"])) == (["Ridge"], 3, 3)


def told(cells: bool) -> ProfileScores:
    """Three profiles of two splits, as a run's details have them."""
    column = {"predicted": [1, 1, 1], "error": [0.5, 1.0, 1.0], "negative": [0.5, 2.0, 1.0], "nir": [0.5] * 3}
    column["duplicate"] = [0.1] * 3 if cells else [0] * 3
    column["reproducibility"] = [0.9] * 3 if cells else [np.nan] * 3
    numbers = np.array([column[name] for name in OF_PROFILE], np.float32).T
    return ProfileScores(("fold 0 | JAK1", "fold 0 | STAT1", "fold 1 | IRF1 | CD4"), numbers)


def test_details_become_errors_by_profile_and_no_replicate_without_cells() -> None:
    found = Errors.of(told(cells=True))
    assert found.names == ("JAK1", "STAT1", "IRF1 | CD4")
    np.testing.assert_allclose([found.zero[1], found.predicted[0], found.replicate[2]], [2.0, 0.5, 0.1], rtol=1e-6)
    assert np.isnan(Errors.of(told(cells=False)).replicate).all()
