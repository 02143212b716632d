"""Models against each other over datasets, and metrics against metrics."""

import pytest

from scarena.board.ranked import counting
from scarena.report.html import render
from scarena.report.page.metrics import agreement, companions
from scarena.report.page.models import critical_difference, wins_and_losses
from scarena.report.page.scores import scores_of

SCORE = {"state": "ok", "reason": "", "low": None, "high": None}


def test_wins_are_intervals_that_lie_apart(board):
    ends = {"harmony": (0.68, 0.72), "scvi": (0.5, 0.69), "hvg": (0.4, 0.45)}
    for cell in board["cells"]:
        if cell["model"] in ends:
            cell["scores"]["total"] |= dict(zip(("low", "high"), ends[cell["model"]], strict=True))
    (row,) = wins_and_losses(board, scores_of(board), "harmony", counting(board, "total"))
    assert (row["best"], row["above"], row["open"], row["below"]) == ("scvi", 1, 2, 0)
    assert row["lead"] == pytest.approx(0.1)


def over_datasets(board, values):
    """The board with totals of each model on several datasets."""
    (dataset,), board["cells"] = board["datasets"], []
    board["models"] = [card for card in board["models"] if card["name"] in values]
    board["overall"] = [row for row in board["overall"] if row["model"] in values]
    n = len(next(iter(values.values())))
    board["datasets"] = [{**dataset, "dataset": f"d{i}"} for i in range(n)]
    for model, totals in values.items():
        board["cells"] += [
            {"dataset": f"d{i}", "model": model, "seed": 0, "state": "ok", "reason": "",
             "scores": {"total": {**SCORE, "value": value}}} for i, value in enumerate(totals)
        ]  # fmt: skip
    return board


def test_critical_differences_are_those_of_nemenyis_test(board):
    """Demsar 2006, table 5: the studentised range divided by the root of two is 2.569 for four models at 5 %."""
    values = {"hvg": [0.1] * 6, "harmony": [0.4] * 6, "scvi": [0.3] * 6, "scarena-fm": [0.2] * 6}
    found = critical_difference(over_datasets(board, values), scores_of(board))
    assert found.models == [("harmony", 1.0), ("scvi", 2.0), ("scarena-fm", 3.0), ("hvg", 4.0)]
    assert found.distance == pytest.approx(2.569 * (4 * 5 / (6 * 6)) ** 0.5, abs=1e-3)
    assert found.cliques == [(0, 1), (1, 2), (2, 3)]
    assert found.p_value < 0.01


def test_two_datasets_are_too_few_for_a_test_over_datasets(board, tmp_path):
    board = over_datasets(board, {"hvg": [0.1, 0.2], "harmony": [0.3, 0.4], "scvi": [0.5, 0.6]})
    assert critical_difference(board, scores_of(board)) is None
    assert "Too few datasets" in render(board, tmp_path)


def test_metrics_agree_where_they_prefer_the_same_models(board):
    row = board["overall"][0]
    order = ("hvg", "scarena-fm", "scvi", "harmony")
    for metric, sign in (("bio", 1.0), ("lcad_all", 1.0), ("batch", -1.0)):
        board["overall"] += [{**row, "model": m, "metric": metric, "value": sign * i} for i, m in enumerate(order)]
    keys, found = agreement(board, ("batch", "bio", "lcad_all", "total"))
    told = companions(keys, found)
    # LCAD is better when lower, so it prefers the models that bio likes least.
    assert told["total"]["most"] == (pytest.approx(1.0), "bio")
    assert told["bio"]["least"][0] == pytest.approx(-1.0)
    assert told["lcad_all"]["headline"] == pytest.approx(-1.0)
