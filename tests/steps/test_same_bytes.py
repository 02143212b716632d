"""The same configuration gives the same bytes, whatever the cores, clock zone, locale, host or order of folders."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scarena.base.files import read_json, sha256_of
from scarena.report.html import render

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("same_bytes")]

# What Python reads first: folders are listed in another order in every process.
SHUFFLED = """
import os, random, socket

_listdir, _scandir, _draw = os.listdir, os.scandir, random.Random(os.getpid())
socket.gethostname = lambda: "another-host"


def listdir(*given):
    found = list(_listdir(*given))
    _draw.shuffle(found)
    return found


class scandir:
    def __init__(self, *given):
        self.inner = _scandir(*given)
        self.found = list(self.inner)
        _draw.shuffle(self.found)
    def __enter__(self):
        return iter(self.found)
    def __exit__(self, *how):
        self.inner.close()
    def __iter__(self):
        return iter(self.found)
    def __next__(self):
        if not self.found:
            raise StopIteration
        return self.found.pop()
    def close(self):
        self.inner.close()


os.listdir, os.scandir = listdir, scandir
"""
MODELS = ["hvg", "harmony", "scarena-fm-student", "labels-noisy"]


def made(place, cores, cache, **env):
    (place / ".cache").symlink_to(cache.absolute())
    board = {"board": "same", "datasets": ["pollen"], "models": MODELS}
    (place / "same.yaml").write_text(yaml.safe_dump(board))
    command = [sys.executable, "-m", "scarena.cli", "run", "--config", "same.yaml", "--cores", str(cores)]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, env={**os.environ, **env})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return place / "results" / "same"


@pytest.fixture(scope="module")
def two(tmp_path_factory, cache):
    """The folders of two boards, made as differently as a machine allows."""
    plain, other = (tmp_path_factory.mktemp(name) for name in ("plain", "other"))
    hook = tmp_path_factory.mktemp("hook")
    (hook / "sitecustomize.py").write_text(SHUFFLED)
    first = made(plain, 1, cache, TZ="UTC", LC_ALL="C", PYTHONHASHSEED="0")
    second = made(
        other, 4, cache, TZ="Asia/Kathmandu", LC_ALL="C.UTF-8", LANGUAGE="de", PYTHONHASHSEED="4711",
        PYTHONPATH=str(hook), HOSTNAME="another-host", COLUMNS="40",
    )  # fmt: skip
    return first, second


def files(place):
    """The files whose bytes may not depend on the run: all but logs, timings and what names machine and day."""
    kept = {".npz", ".h5ad"}
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.suffix in kept)


def test_the_orders_of_folders_were_shuffled(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SHUFFLED)
    for number in range(30):
        (tmp_path / f"f{number:02}").touch()
    listed = "import os, socket; print(os.listdir('.') == sorted(os.listdir('.')), socket.gethostname())"
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", listed], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "another-host"], done.stderr


def test_boards_are_the_same_but_for_timings(two):
    first, second = (read_json(place / "board.json") for place in two)
    for board in (first, second):
        board.pop("timings")
    assert first == second


def test_pages_of_the_same_board_are_the_same_bytes(two):
    timings = read_json(two[0] / "board.json")["timings"]
    first, second = (render({**read_json(place / "board.json"), "timings": timings}, place) for place in two)
    assert first == second
    assert len(first) > 1e6


@pytest.mark.parametrize(
    "name", ["embedding.npz", "replicates.npz", "details.npz", "umaps.npz", "reference.npz", "ontology.npz"]
)
def test_files_between_the_steps_are_the_same_bytes(two, name):
    first, second = two
    found = [path for path in files(first) if Path(path).name == name]
    assert found and files(first) == files(second)
    assert {path: sha256_of(first / path) for path in found} == {path: sha256_of(second / path) for path in found}
