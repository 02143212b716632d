"""A submission is a folder whose scores anybody can compute again; one in which a number was changed is found out."""

import json
import subprocess
import sys

import numpy as np
import pytest

from scarena.base.errors import CardError, ConfigError, DataError
from scarena.base.files import read_json, write_json
from scarena.board.make import make_board, write_board
from scarena.board.rescored import _around, _compared, check_submission
from scarena.board.submission import NAME, SubmittedRun, package_submission, read_submission
from scarena.models.embedding import write_embedding
from scarena.steps.config import parse_config
from scarena.steps.sequence import dataset_steps, run_steps

RUN = {"dataset": "d", "seed": 0, "state": "ok"}


def scored(value, half=0.01):
    return {"value": value, "state": "ok", "reason": "", "low": value - half, "high": value + half}


@pytest.mark.parametrize(
    ("claimed", "half", "verdict"),
    [(0.5, 0.01, "same"), (0.505, 0.01, "within noise"), (0.9, 0.01, "differs"), (0.9, 0.5, "differs")],
)
def test_a_wide_interval_excuses_nothing(claimed, half, verdict):
    run = SubmittedRun.model_validate({**RUN, "scores": {"bio": scored(claimed, half)}})
    again = {"state": "ok", "reason": "", "scores": {"bio": scored(0.5)}}
    assert _compared(("d", "m", 0), run, again).verdict == verdict


def test_a_metric_that_is_left_out_is_missed_and_one_of_a_plug_in_is_not():
    run = SubmittedRun.model_validate({**RUN, "scores": {"bio": scored(0.5)}})
    again = {"state": "ok", "reason": "", "scores": {"bio": scored(0.5), "batch": scored(0.1), "own": scored(0.1)}}
    found = _compared(("d", "m", 0), run, again)
    assert found.verdict == "differs" and "1 metrics are not in the submission, as batch" in found.why


def test_the_interval_is_as_wide_as_the_new_one():
    ends = _around(scored(0.7, 0.3), {"value": 0.5, "low": 0.4, "high": 0.52})
    assert ends["low"] == pytest.approx(0.6) and ends["high"] == pytest.approx(0.72)
    assert _around(scored(0.7), {"value": 0.5})["high"] is None


@pytest.fixture(scope="module")
def finished(tmp_path_factory, cache):
    """A small board of a published dataset."""
    results = tmp_path_factory.mktemp("submitted")
    told = {"board": "small", "datasets": ["pollen"], "models": ["hvg", "random-2"], "seeds": [0, 1]}
    config = parse_config({**told, "results": str(results), "cache": str(cache.absolute())}, "board")
    runs = [("hvg", 0), ("hvg", 1), ("random-2", 0), ("random-2", 1)]
    taken = [step for model, seed in runs for step in run_steps("pollen", model, seed, config)]
    steps = [*dataset_steps("pollen", config), *taken]
    assert [step()["state"] for _, step in steps] == ["ok"] * len(steps)
    write_board(make_board(config), config.folder / "board.json")
    return config.folder


@pytest.fixture
def folder(finished, tmp_path):
    """A submission of the board's one model, with its vectors."""
    return package_submission(finished, "hvg", tmp_path / "sent", vectors=True).folder


def edited(folder, change):
    said = read_json(folder / NAME)
    change(said)
    write_json(folder / NAME, said)


needs_a_board = [pytest.mark.slow, pytest.mark.xdist_group("submission")]


class TestOfABoard:
    """What needs a finished board."""

    pytestmark = needs_a_board

    def test_a_true_run_is_the_same_and_an_improved_number_is_found_out(self, folder, cache):
        def improve(said):
            said["runs"][1]["scores"]["knn_accuracy"] |= {"value": 0.999, "low": 0.0, "high": 1.0}

        edited(folder, improve)
        true, improved = check_submission(folder, cache=cache.absolute())
        assert (true.verdict, improved.verdict) == ("same", "differs")
        assert "knn_accuracy: 0.9990" in improved.why

    def test_the_folder_says_what_it_was_made_in(self, folder):
        assert {path.name for path in folder.iterdir()} == {"card.json", "environment.lock.txt", NAME, "vectors"}
        assert "numpy==" in (folder / "environment.lock.txt").read_text()

    def test_other_vectors_than_those_of_the_hash_are_not_scored(self, folder, cache):
        for file in (folder / "vectors").iterdir():
            write_embedding(file, np.zeros((3, 2), np.float32), np.array(["a", "b", "c"]))
        rows = list(check_submission(folder, cache=cache.absolute()))
        assert [row.verdict for row in rows] == ["differs"] * 2 and "SHA-256" in rows[0].why

    def test_without_vectors_nothing_is_confirmed(self, folder, cache, tmp_path):
        command = [sys.executable, "-m", "scarena.cli", "check-submission", str(folder), "--json"]
        done = subprocess.run([*command, "--vectors", str(tmp_path)], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert [row["verdict"] for row in json.loads(done.stdout)] == ["not recomputed"] * 2

    def test_what_cannot_be_submitted_is_refused(self, finished, folder, tmp_path):
        with pytest.raises(CardError, match="a control is no result"):
            package_submission(finished, "random-2", tmp_path / "other")
        with pytest.raises(ConfigError, match="no model 'scvi'"):
            package_submission(finished, "scvi", tmp_path / "other")
        with pytest.raises(ConfigError, match="holds a submission already"):
            package_submission(finished, "hvg", folder)
        assert not (tmp_path / "other").exists()

    @pytest.mark.parametrize(
        "change",
        [
            lambda said: said["runs"].append(said["runs"][0]),
            lambda said: said["runs"][0].update(dataset="../../etc"),
            lambda said: said["card"].update(name="other"),
            lambda said: said["card"].update(family="control"),
            lambda said: said.update(more=1),
        ],
    )
    def test_a_folder_that_is_not_what_it_should_be_is_one_line(self, folder, change):
        edited(folder, change)
        with pytest.raises(DataError) as error:
            read_submission(folder)
        assert "\n" not in str(error.value)


def test_an_empty_folder_is_no_submission(tmp_path):
    with pytest.raises(DataError, match="no submission"):
        read_submission(tmp_path)
