"""A forked child ends, speaks and is stopped as a child that was started anew.

Each test forks a process of its own: pytest's has threads, which a fork would leave behind with their locks.
"""

import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from scarena.steps.forked import may_fork
from scarena.steps.supervise import thread_env

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux alone")

FORK = """
import os, signal, subprocess, sys, time
from pathlib import Path
from scarena.steps.forked import Forked
def work():
{work}
with Path("log").open("ab") as sink:
    child = Forked(work, sink, {{**os.environ, **{env}}})
print(child.wait())
"""
WATCH = """
import dataclasses, json, os, subprocess, time
from pathlib import Path
from scarena.steps.supervise import watch
def work():
{work}
out = watch(work, log=Path("log"), env=dict(os.environ), **{limits})
print(json.dumps({{"state": out.state, **out.cost.model_dump()}}))
"""


def forked(work, folder, template=FORK, **given):
    """Run a script that forks; return what it says."""
    code = template.format(work=textwrap.indent(textwrap.dedent(work), "    "), **{"env": {}, **given})
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("work", "code", "said"),
    [
        ("return 0", 0, ""),
        ("return 7", 7, ""),
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit('why')", 1, "why\n"),
        ("sys.exit()", 0, ""),
        ("raise ValueError('wrong')", 1, "ValueError: wrong\n"),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
    ],
)
def test_it_ends_as_a_process_does(work, code, said, tmp_path):
    assert forked(work, tmp_path) == str(code)
    log = (tmp_path / "log").read_text()
    assert log.endswith(said) and bool(log) == bool(said)


def test_what_it_says_goes_to_its_sink_alone(tmp_path):
    work = """
        print("to out")
        print("to err", file=sys.stderr)
        os.system("echo from a child")
        return 0
    """
    assert forked(work, tmp_path) == "0"
    assert sorted((tmp_path / "log").read_text().split("\n")) == ["", "from a child", "to err", "to out"]


def test_it_leads_a_session_with_an_environment_and_signals_of_its_own(tmp_path):
    work = """
        print(os.getsid(0) == os.getpid(), os.environ["ONLY"], sys.stdin.read() == "")
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
        return 0
    """
    assert forked(work, tmp_path, env={"ONLY": "this"}) == "0"
    assert (tmp_path / "log").read_text() == "True this True\nTrue\n"


@pytest.mark.parametrize(
    ("limits", "state"), [({"timeout_s": 0.5}, "failed(timeout)"), ({"memory_mb": 1.0}, "failed(oom)")]
)
def test_it_is_stopped_at_a_limit_with_all_that_it_began(limits, state, tmp_path):
    work = """
        child = subprocess.Popen(["sleep", "60"])
        Path("pid").write_text(str(child.pid))
        return child.wait()
    """
    given = {"timeout_s": 30.0, "memory_mb": 1e6, **limits}
    assert json.loads(forked(work, tmp_path, WATCH, limits=given))["state"] == state
    deadline = time.monotonic() + 5
    while (tmp_path / "pid").exists() and Path(f"/proc/{(tmp_path / 'pid').read_text()}/cwd").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_its_cost_is_counted(tmp_path):
    work = """
        until, kept = time.process_time() + 0.35, bytearray(b"x") * (60 << 20)
        while time.process_time() < until:
            kept[0] = 1
        return 0
    """
    out = json.loads(forked(work, tmp_path, WATCH, limits={"timeout_s": 30.0, "memory_mb": 1e6}))
    assert out["state"] == "ok" and out["cpu_s"] >= 0.3 and out["peak_rss_mb"] > 60


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
