"""Runs that take long begin first, so that short ones fill what they leave of the machine."""

from scarena.cli import run
from scarena.cli.run import long_runs
from scarena.steps.config import BoardConfig


def board(tmp_path, models, datasets=("one", "two")):
    return BoardConfig(board="b", datasets=list(datasets), models=models, results=tmp_path)


def test_models_that_compute_on_a_device_go_first_and_controls_never(tmp_path):
    config = board(tmp_path, ["hvg", "scvi", "random-64", "labels", "scarena-fm"])
    wanted = [config.folder / d / m / "0" / "record.json" for d in ("one", "two") for m in ("scvi", "scarena-fm")]
    assert long_runs(config) == [str(path) for path in wanted]


def test_a_board_of_very_many_runs_is_left_to_the_scheduler(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "_FEW", 3)
    assert len(long_runs(board(tmp_path, ["scvi"]))) == 2
    assert long_runs(board(tmp_path, ["scvi", "scarena-fm"])) == []


def test_baselines_alone_need_no_order(tmp_path):
    assert long_runs(board(tmp_path, ["hvg", "pca", "labels"])) == []
