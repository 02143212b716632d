"""A forked child ends, speaks and is stopped as a child that was started anew."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scarena.steps.forked import Forked, may_fork
from scarena.steps.supervise import thread_env, watch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux alone")


def end(work, tmp_path, **env):
    with (tmp_path / "log").open("ab") as sink:
        child = Forked(work, sink, {**os.environ, **env})
    code = child.wait()
    return code, (tmp_path / "log").read_text()


def raising(error):
    raise error


@pytest.mark.parametrize(
    ("work", "code", "said"),
    [
        (lambda: 0, 0, ""),
        (lambda: 7, 7, ""),
        (lambda: raising(SystemExit(3)), 3, ""),
        (lambda: raising(SystemExit("why")), 1, "why\n"),
        (lambda: raising(SystemExit), 0, ""),
        (lambda: raising(ValueError("wrong")), 1, "ValueError: wrong"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), -signal.SIGKILL, ""),
    ],
)
def test_it_ends_as_a_process_does(work, code, said, tmp_path):
    found, log = end(work, tmp_path)
    assert found == code
    assert log.endswith(said) if not said.startswith("ValueError") else said in log


def test_what_it_says_goes_to_its_sink_alone(tmp_path, capfd):
    def work():
        print("to out")
        print("to err", file=sys.stderr)
        os.system("echo from a child")
        return 0

    _, log = end(work, tmp_path)
    assert sorted(log.split("\n")) == ["", "from a child", "to err", "to out"]
    assert capfd.readouterr() == ("", "")


def test_it_leads_a_session_with_an_environment_and_signals_of_its_own(tmp_path):
    def work():
        print(os.getsid(0) == os.getpid(), os.environ["ONLY"], len(os.environ), sys.stdin.read() == "")
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
        return 0

    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with (tmp_path / "log").open("ab") as sink:
            assert Forked(work, sink, {"ONLY": "this"}).wait() == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (tmp_path / "log").read_text() == "True this 1 True\nTrue\n"


@pytest.mark.parametrize(
    ("limits", "state"), [({"timeout_s": 0.5}, "failed(timeout)"), ({"memory_mb": 1.0}, "failed(oom)")]
)
def test_it_is_stopped_at_a_limit_with_all_that_it_began(limits, state, tmp_path):
    def work():
        child = subprocess.Popen(["sleep", "60"])
        (tmp_path / "pid").write_text(str(child.pid))
        return child.wait()

    given = {"timeout_s": 30.0, "memory_mb": 1e6, **limits}
    out = watch(work, log=tmp_path / "log", env=dict(os.environ), **given)
    assert out.state == state
    deadline = time.monotonic() + 5
    while (tmp_path / "pid").exists() and Path(f"/proc/{(tmp_path / 'pid').read_text()}/cwd").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_its_cost_is_counted(tmp_path):
    def work():
        until = time.process_time() + 0.3
        kept = bytearray(60 << 20)
        while time.process_time() < until:
            kept[0] = 1
        return 0

    out = watch(work, log=tmp_path / "log", timeout_s=30, memory_mb=1e6, env=dict(os.environ))
    assert out.state == "ok" and out.cost.cpu_s >= 0.3 and out.cost.peak_rss_mb > 60


ASK = """from pathlib import Path
from scarena.steps.forked import may_fork
from scarena.steps.supervise import thread_env
"""


@pytest.mark.parametrize(
    ("before", "given", "may"),
    [
        ("", {}, True),
        ("", {"PYTHONHASHSEED": "1"}, False),
        ("", {"OMP_NUM_THREADS": "2"}, False),
        ("import threading, time; threading.Thread(target=time.sleep, args=(2,), daemon=True).start()\n", {}, False),
        ("import anndata\n", {}, True),
    ],
)
def test_a_process_is_forked_only_where_a_new_one_would_be_the_same(before, given, may, tmp_path):
    env = {**thread_env(1, tmp_path), **given}
    code = f"{ASK}{before}print(may_fork(thread_env(1, Path({str(tmp_path)!r}))))"
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert told.stdout == f"{may}\n"


def test_this_process_is_not_forked_for_other_threads(tmp_path):
    assert not may_fork({**thread_env(1, tmp_path), "OMP_NUM_THREADS": "97"})
