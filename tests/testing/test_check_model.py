"""`scarena check-model`: the table, the exit code, and a model that cannot be run here."""

import json
import os
import subprocess
import sys

import pytest

PACKAGE = """
from scarena.models.base import Model, ModelCard

told = dict(family="baseline", description="made up", source="a test", licence="MIT")

class Absent(Model):
    card = ModelCard(name="absent", title="Absent", unavailable="no public weights", **told)
    def embed(self, data, ctx): raise AssertionError("it cannot be run")

class Torn(Absent):
    card = ModelCard(name="torn", title="Torn", **told)
    @classmethod
    def example(cls, folder): raise ValueError("half a checkpoint")

class Careless(Model):
    card = ModelCard(name="careless", title="Careless", **told)
    def embed(self, data, ctx):
        data.obs["batch"] = "one"
        return data.X[:, :3].toarray().astype("float32")
"""


@pytest.fixture
def check(tmp_path):
    (tmp_path / "absent-1.dist-info").mkdir()
    (tmp_path / "made_up.py").write_text(PACKAGE)
    (tmp_path / "absent-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: absent\nVersion: 1\n")
    points = "[scarena.models]\nabsent = made_up:Absent\ncareless = made_up:Careless\ntorn = made_up:Torn\n"
    (tmp_path / "absent-1.dist-info/entry_points.txt").write_text(points)

    def run(*arguments):
        command = [sys.executable, "-m", "scarena.cli", "check-model", *arguments]
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=env)

    return run


def test_what_cannot_be_run_here_is_not_available_and_no_failure(check):
    done = check("absent", "--json")
    assert (done.returncode, len(json.loads(done.stdout))) == (0, 1)
    assert json.loads(done.stdout)[0]["state"] == "not available"
    assert json.loads(done.stdout)[0]["reason"] == "no public weights"


def test_an_example_that_cannot_be_made_is_a_failure_and_no_traceback(check):
    done = check("torn", "--json")
    (row,) = json.loads(done.stdout)
    assert done.returncode == 1
    assert (row["check"], row["state"], row["reason"]) == ("loads", "failed", "ValueError: half a checkpoint")


@pytest.mark.slow
def test_a_fault_is_exit_code_1_and_named(check):
    done = check("careless", "--json")
    states = {row["check"]: row["state"] for row in json.loads(done.stdout)}
    assert done.returncode == 1
    assert {key for key, state in states.items() if state == "failed"} == {"input-untouched", "genes-permuted"}
    assert states["resume"] == states["offline"] == states["memory"] == "passed"


@pytest.mark.parametrize("arguments", [[], ["pca", "--all"], ["--all", "--checkpoint", "."], ["nobody"]])
def test_a_wrong_call_is_one_line_and_exit_code_2(check, arguments):
    done = check(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
