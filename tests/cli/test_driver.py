"""The driver of a board does not grow with the number of its jobs."""

import subprocess
import sys
import time

import psutil
import pytest

WORKFLOW = """
rule all:
    input: expand("out/{job}", job=range(60))
rule one:
    output: "out/{job}"
    shell: "sleep 0.2; touch {output}"
"""


def most_threads(folder, module):
    """Return how many threads a workflow's driver has at most, and its exit code."""
    (folder / "Snakefile").write_text(WORKFLOW)
    command = [sys.executable, "-m", module, "--cores", "4"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most, watched = 0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            most = max(most, watched.num_threads())
        except psutil.Error:
            break
        time.sleep(0.05)
    return most, process.wait(60)


@pytest.mark.slow
def test_the_driver_has_no_thread_for_each_job_that_ended(tmp_path):
    most, code = most_threads(tmp_path, "scarena.cli.driver")
    assert code == 0 and len(list((tmp_path / "out").iterdir())) == 60
    # Its own, those of the workers that wait for four jobs, and of the executor.
    assert most < 20


@pytest.mark.parametrize(("given", "kept"), [("100/1s", None), ("100/1m", (100, 60)), ("7/1s", (7, 1))])
def test_a_limit_of_jobs_in_a_time_is_kept_where_somebody_asks_for_one(given, kept):
    from snakemake.cli import parse_args

    from scarena.cli.driver import _asked

    _, args = parse_args(["--max-jobs-per-timespan", given, "--snakefile", "none"])
    found = _asked(args.max_jobs_per_timespan)
    assert (found and (found.max_jobs, found.timespan)) == kept


def test_what_snakemake_cannot_run_ends_with_its_own_words_and_one(tmp_path):
    (tmp_path / "Snakefile").write_text("rule all:\n    input: 'not-there'\n")
    done = subprocess.run(
        [sys.executable, "-m", "scarena.cli.driver", "--cores", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "MissingInputException" in done.stderr
