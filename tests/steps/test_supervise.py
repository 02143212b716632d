"""A run that passes its limits is stopped, and the state says which limit it was."""

import os
import sys
import time

import psutil
import pytest

from scarena.steps.supervise import thread_env, watch


def watched(code, tmp_path, timeout_s=60.0, memory_mb=4000.0):
    command = [sys.executable, "-c", code]
    return watch(command, log=tmp_path / "log", timeout_s=timeout_s, memory_mb=memory_mb, env=dict(os.environ))


def test_a_run_that_ends_well_is_ok_and_its_cost_is_measured(tmp_path):
    out = watched("x = bytearray(200 * 2**20)\nimport time; time.sleep(0.5); print('said')", tmp_path)
    assert (out.state, out.exit_code) == ("ok", 0)
    assert out.cost.peak_rss_mb > 200
    assert out.cost.wall_s >= 0.5
    assert "said" in (tmp_path / "log").read_text()


def test_a_late_run_is_stopped_with_all_its_children(tmp_path):
    code = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid)); time.sleep(60)"
    )
    out = watched(code, tmp_path, timeout_s=3)
    assert out.state == "failed(timeout)"
    grandchild = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while psutil.pid_exists(grandchild) and time.monotonic() < deadline:
        if psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)
    assert not psutil.pid_exists(grandchild)


def test_a_run_above_its_memory_is_stopped(tmp_path):
    out = watched("x = bytearray(600 * 2**20)\nimport time; time.sleep(30)", tmp_path, memory_mb=300)
    assert out.state == "failed(oom)"
    assert out.cost.wall_s < 25


def test_a_kill_from_outside_counts_as_out_of_memory(tmp_path):
    assert watched("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", tmp_path).state == "failed(oom)"


@pytest.mark.parametrize("code", ["raise SystemExit(7)", "1/0"])
def test_any_other_end_is_an_error(tmp_path, code):
    assert watched(code, tmp_path).state == "failed(error)"


def test_children_get_the_threads_they_were_given(tmp_path):
    env = thread_env(3, tmp_path)
    assert {env["OMP_NUM_THREADS"], env["OPENBLAS_NUM_THREADS"], env["NUMBA_NUM_THREADS"]} == {"3"}
