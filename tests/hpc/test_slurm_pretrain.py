"""A pretraining on two nodes, requeued in the middle, ends as an unbroken one, and learns what one process does."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("slurm")]

RECIPE = {
    "gene_features": 0,
    "model": {"gene_width": 32, "width": 96, "heads": 2, "layers": 2, "feed_forward": 256, "embedding": 32},
    "task": {"cells": 32, "tokens": 128, "views": {"targets": 32, "zeros": 16}},
    "engine": {"steps": 20, "validate_every": None, "checkpoint_every": 2},
    "threads": 1,
}


def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def job(number: str) -> dict[str, str]:
    shown = subprocess.run(
        ["scontrol", "--oneliner", "show", "job", number], capture_output=True, text=True, timeout=60, check=True
    )
    return dict(word.split("=", 1) for word in shown.stdout.split() if "=" in word)


def wait_for(found, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def place(tmp_path, cache, make_cells):
    """A folder with a corpus of made-up cells, a recipe for one process and the same for several."""
    from scarena.datasets.genes import gene_table

    (tmp_path / ".cache").mkdir()
    for kept in ("sha256", "members"):
        (cache / kept).mkdir(parents=True, exist_ok=True)
        (tmp_path / ".cache" / kept).symlink_to((cache / kept).absolute())
    data = make_cells(n_cells=160)
    data.var_names = sorted(gene_table(cache=cache, mirror=None).symbol_to_id)[: data.n_vars]
    data.write_h5ad(tmp_path / "cells.h5ad")
    source = {"name": "made-up", "path": "cells.h5ad", "batch": "batch"}
    corpus = {"name": "made-up", "h5ad": [source], "min_cells": 1}
    for how in ("none", "ddp"):
        engine = {**RECIPE["engine"], "distributed": how}
        whole = {**RECIPE, "name": how, "corpus": corpus, "engine": engine}
        (tmp_path / f"{how}.yaml").write_text(yaml.safe_dump(whole))
    return tmp_path


def losses(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "losses.jsonl").read_text().splitlines()]


def newest_step(place: Path) -> int:
    found = [json.loads(path.read_text()) for path in place.glob(".cache/pretrain/ddp-*/state/*/manifest.json")]
    return max((each["at"]["step"] for each in found), default=0)


def ended(place: Path, sent: str) -> str:
    """Return what a job has said, when it is done."""
    wait_for(lambda: job(sent)["JobState"] in ("COMPLETED", "FAILED"), 300)
    said = (place / f"pretrain-{sent}.log").read_text()
    assert job(sent)["JobState"] == "COMPLETED", said[-3000:]
    return said


def pretrain_here(place: Path, recipe: str, out: str, *launch: str) -> None:
    """Train beside the cluster, with a cache of its own so that nothing goes on from another's state."""
    command = [sys.executable, "-m", *(launch or ["scarena.cli"]), "pretrain", recipe, "--out", out]
    more = ["--cache", f".cache-{out}"]
    (place / f".cache-{out}").mkdir()
    for kept in ("sha256", "members"):
        (place / f".cache-{out}" / kept).symlink_to((place / ".cache" / kept).resolve())
    subprocess.run([*command, *more], cwd=place, env=environment(), capture_output=True, timeout=300, check=True)


def test_a_training_on_two_nodes_that_is_requeued_ends_as_an_unbroken_one_and_learns_what_one_process_does(
    slurm, place
):
    script = ["sbatch", "--parsable", f"--partition={slurm}", str(ROOT / "profiles/slurm/pretrain.sbatch")]
    sent = subprocess.run(
        [*script, "ddp.yaml", "--out", "requeued"],
        cwd=place, env=environment(), capture_output=True, text=True, timeout=60, check=True,
    ).stdout.strip()  # fmt: skip
    wait_for(lambda: newest_step(place) >= 2, 300)
    assert job(sent)["NumNodes"] == "2"
    subprocess.run(["scontrol", "requeue", sent], timeout=60, check=True)
    pretrain_here(place, "none.yaml", "alone")
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "--module", "scarena.cli"]
    pretrain_here(place, "ddp.yaml", "unbroken", *torchrun)
    said = ended(place, sent)
    assert job(sent)["Restarts"] == "1"
    assert "going on from step" in said
    requeued = (place / "requeued/losses.jsonl").read_bytes()
    assert requeued == (place / "unbroken/losses.jsonl").read_bytes()
    # Two processes draw the cells of one but each views of its own, so no step has the same loss: a check that they
    # learn alike, not that they compute alike, which the bytes above show. The bound is a few times what one pair of
    # runs differed by; no other seeds were tried.
    alone, two = (losses(place / each) for each in ("alone", "requeued"))
    assert mean_loss(two[-8:]) == pytest.approx(mean_loss(alone[-8:]), rel=0.04)
    assert mean_loss(two[-8:]) < 0.9 * two[0]["loss"]


def mean_loss(rows: list[dict]) -> float:
    return sum(row["loss"] for row in rows) / len(rows)
