"""A step in a fork of the warm process says, ends and is stopped as one that began by itself."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from scarena.steps.config import BoardConfig
from scarena.steps.door import IN_BOARD, PLACE, PREFIX
from scarena.steps.keep_warm import kept_warm
from scarena.steps.warm import Warm, own_files

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux alone")
SCARENA = [sys.executable, "-m", "scarena.cli"]


def config_in(folder):
    given = {"board": "b", "datasets": ["nothing"], "models": ["pca"]}
    return BoardConfig.model_validate({**given, "results": folder, "cache": folder / "cache"})


@pytest.fixture(autouse=True)
def config(tmp_path):
    config = config_in(tmp_path)
    (tmp_path / "config.json").write_text(config.model_dump_json())
    return config


@contextlib.contextmanager
def listening(folder):
    with kept_warm(config_in(folder), folder / "warm.log") as kept:
        deadline = time.monotonic() + 60
        while not Path(kept.environment[PLACE]).exists():
            assert time.monotonic() < deadline, (folder / "warm.log").read_text()
            time.sleep(0.02)
        yield kept.environment


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """One process for all tests but those that end it: importing takes seconds."""
    with listening(tmp_path_factory.mktemp("warm")) as environment:
        yield environment


def asked(arguments, tmp_path, **env):
    return subprocess.run(
        [*SCARENA, *arguments],
        cwd=tmp_path,
        env={**os.environ, IN_BOARD: "1", **env},
        capture_output=True,
        text=True,
        check=False,
    )


STEPS = [
    ["pull", "nothing", "--out", "sources.json", "--settings", "config.json"],
    ["score", "none.json", "none.json", "--out", "scores.json", "--settings", "config.json"],
    ["report", "none.json"],
    ["crate", "."],
    ["embed", "--nonsense"],
]


@pytest.mark.parametrize("arguments", STEPS, ids=lambda words: words[0])
def test_it_says_and_ends_as_it_does_by_itself(arguments, warm, tmp_path):
    there, alone = asked(arguments, tmp_path, **warm), asked(arguments, tmp_path)
    assert (there.returncode, there.stdout, there.stderr) == (alone.returncode, alone.stdout, alone.stderr)
    assert there.returncode or there.stderr


def test_many_at_once_are_answered_each_its_own(warm, tmp_path):
    names = [f"set-{number}" for number in range(8)]
    ran = [
        subprocess.Popen(
            [*SCARENA, "pull", name, "--out", f"{name}.json", "--settings", "config.json"], cwd=tmp_path,
            env={**os.environ, IN_BOARD: "1", **warm}, stderr=subprocess.PIPE, text=True,
        )
        for name in names
    ]  # fmt: skip
    for name, process in zip(names, ran, strict=True):
        said = process.communicate(timeout=120)[1]
        assert process.returncode == 0 and said.startswith(f"pull {name}: failed")
        assert json.loads((tmp_path / f"{name}.json").read_text())["dataset"] == name


@pytest.mark.parametrize("umask", [0o022, 0o007])
def test_what_it_writes_is_as_open_as_who_asks_has_it(umask, warm, tmp_path):
    command = " ".join([*SCARENA, *STEPS[0]])
    shell = ["sh", "-c", f"umask {umask:03o} && exec {command}"]
    subprocess.run(shell, cwd=tmp_path, env={**os.environ, IN_BOARD: "1", **warm}, check=True, capture_output=True)
    assert (tmp_path / "sources.json").stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("arguments", [STEPS[0], STEPS[0][:2] + STEPS[0][4:]], ids=["out", "no out"])
def test_a_step_that_fails_has_ended_well_for_the_workflow_and_not_for_a_person(arguments, warm, tmp_path):
    alone = {key: value for key, value in os.environ.items() if key != IN_BOARD}
    for env in ({}, warm):
        done = subprocess.run(
            [*SCARENA, *arguments], cwd=tmp_path, env={**alone, **env}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1 and "pull nothing: failed" in done.stderr
        assert asked(arguments, tmp_path, **env).returncode == 0


def test_where_the_warm_process_is_gone_a_step_begins_by_itself(tmp_path, config):
    done = asked(STEPS[0], tmp_path, **{PLACE: str(tmp_path / "gone"), PREFIX: sys.prefix})
    assert done.returncode == 0 and "pull nothing: failed" in done.stderr


@pytest.mark.parametrize("other", [{"SCARENA_WARM_PREFIX": "/another/python"}, {"words": ["--deployed"]}])
def test_a_step_of_another_environment_begins_by_itself(other, warm, tmp_path):
    words = other.pop("words", [])
    step = ["embed", "pca", "none.json", "--out", "run/record.json", "--settings", "config.json", *words]
    server = _server(warm)
    # What ran before is counted when it is gone.
    while server.children():
        time.sleep(0.02)
    before = sum(server.cpu_times()[2:4])
    done = asked(step, tmp_path, **{**warm, **other})
    assert done.returncode == 2 or "none.json" in done.stderr
    time.sleep(1.5)
    assert sum(server.cpu_times()[2:4]) == before


def test_a_step_whose_asker_is_killed_is_killed(warm, tmp_path):
    # A fifo that nobody writes to: the step waits for its settings for ever.
    os.mkfifo(tmp_path / "board.json")
    asker = subprocess.Popen([*SCARENA, "report", "board.json"], cwd=tmp_path, env={**os.environ, **warm})
    server = _server(warm)
    deadline = time.monotonic() + 60
    while not (steps := server.children()) or steps[0].cwd() != str(tmp_path):
        assert time.monotonic() < deadline and asker.poll() is None
        time.sleep(0.02)
    asker.kill()
    asker.wait()
    psutil.wait_procs(steps, timeout=10)
    assert not any(step.is_running() and step.status() != psutil.STATUS_ZOMBIE for step in steps)
    assert asked(STEPS[0], tmp_path, **warm).returncode == 0


def test_a_killed_step_is_told_as_killed(warm, tmp_path):
    os.mkfifo(tmp_path / "board.json")
    asker = subprocess.Popen(
        [*SCARENA, "report", "board.json"], cwd=tmp_path, env={**os.environ, **warm}, stderr=subprocess.PIPE, text=True
    )
    server = _server(warm)
    while not (steps := server.children()) or steps[0].cwd() != str(tmp_path):
        time.sleep(0.02)
    steps[0].send_signal(signal.SIGKILL)
    said = asker.communicate(timeout=60)[1]
    assert asker.returncode == 137 and said == "scarena report: killed, most often for memory\n"


def test_steps_end_with_the_warm_process_and_later_ones_begin_by_themselves(tmp_path):
    os.mkfifo(tmp_path / "board.json")
    with listening(tmp_path) as own:
        asker = subprocess.Popen([*SCARENA, "report", "board.json"], cwd=tmp_path, env={**os.environ, **own})
        server = _server(own)
        while not (steps := server.children()) or steps[0].cwd() != str(tmp_path):
            time.sleep(0.02)
        server.kill()
        assert asker.wait(60) == 137
        psutil.wait_procs(steps, timeout=10)
        assert not any(step.is_running() and step.status() != psutil.STATUS_ZOMBIE for step in steps)
        done = asked(STEPS[0], tmp_path, **own)
        assert done.returncode == 0 and "pull nothing: failed" in done.stderr


def test_nobody_else_may_ask(warm):
    place = Path(warm[PLACE])
    assert place.stat().st_mode & 0o077 == 0 and place.parent.stat().st_mode & 0o077 == 0


def test_it_ends_with_the_board(config, tmp_path):
    with kept_warm(config, tmp_path / "warm.log") as kept:
        while not Path(kept.environment[PLACE]).exists():
            time.sleep(0.02)
        server = _server(kept.environment)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
    assert not Path(kept.environment[PLACE]).parent.exists()


def test_code_that_was_edited_since_is_not_run_from_memory(tmp_path):
    file = tmp_path / "code.py"
    file.write_text("old")
    warm = Warm(None, -1, print, {str(file): file.stat().st_mtime_ns})
    assert not warm.outdated()
    os.utime(file, ns=(0, 1))
    assert warm.outdated()
    file.unlink()
    assert warm.outdated()
    assert any(path.endswith("warm.py") for path in own_files())


def _server(environment):
    """Return the process that listens at the socket."""
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error):
            command = process.info["cmdline"] or []
            if "scarena.steps.warm" in command and environment[PLACE] in command and process.ppid() == os.getpid():
                return process
    raise AssertionError("no warm process")
