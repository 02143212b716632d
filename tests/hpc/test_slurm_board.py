"""A board through a real Slurm is the board of one machine, even if a job is cancelled and a node drained meanwhile."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("slurm")]

PLUGIN = """
from scarena.models.base import Model, ModelCard

class Crash(Model):
    card = ModelCard(name="crash", title="Crash", family="foundation", description="raises")
    def embed(self, data, ctx):
        raise ValueError("no weights")
"""
BOARD = {"board": "b", "datasets": ["pollen"], "models": ["pca", "random-2", "crash"], "limits": {"memory_mb": 3000}}
EMBED = "rule_embed_wildcards_pollen_pca_0"
CANCELLED = "CANCELLED"


def folder_with(folder: Path, board: dict, cache: Path) -> Path:
    """Make a folder with a board's configuration, the cache, and a package with a model that crashes."""
    (folder / "plugin" / "plug-1.0.dist-info").mkdir(parents=True)
    (folder / "plugin" / "plug.py").write_text(PLUGIN)
    about = folder / "plugin" / "plug-1.0.dist-info"
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[scarena.models]\ncrash = plug:Crash\n")
    cache.mkdir(exist_ok=True)
    (folder / ".cache").symlink_to(cache.absolute())
    (folder / "b.yaml").write_text(yaml.safe_dump(board))
    return folder


@contextlib.contextmanager
def started(folder: Path, *more: str) -> Iterator[subprocess.Popen]:
    """Start a board's driver with its output in the file ``output``; ask it to end if it outlives its test."""
    env = {**os.environ, "PYTHONPATH": str(folder / "plugin")}
    command = [sys.executable, "-m", "scarena.cli", "run", "--config", "b.yaml", *more]
    with (folder / "output").open("w") as sink:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                # As Ctrl-C would, to snakemake too, which then cancels its jobs.
                os.killpg(process.pid, signal.SIGINT)
                process.wait(60)


def jobs() -> list[dict[str, str]]:
    """Return the jobs that Slurm knows, in the order they were sent."""
    shown = subprocess.run(
        ["squeue", "--states=all", "--noheader", "--sort=i", "--format=%i|%T|%k|%N"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return [dict(zip(("id", "state", "step", "node"), line.split("|"), strict=True)) for line in shown.stdout.split()]


def wait_for(found, seconds: float):
    """Return the first true answer of `found`."""
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    return answer


def running(step: str, but: str = "") -> dict[str, str]:
    """Return the running job of a step, or nothing."""
    same = [job for job in jobs() if job["step"] == step and job["state"] == "RUNNING" and job["id"] != but]
    return same[0] if same else {}


def disturb() -> str:
    """Cancel a job in the middle, drain its node, and give the node back when the job runs again on the other."""
    stopped = wait_for(lambda: running(EMBED), 400)
    node = f"NodeName={stopped['node']}"
    subprocess.run(["scontrol", "update", node, "State=DRAIN", "Reason=test"], timeout=60, check=True)
    subprocess.run(["scancel", stopped["id"]], timeout=60, check=True)
    again = wait_for(lambda: running(EMBED, but=stopped["id"]), 300)
    assert again["node"] != stopped["node"]
    subprocess.run(["scontrol", "update", node, "State=RESUME"], timeout=60, check=True)
    return stopped["id"]


@pytest.fixture(scope="module")
def boards(slurm_profile, cache, tmp_path_factory):
    """Two folders with one board each: of this machine alone, and of the cluster, which was disturbed."""
    alone, cluster = (folder_with(tmp_path_factory.mktemp(each), BOARD, cache) for each in ("alone", "cluster"))
    before = {job["id"] for job in jobs()}
    with started(cluster, "--", "--profile", str(slurm_profile)) as there, started(alone, "--cores", "1") as here:
        stopped = disturb()
        codes = here.wait(600), there.wait(600)
    sent = [job for job in jobs() if job["id"] not in before]
    return {"alone": alone, "cluster": cluster, "codes": codes, "jobs": sent, "stopped": stopped}


def text_of(folder: Path, name: str = "b") -> str:
    """Return a board without what two runs may differ in: timings and hardware."""
    board = json.loads((folder / "results" / name / "board.json").read_text())
    assert board.pop("timings")
    assert board["provenance"].pop("hardware")
    return json.dumps(board)


def page_with(folder: Path, other: Path, name: str = "b") -> bytes:
    """Return the page of a board with the timings and the hardware of another, drawn anew."""
    own, theirs = (json.loads((each / "results" / name / "board.json").read_text()) for each in (folder, other))
    own["timings"], own["provenance"]["hardware"] = theirs["timings"], theirs["provenance"]["hardware"]
    mixed = folder / "results" / name / "mixed.json"
    # The page is made from what lies beside the board.
    mixed.write_text(json.dumps(own))
    command = [sys.executable, "-m", "scarena.cli", "report", str(mixed), "--out", str(folder / "mixed.html")]
    settings = ["--settings", f"results/{name}/config.json"]
    subprocess.run([*command, *settings], cwd=folder, check=True, timeout=200, capture_output=True)
    return (folder / "mixed.html").read_bytes()


def test_a_model_that_fails_on_a_node_is_a_state_of_the_board_and_exit_code_3(boards):
    assert boards["codes"] == (3, 3), (boards["cluster"] / "output").read_text()[-3000:]
    board = json.loads((boards["cluster"] / "results/b/board.json").read_text())
    states = {cell["model"]: (cell["state"], cell["reason"]) for cell in board["cells"]}
    assert states == {"pca": ("ok", ""), "random-2": ("ok", ""), "crash": ("failed(error)", "ValueError: no weights")}


def test_every_step_but_those_of_a_moment_or_the_internet_is_a_job(boards):
    embeds = {f"rule_embed_wildcards_pollen_{model}_0" for model in BOARD["models"]}
    scores = {f"rule_scores_{model}_score" for model in BOARD["models"]}
    others = {"rule_ontology", "rule_data_pollen_prepare_reference", "rule_umap_wildcards_pollen"}
    assert {job["step"] for job in boards["jobs"]} == embeds | scores | others | {"rule_page_board_report"}
    here = re.findall(
        r"^localrule (\w+):", (boards["cluster"] / "results/b/logs/snakemake.log").read_text(), re.MULTILINE
    )
    assert sorted(here) == ["all", "crate", "pull"]


def test_a_cancelled_job_is_sent_again_and_all_others_once(boards):
    ended = [(job["step"], job["state"]) for job in boards["jobs"]]
    assert [job["state"] for job in boards["jobs"] if job["id"] == boards["stopped"]] == [CANCELLED]
    assert ended.count((EMBED, "COMPLETED")) == 1
    assert len(ended) == len(set(ended)) == 11


def test_the_board_of_a_disturbed_cluster_is_that_of_one_machine(boards):
    assert text_of(boards["cluster"]) == text_of(boards["alone"])


def test_the_page_is_the_same_bytes_but_for_timings_and_hardware(boards):
    alone = (boards["alone"] / "results/b/board.html").read_bytes()
    assert page_with(boards["cluster"], boards["alone"]) == alone


@pytest.mark.soak
def test_the_demo_through_slurm_is_the_demo_of_one_machine(slurm_profile, cache, tmp_path_factory):
    demo = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    # Four runs of every model are scored in one job; memory as this machine may have it.
    board = {**demo, "limits": {"memory_mb": 6000}}
    alone, cluster = (folder_with(tmp_path_factory.mktemp(each), board, cache) for each in ("alone", "cluster"))
    with started(alone) as here:
        assert here.wait(2400) == 0
    with started(cluster, "--", "--profile", str(slurm_profile)) as there:
        assert there.wait(3600) == 0, (cluster / "output").read_text()[-3000:]
    assert text_of(cluster, "demo") == text_of(alone, "demo")
    shutil.copyfile(alone / "results/demo/board.html", alone / "alone.html")
    assert page_with(cluster, alone, "demo") == (alone / "alone.html").read_bytes()
