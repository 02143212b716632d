"""A whole board through snakemake: failures are states, a rerun does nothing, a kill loses nothing, results repeat."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from scarena.base.files import sha256_of
from scarena.board.merging.files import merge_boards
from scarena.cli.own_dataset import add_dataset
from scarena.cli.own_reader import OwnFile

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("run")]

PLUGIN = """
import time
from pathlib import Path
import numpy as np
from scarena.models.base import Model, ModelCard

class Crash(Model):
    card = ModelCard(name="crash", title="Crash", family="foundation", description="raises")
    def embed(self, data, ctx):
        raise ValueError("no weights\\nfound")

class Slow(Model):
    card = ModelCard(name="slow", title="Slow", family="foundation", description="sleeps")
    def embed(self, data, ctx):
        time.sleep(600 if Path("hold").exists() else 0)
        return np.asarray(data.X[:, :5].toarray(), dtype=np.float32)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, cache, make_cells):
    """A folder with a user's dataset, a plug-in with a model that crashes and one that hangs, and a board."""
    from scarena.datasets.genes import gene_table

    folder = tmp_path_factory.mktemp("place")
    (folder / ".cache").symlink_to(cache)
    data = make_cells()
    data.var_names = sorted(gene_table(cache=cache, mirror=None).symbol_to_id)[: data.n_vars]
    data.write_h5ad(folder / "mine.h5ad")
    (folder / "map.yaml").write_text("type0: CL:0000236\ntype1: CL:0000084\ntype2: CL:0000576\n")
    old = Path.cwd()
    os.chdir(folder)
    try:
        own = OwnFile(folder / "mine.h5ad", "batch", "cell_type", ontology_map=folder / "map.yaml")
        add_dataset(own, name=None, folder=folder / "config/datasets")
    finally:
        os.chdir(old)
    plugin = folder / "plugin"
    (plugin / "plug-1.0.dist-info").mkdir(parents=True)
    (plugin / "plug.py").write_text(PLUGIN)
    (plugin / "plug-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    points = "[scarena.models]\ncrash = plug:Crash\nslow = plug:Slow\n"
    (plugin / "plug-1.0.dist-info" / "entry_points.txt").write_text(points)
    return folder


def config(place, name, models, **more):
    path = place / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"board": name, "datasets": ["mine"], "models": models, **more}))
    return path


def start(place, path, *more):
    env = {**os.environ, "PYTHONPATH": str(place / "plugin")}
    command = [sys.executable, "-m", "scarena.cli", "run", "--config", str(path), "--cores", "2", *more]
    return subprocess.Popen(command, cwd=place, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(place, path, *more):
    process = start(place, path, *more)
    output, _ = process.communicate(timeout=600)
    return process.returncode, output


def content(place, name):
    return json.loads((place / "results" / name / "board.json").read_text())


@pytest.fixture(scope="module")
def first(place):
    """The first board: a good model, the controls, and a model that crashes."""
    code, output = run(place, config(place, "first", ["pca", "labels", "random-2", "crash"]))
    return code, output


def test_a_crashing_model_is_a_state_of_its_cell_and_the_rest_completes(place, first):
    code, output = first
    assert code == 3, output
    assert "mine · crash · seed 0: failed(error): ValueError: no weights found" in output
    states = {cell["model"]: cell["state"] for cell in content(place, "first")["cells"]}
    assert states == {"pca": "ok", "labels": "ok", "random-2": "ok", "crash": "failed(error)"}
    assert (place / "results/first/board.html").stat().st_size > 1e6


def test_scores_are_there_and_the_labels_beat_noise(place, first):
    scores = {cell["model"]: cell["scores"] for cell in content(place, "first")["cells"]}
    assert scores["labels"]["bio"]["value"] > scores["random-2"]["bio"]["value"]
    assert scores["pca"]["onto_rwr"]["state"] == "ok"
    assert scores["labels"]["knn_accuracy"]["value"] == 1


def test_it_ends_with_what_the_board_says_and_where_it_is_and_snakemakes_log_is_a_file(place, first):
    _, output = first
    said = [line.removeprefix("- ") for line in (place / "results/first/board.md").read_text().splitlines()]
    for sentence in (line for line in output.splitlines() if line.endswith(".")):
        assert sentence in said
    assert any(line.startswith("Crash") and "total" in line for line in output.splitlines()), output
    assert "board: results/first/board.html" in output.splitlines()
    assert "snakemake's log: results/first/logs/snakemake.log" in output.splitlines()
    log = (place / "results/first/logs/snakemake.log").read_text()
    assert "rule score:" in log and "(100%) done" in log
    # What snakemake says in hundreds of lines is not what a person is to read.
    assert "rule score:" not in output and len(output.splitlines()) < 40


def _text_without_timings(path):
    board = json.loads(path.read_text())
    assert board.pop("timings")
    return json.dumps(board)


@pytest.fixture(scope="module")
def again(place, first, in_terminal):
    """The first board made again, in a terminal: what was shown there, and the board's text before and after."""
    path = place / "results/first/board.json"
    before = _text_without_timings(path)
    shutil.rmtree(place / "results/first")
    command = [sys.executable, "-m", "scarena.cli", "run", "--config", str(place / "first.yaml"), "--cores", "2"]
    shown = in_terminal(*command, cwd=place, PYTHONPATH=str(place / "plugin"))
    return shown, before, _text_without_timings(path)


def test_a_terminal_shows_steps_failures_and_in_the_end_what_the_board_says(again):
    done, _, _ = again
    assert done.code == 3
    assert "of 17 steps" in done.drawn and "embed pca on mine" in done.drawn
    left = done.left()
    assert left[0] == "mine · crash · seed 0: failed(error): ValueError: no weights found"
    assert len([line for line in left if "crash" in line]) == 1
    assert left[-1] == "snakemake's log: results/first/logs/snakemake.log"
    assert done.stdout.splitlines()[-1] == "board: results/first/board.html"
    assert done.drawn.rstrip().endswith("logs/snakemake.log")


def test_two_boards_are_equal_but_for_timings(again):
    _, before, after = again
    assert after == before


def test_snakemakes_own_log_is_printed_where_it_is_asked_for(place, first):
    code, output = run(place, place / "first.yaml", "--verbose", "--", "--forcerun", "crate")
    assert code == 3
    assert "localrule crate:" in output and "steps (100%) done" in output
    assert "first: " not in output


@pytest.mark.parametrize(
    ("option", "words"),
    [("--dryrunn", "did you mean --dryrun?"), ("--qqqq", "snakemake --help"), ("--jobs=many", "must be integer")],
)
def test_a_wrong_option_of_snakemakes_is_a_line(place, first, option, words):
    code, output = run(place, place / "first.yaml", "--", option)
    assert code == (1 if "jobs" in option else 2)
    assert words in output and len(output.splitlines()) <= 3


def test_a_rerun_with_nothing_changed_runs_no_step(place, first):
    before = (place / "results/first/board.json").stat().st_mtime_ns
    code, output = run(place, place / "first.yaml")
    assert code == 3
    assert "Nothing to be done" in output
    assert (place / "results/first/board.json").stat().st_mtime_ns == before


def test_what_was_deleted_of_a_finished_board_is_made_again(place, first):
    folder = place / "results/first"
    before = content(place, "first")
    for name in ("board.json", "board.md"):
        (folder / name).unlink()
    code, output = run(place, place / "first.yaml")
    assert code == 3, output
    assert content(place, "first") == before
    assert (folder / "board.md").exists()


def test_beside_the_page_are_its_table_and_its_summary_and_the_crate_has_their_checksums(place, first):
    folder = place / "results/first"
    assert "failed(error)" in (folder / "board.csv").read_text()
    assert "| Crash | – | failed |" in (folder / "board.md").read_text()
    crate = {entity["@id"]: entity for entity in json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]}
    assert all(crate[name]["sha256"] == sha256_of(folder / name) for name in ("board.csv", "board.md"))


def test_a_finished_board_merged_alone_says_the_same(place, first):
    merge_boards([place / "results/first"], place / "results/merged")
    before, after = content(place, "first"), content(place, "merged")
    same = set(before) - {"board", "provenance"}
    assert {key for key in same if before[key] != after[key]} == set()


def test_snakemakes_own_report_of_a_finished_board_needs_no_network(place, first, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    before = (place / "results/first/board.json").stat().st_mtime_ns
    code, output = run(place, place / "first.yaml", "--", "--report", "report.html")
    assert code == 3, output
    report = (place / "report.html").read_text()
    assert all(f"results/first/board.{kind}" in report for kind in ("html", "csv", "md", "json"))
    assert not re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=[\"']?https?:", report)
    assert (place / "results/first/board.json").stat().st_mtime_ns == before


def test_a_killed_driver_is_resumed_by_the_same_command_and_finished_runs_are_kept(place, first):
    path = config(place, "killed", ["pca", "slow"], limits={"timeout_s": 900})
    (place / "hold").touch()
    process = start(place, path)
    record = place / "results/killed/mine/pca/0/record.json"
    spec = place / "results/killed/mine/slow/0/.record.spec.json"
    # The record alone does not mean that its step is over; that the step after it has begun does.
    score = place / "results/killed/logs/score/mine.pca.0.log"
    deadline = time.monotonic() + 240
    while not (score.exists() and spec.exists()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert score.exists() and spec.exists()
    _kill_tree(process.pid)
    process.communicate()
    (place / "hold").unlink()
    kept = record.stat().st_mtime_ns
    code, output = run(place, path)
    assert code == 0, output
    assert record.stat().st_mtime_ns == kept
    assert {cell["state"] for cell in content(place, "killed")["cells"]} == {"ok"}


def _kill_tree(pid):
    import psutil

    parent = psutil.Process(pid)
    for process in [parent, *parent.children(recursive=True)]:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_a_model_past_its_time_is_a_timeout_on_the_board(place, first):
    (place / "hold").touch()
    try:
        code, _ = run(place, config(place, "late", ["slow", "pca"], limits={"timeout_s": 25}))
    finally:
        (place / "hold").unlink()
    assert code == 3
    states = {cell["model"]: cell["state"] for cell in content(place, "late")["cells"]}
    assert states == {"slow": "failed(timeout)", "pca": "ok"}
    code, _ = run(place, place / "late.yaml", "--retry-failed")
    assert code == 0


def test_a_changed_file_fails_its_dataset_with_one_line_and_nothing_else(place, first):
    h5ad = place / "mine.h5ad"
    whole = h5ad.read_bytes()
    h5ad.write_bytes(whole[:-100])
    try:
        code, output = run(place, config(place, "changed", ["pca"]))
    finally:
        h5ad.write_bytes(whole)
    cell = content(place, "changed")["cells"][0]
    assert code == 3, output
    assert cell["state"] == "failed(error)"
    assert "mine.h5ad" in cell["reason"]
    # It is the first line where planning takes too little time to be spoken of.
    assert f"\n{output}".count("\nmine: failed(error): ") == 1
    assert "Traceback" not in output
    assert run(place, place / "changed.yaml")[0] == 0


def test_two_drivers_on_one_board_are_refused(place, first):
    import fcntl

    with (place / "results/first/.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, output = run(place, place / "first.yaml")
    assert code == 2
    assert "another run of this board" in output
