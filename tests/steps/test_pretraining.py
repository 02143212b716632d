"""Pretraining as steps of a board: failures are states, names are checked first, a kill loses nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from scarena.base.errors import ScarenaError
from scarena.base.files import read_json, write_json
from scarena.cli.run import to_be_made_again
from scarena.steps.config import load_config
from scarena.steps.embed import embed_step
from scarena.steps.names import check_names
from scarena.steps.pretrain import corpus_step, pretrain_step
from scarena.steps.pretraining import checkpoints_of, corpus_file, recipes_of

TINY = {
    "gene_features": 0,
    "model": {"gene_width": 8, "width": 32, "heads": 2, "layers": 1, "feed_forward": 16, "embedding": 8},
    "task": {"cells": 16, "tokens": 16, "views": {"targets": 8, "zeros": 4}},
    "engine": {"steps": 4, "validate_every": None, "checkpoint_every": 4},
    "threads": 1,
}
MODELS = ["pca", "scarena-fm@tiny"]


@pytest.fixture(scope="module")
def template(tmp_path_factory, cache, make_cells):
    """A folder with a corpus of 80 cells, in which a board's pretraining was done once."""
    folder = tmp_path_factory.mktemp("template")
    make_cells(n_cells=80, n_genes=60, seed=5).write_h5ad(folder / "cells.h5ad")
    (folder / ".cache").mkdir()
    # What numba compiled before is found again.
    (cache / "compiled").mkdir(parents=True, exist_ok=True)
    (folder / ".cache" / "compiled").symlink_to((cache / "compiled").absolute())
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        Place().recipe("tiny")
        made(Place().board())
    return folder


@pytest.fixture
def place(template, tmp_path, monkeypatch):
    """A copy of that folder, which is the current one, without the board."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True, symlinks=True)
    (tmp_path / "results").rename(tmp_path / "done")
    monkeypatch.chdir(tmp_path)
    return Place()


@pytest.fixture
def done(place):
    """A copy of that folder with the board."""
    Path("done").rename("results")
    return place


class Place:
    """Writes configurations into the current folder, with paths relative to it."""

    def recipe(self, name, h5ad="cells.h5ad", **changes):
        source = {"name": "sample", "path": h5ad, "batch": "batch", "study": ["A-STUDY"]}
        whole = {**TINY, "name": name, "corpus": {"name": "made-up", "h5ad": [source], "min_cells": 1}, **changes}
        path = Path(f"{name}.yaml")
        path.write_text(yaml.safe_dump(whole))
        return str(path)

    def board(self, **changes):
        path = Path("board.yaml")
        board = {"board": "b", "datasets": ["baron_h1"], "models": MODELS, "pretrain": ["tiny.yaml"]}
        path.write_text(yaml.safe_dump({**board, **changes}))
        return load_config(path)


def made(config, name="tiny"):
    """Run both steps of a pretraining; return what the second says."""
    path, _ = recipes_of(config)[name]
    corpus_step(path, corpus_file(config, name), config)
    return pretrain_step(path, corpus_file(config, name), checkpoints_of(config)[name], config)


def test_a_checkpoint_and_what_its_corpus_is_are_made_in_the_board_and_all_else_in_the_cache(done):
    config = done.board()
    said = read_json(Path("results/b/corpora/tiny.json"))
    assert (said["state"], said["cells"], said["genes"], said["sources"]) == ("ok", 80, 60, ["sample"])
    assert (Path(".cache/corpora") / said["corpus"] / "manifest.json").is_file()
    written = sorted(path.name for path in Path("results/b/pretrained/tiny").iterdir())
    assert written == [
        "config.json", "fingerprints.npz", "genes.txt", "losses.jsonl", "manifest.json", "pretrain.log",
        "weights-00.safetensors",
    ]  # fmt: skip
    assert to_be_made_again(config, models_too=True) == []
    before = Path("results/b/corpora/tiny.json").read_bytes()
    corpus_step(Path("tiny.yaml"), corpus_file(config, "tiny"), config)
    assert Path("results/b/corpora/tiny.json").read_bytes() == before


@pytest.mark.parametrize(
    ("limits", "state", "words"),
    [
        ({"memory_mb": 40}, "failed(oom)", "above 40 MiB"),
        ({"timeout_s": 0.3}, "failed(timeout)", "0.3 s"),
    ],
)
def test_a_training_past_its_limits_is_a_state_of_its_models_and_of_nothing_else(done, limits, state, words):
    config = done.board(pretrain_limits=limits)
    folder = checkpoints_of(config)["tiny"]
    failed = pretrain_step(Path("tiny.yaml"), corpus_file(config, "tiny"), folder, config)
    assert failed["state"] == state
    assert words in failed["reason"]
    # Nothing of the earlier, better checkpoint is left to be taken for this one.
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "pretrain.log"]
    dataset = Path("results/b/baron_h1/dataset.json")
    write_json(dataset, {"dataset": "baron_h1", "state": "ok", "reason": ""})
    record = embed_step(dataset, "scarena-fm@tiny", 0, Path("results/b/baron_h1/scarena-fm@tiny/0/record.json"), config)
    assert (record.state, record.reason) == (state, f"pretraining tiny: {failed['reason']}")
    assert record.embedding_sha256 is None
    assert record.card["training_corpus"] == []


def test_a_corpus_that_cannot_be_built_is_the_reason_of_the_checkpoint_and_is_tried_again_unasked(place):
    place.recipe("tiny", h5ad="gone.h5ad")
    config = place.board()
    failed = made(config)
    assert failed["state"] == "failed(error)"
    assert "gone.h5ad" in failed["reason"]
    assert read_json(corpus_file(config, "tiny"))["reason"] == failed["reason"]
    corpus, manifest = corpus_file(config, "tiny"), checkpoints_of(config)["tiny"] / "manifest.json"
    assert to_be_made_again(config, models_too=False) == [corpus]
    assert to_be_made_again(config, models_too=True) == [corpus, manifest]


def _started(config):
    command = [
        sys.executable, "-m", "scarena.cli", "pretrain", "tiny.yaml", "--out", "results/b/pretrained/tiny",
        "--corpus", str(corpus_file(config, "tiny")), "--settings", "board.yaml",
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _killed(process):
    root = psutil.Process(process.pid)
    for each in [root, *root.children(recursive=True)]:
        os.kill(each.pid, signal.SIGKILL)
    process.wait()


def test_a_killed_training_leaves_no_checkpoint_and_goes_on_from_its_state(done):
    done.recipe("tiny", engine={"steps": 200, "validate_every": None, "checkpoint_every": 20})
    shutil.rmtree(".cache/pretrain")
    config = done.board()
    process, deadline = _started(config), time.monotonic() + 120
    while time.monotonic() < deadline and not list(Path(".cache/pretrain").glob("tiny-*/state/slot-1/manifest.json")):
        time.sleep(0.02)
    _killed(process)
    folder = Path("results/b/pretrained/tiny")
    assert not (folder / "manifest.json").exists()
    made = pretrain_step(Path("tiny.yaml"), corpus_file(config, "tiny"), folder, config)
    assert made["state"] == "ok"
    assert made["report"]["steps"] == 200
    assert made["report"]["resumed_at"] >= 20
    assert f"going on from step {made['report']['resumed_at']} " in (folder / "pretrain.log").read_text()


def test_the_verb_by_itself_makes_the_same_checkpoint_and_raises_what_a_board_would_record(done):
    from scarena.models.foundation.checkpoint import weights_digest

    alone = [sys.executable, "-m", "scarena.cli", "pretrain", "tiny.yaml", "--out", "alone", "--cache", "other"]
    assert subprocess.run(alone, check=False, capture_output=True).returncode == 0
    assert weights_digest(Path("alone")) == weights_digest(Path("results/b/pretrained/tiny"))
    done.recipe("tiny", h5ad="gone.h5ad")
    ended = subprocess.run(alone, check=False, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "gone.h5ad" in ended.stderr.strip().splitlines()[-1]
    ended = subprocess.run([*alone, "--settings", "board.yaml"], check=False, capture_output=True, text=True)
    assert (ended.returncode, "--corpus" in ended.stderr) == (2, True)


@pytest.mark.parametrize(
    ("recipe", "board", "words"),
    [
        ({}, {"models": ["scarena-fm@other"]}, ["board.yaml: models", "scarena-fm@other", "scarena-fm-adapted@tiny"]),
        ({}, {"models": ["hvg@tiny"]}, ["hvg@tiny", "known: scarena-fm@tiny"]),
        ({}, {"pretrain": []}, ["scarena-fm@tiny", "`pretrain:`"]),
        ({}, {"pretrain": ["none.yaml"]}, ["none.yaml"]),
        ({}, {"pretrain": ["tiny.yaml", "again.yaml"]}, ["again.yaml", "'tiny', as tiny.yaml is"]),
        ({"task": {"cellz": 3}}, {}, ["tiny.yaml", "task.cellz"]),
        ({"corpus": {"name": "c", "cards": ["celltypist_dem"]}}, {}, ["celltypist_demo"]),
    ],
)
def test_a_wrong_pretraining_is_refused_in_one_line_before_anything_is_computed(place, recipe, board, words):
    place.recipe("tiny", **recipe)
    Path("again.yaml").write_text(Path("tiny.yaml").read_text())
    with pytest.raises(ScarenaError) as caught:
        check_names(place.board(**board), "board.yaml")
    assert caught.value.exit_code == 2
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)
    assert not Path("results").exists()


def test_the_shipped_board_names_only_what_it_makes():
    root = Path(__file__).parents[2]
    config = load_config(root / "config" / "pretrained.yaml")
    config = config.model_copy(update={"pretrain": [root / path for path in config.pretrain]})
    check_names(config, "pretrained")
    (name,) = recipes_of(config)
    assert {model for model in config.models if "@" in model} == {
        f"scarena-fm{kind}@{name}" for kind in ("", "-adapted", "-random")
    }


def test_a_board_without_pretraining_is_checked_without_torch(place):
    place.board(models=["hvg"], pretrain=[])
    ask = (
        "import sys; from pathlib import Path; from scarena.steps.config import load_config\n"
        "from scarena.steps.names import check_names\n"
        "check_names(load_config(Path('board.yaml')), 'board.yaml'); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.strip().lower()) is False
