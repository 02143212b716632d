import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anndata import AnnData
from typer.testing import CliRunner

from scarena.base.errors import ConfigError
from scarena.cli import progress
from scarena.cli.app import app
from scarena.cli.recommendation import (
    FEATURES,
    advise,
    features_of,
    features_of_board,
    likeness,
    minutes_off,
    roughness,
)

pytestmark = pytest.mark.usefixtures("one_thread")
_SIZES = {"small": 100, "medium": 1000, "large": 10_000, "larger": 30_000}
_CARD = {"control": None, "trains_on_target": False, "uses_labels": False}


def _board(totals: dict[str, dict[str, float]]) -> dict[str, Any]:
    """A board whose datasets differ in size alone."""
    return {
        "datasets": [
            {"dataset": name, "state": "ok", "summary": {"n_cells": n, "n_genes": 2000, "batches": {"a": 1, "b": 2}}}
            for name, n in _SIZES.items()
        ],
        "models": [{"name": name, "title": name.upper(), **_CARD} for name in totals],
        "cells": [
            {"model": model, "dataset": name, "seed": 0, "scores": {"total": {"value": v}, "ilisi": {"value": 0.5}}}
            for model, rows in totals.items()
            for name, v in rows.items()
        ],
        # Two seconds of start-up, one that does not grow, and 10 milliseconds a cell.
        "timings": [
            {
                "model": model,
                "dataset": name,
                "seed": 0,
                "step": "embed",
                "wall_s": 3 + n / 100,
                "peak_rss_mb": 1.0,
                "cells_per_s": n / (1 + n / 100),
            }
            for model in totals
            for name, n in _SIZES.items()
        ],
    }


_TOTALS = {
    "pca": {"small": 0.8, "medium": 0.7, "large": 0.4, "larger": 0.3},
    "deep": {"small": 0.3, "medium": 0.4, "large": 0.7, "larger": 0.9},
}


def _own(n_cells: int) -> dict[str, float]:
    return dict(zip(FEATURES, [np.log10(n_cells), np.log10(2000), 1.0, 0.5], strict=True))


def test_what_is_best_on_datasets_of_the_users_size_comes_first() -> None:
    board = _board(_TOTALS)
    assert [advise(board, _own(n)).suggestions[0].model for n in (80, 40_000)] == ["pca", "deep"]


def test_weights_add_up_to_one_and_fall_with_distance() -> None:
    features = features_of_board(_board(_TOTALS))
    weights = likeness(_own(100), features)
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["small"] > weights["medium"] > weights["large"] > weights["larger"]


def test_a_feature_that_all_share_says_nothing() -> None:
    same = {name: _own(100) for name in ("a", "b")}
    assert likeness(_own(10_000), same) == {"a": 0.5, "b": 0.5}


def test_regret_is_what_leaving_each_dataset_out_loses() -> None:
    found = advise(_board(_TOTALS), _own(100))
    # By hand: by likeness only "medium" and "large" could go wrong; the plain mean of the others is wrong on every one
    # but where it happens to be right.
    totals = _TOTALS
    lost = []
    for left_out in _SIZES:
        mean = {m: np.mean([v for d, v in rows.items() if d != left_out]) for m, rows in totals.items()}
        chosen = max(mean, key=lambda m: mean[m])
        lost.append(max(rows[left_out] for rows in totals.values()) - totals[chosen][left_out])
    assert found.regret_by_mean == pytest.approx(np.mean(lost))
    assert found.regret_by_likeness < found.regret_by_mean


def test_controls_are_not_recommended_and_a_model_that_lacks_sets_does_not_take_them_from_all() -> None:
    board = _board({**_TOTALS, "noise": dict.fromkeys(_SIZES, 1.0), "new": {"small": 1.0}})
    next(card for card in board["models"] if card["name"] == "noise")["control"] = "negative"
    assert {each.model for each in advise(board, _own(100)).suggestions} == {"pca", "deep"}


def test_a_board_of_one_model_cannot_advise() -> None:
    with pytest.raises(ConfigError, match="too few totals"):
        advise(_board({"pca": _TOTALS["pca"]}), _own(100))


def test_features_are_those_of_the_cells(make_cells: Callable[..., AnnData]) -> None:
    data = make_cells()
    found = features_of(data)
    assert found["log10 cells"] == pytest.approx(np.log10(240)) and found["log2 batches"] == 1
    assert 0 <= found["batches apart"] <= 1
    data.obs["batch"] = "one"
    assert features_of(data)["batches apart"] == 0


def test_roughness_is_lower_where_the_model_sees_types(make_cells: Callable[..., AnnData]) -> None:
    data = make_cells()
    rough = roughness(data, data.obs["cell_type"].tolist(), ["pca", "random-64", "labels"])
    assert rough["pca"] < rough["random-64"] and "labels" not in rough


def test_the_command_names_models_evidence_and_cost(tmp_path: Path, make_cells: Callable[..., AnnData]) -> None:
    (tmp_path / "board.json").write_text(json.dumps(_board(_TOTALS)))
    make_cells().write_h5ad(tmp_path / "mine.h5ad")
    asked = ["recommend", str(tmp_path / "mine.h5ad"), "--batch", "batch", "--board", str(tmp_path / "board.json")]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Try first: PCA.") and "each dataset left out in turn" in done.output
    found = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert found["try_first"] == ["pca"]
    assert found["suggestions"][0]["cells_per_s"] == pytest.approx(sum(_SIZES.values()) / (4 + 411))


@pytest.mark.parametrize("cells", [50, 5000, 1_000_000])
def test_minutes_are_start_up_and_a_rate(cells: int) -> None:
    found = {each.model: each for each in advise(_board(_TOTALS), _own(cells)).suggestions}
    assert found["pca"].minutes == pytest.approx((3 + cells / 100) / 60, rel=1e-3)
    assert found["pca"].beyond is (cells > 30_000)
    # Of a model that is not known here nobody says what its time grows with.
    assert found["deep"].minutes is None and found["deep"].cells_per_s is not None


def test_how_far_off_minutes_are_is_that_of_datasets_left_out() -> None:
    board = _board(_TOTALS)
    off = minutes_off(board, _TOTALS)
    assert off is not None and off.n_runs == 4 and off.worst == pytest.approx(1, abs=1e-3)
    next(row for row in board["timings"] if row["dataset"] == "large")["wall_s"] *= 4
    off = minutes_off(board, _TOTALS)
    assert off is not None and (off.worst_model, off.worst_dataset) == ("pca", "large")
    assert off.worst == pytest.approx(4, rel=0.05) and off.median < 1.1


def test_without_datasets_of_several_sizes_minutes_are_not_measured() -> None:
    board = _board(_TOTALS)
    board["timings"] = [row for row in board["timings"] if row["dataset"] == "small"]
    found = advise(board, _own(5000))
    assert {each.minutes for each in found.suggestions} == {None} and found.minutes_off is None


@pytest.mark.parametrize(("most", "beyond"), [(300, False), (12, True)])
def test_the_text_says_how_far_off_minutes_are_and_what_is_extrapolated(
    tmp_path: Path, make_cells: Callable[..., AnnData], most: int, beyond: bool
) -> None:
    board = _board(_TOTALS)
    for entry, share in zip(board["datasets"], (0.25, 0.5, 0.75, 1.0), strict=True):
        entry["summary"]["n_cells"] = round(share * most)
    (tmp_path / "board.json").write_text(json.dumps(board))
    make_cells().write_h5ad(tmp_path / "mine.h5ad")
    asked = ["recommend", str(tmp_path / "mine.h5ad"), "--batch", "batch", "--board", str(tmp_path / "board.json")]
    said = CliRunner().invoke(app, asked).output
    assert f"each dataset left out in turn ({most // 4} to {most} cells): by a factor of" in said
    # Of the model that is not known here.
    assert "not measured" in said
    assert ("*: your 240 cells are more work" in said) is beyond


def test_what_it_does_meanwhile_is_said_on_stderr_alone(
    tmp_path: Path, make_cells: Callable[..., AnnData], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "QUIET_S", 0.0)
    (tmp_path / "board.json").write_text(json.dumps(_board(_TOTALS)))
    make_cells().write_h5ad(tmp_path / "mine.h5ad")
    asked = ["recommend", str(tmp_path / "mine.h5ad"), "--batch", "batch", "--label", "cell_type", "--measured", "pca"]
    done = CliRunner().invoke(app, [*asked, "--board", str(tmp_path / "board.json"), "--json"])
    assert json.loads(done.stdout)["try_first"] == ["pca"]
    assert done.stderr.splitlines()[0] == "reading mine.h5ad"


@pytest.mark.parametrize("text", ["", "[]", "{}", "<html>"])
def test_what_is_no_board_is_refused(text: str, tmp_path: Path, make_cells: Callable[..., AnnData]) -> None:
    (tmp_path / "board.json").write_text(text)
    make_cells().write_h5ad(tmp_path / "mine.h5ad")
    asked = ["recommend", str(tmp_path / "mine.h5ad"), "--batch", "batch", "--board", str(tmp_path / "board.json")]
    found = CliRunner().invoke(app, asked)
    assert isinstance(found.exception, ConfigError) and "not a board" in str(found.exception)
