"""Two processes under torchrun learn what one learns from the same cells, sharded or not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from scarena.base.errors import ConfigError
from scarena.base.files import read_json
from scarena.models.foundation.training.distributed import Place, joined
from scarena.models.foundation.training.loop import fit

RUNS = ["ddp-adamw", "fsdp-adamw", "fsdp-muon", "ddp-adamw-parts", "fsdp-adamw-parts"]


@pytest.fixture(scope="module")
def two(tiny, tmp_path_factory):
    """Return the folder that two processes, started once for all tests, have trained in."""
    folder = tmp_path_factory.mktemp("two")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command, env = [*launch, str(Path(tiny.__file__)), "several", str(folder)], {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            _, said = process.communicate(timeout=240)
        finally:
            # Asked and not killed, so that it ends its own processes too.
            process.terminate()
    assert process.returncode == 0, said[-3000:]
    return folder


@pytest.fixture(scope="module")
def one(tiny, tmp_path_factory):
    """Return what one process has logged of the same runs, and the weights, by optimiser and whether with contrast."""
    found = {}
    for optimiser, contrast in (("adamw", True), ("adamw", False), ("muon", True)):
        model, folder = tiny.Tiny(), tmp_path_factory.mktemp("one")
        fit(model, tiny.Regression(contrast=contrast), tiny.shared("none", optimiser), folder)
        found[optimiser, contrast] = rows(folder), model.state_dict()
    return found


def rows(folder):
    return [json.loads(line) for line in (folder / "losses.jsonl").read_text().splitlines()]


def alone(name, one, tiny):
    return one[name.split("-")[1], tiny.RUNS[name][1]]


def close(name, fine, coarse):
    # Muon rounds to bfloat16, which makes a last digit of the gradient a third digit of its update.
    return coarse if "muon" in name else fine


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_have_the_losses_of_one(name, one, two, tiny):
    expected, found = alone(name, one, tiny)[0], rows(two / name)
    assert [row["step"] for row in found] == [row["step"] for row in expected] == [0, 1, 2, 3, 3, 4, 5, 6, 6]
    for mine, theirs in zip(found, expected, strict=True):
        near = pytest.approx(theirs.get("losses", theirs.get("validation")), rel=close(name, 1e-5, 2e-3))
        assert mine.get("losses", mine.get("validation")) == near
    assert found[1]["gradient"] == pytest.approx(expected[1]["gradient"], rel=1e-4)


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_end_in_the_weights_of_one(name, one, two, tiny):
    expected, found = alone(name, one, tiny)[1], load_file(two / f"{name}.safetensors")
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=close(name, 1e-5, 2e-3))


@pytest.mark.parametrize("name", ["fsdp-adamw", "fsdp-muon"])
def test_a_sharded_run_that_is_stopped_and_resumed_ends_as_an_unbroken_one(name, two):
    assert [json.loads((two / f"{name}-{rank}.json").read_text()) for rank in (0, 1)] == [4, 4]
    expected, found = (load_file(two / f"{each}.safetensors") for each in (name, f"{name}-resumed"))
    assert all(torch.equal(found[key], value) for key, value in expected.items())
    assert (two / f"{name}-resumed" / "losses.jsonl").read_bytes() == (two / name / "losses.jsonl").read_bytes()


def test_what_is_not_finite_in_one_process_stops_all_with_the_state_saved(two):
    said = [json.loads((two / f"failed-{rank}.json").read_text()) for rank in (0, 1)]
    assert said[0] == said[1]
    assert "between 3 and 4 cells" in said[0][0]
    assert "loss size is nan at step 3" in said[0][1]
    manifests = [read_json(path) for path in sorted((two / "failed").glob("state/*/manifest.json"))]
    assert max(each["at"]["step"] for each in manifests) == 3


def test_a_sharded_checkpoint_is_safetensors_and_json_alone(two):
    files = [path for path in (two / "fsdp-adamw" / "state").rglob("*") if path.is_file()]
    assert sorted({path.name for path in files}) == [
        "manifest.json",
        "shard-00001-model-00001-of-00001.safetensors",
        "shard-00002-model-00001-of-00001.safetensors",
    ]


def test_processes_not_started_together_are_refused(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ConfigError, match="torchrun"), joined("ddp", "cpu"):
        pass


def test_several_processes_training_the_same_apart_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="distributed"), joined("none", "cpu"):
        pass


def test_one_process_agrees_with_itself():
    place = Place(0, 1, torch.device("cpu"))
    values = torch.tensor([1.0, 2.0])
    assert torch.equal(place.mean(values), values)
    assert place.of_first(3.0) == 3.0
    assert place.of_all(values).tolist() == [[1.0, 2.0]]
