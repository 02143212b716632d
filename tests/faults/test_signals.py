"""A driver that is asked to stop, alone or with its terminal, stops what it began; the same command goes on."""

import os
import signal
import time

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("faults")]


# Ctrl-C, and in the long suite what a scheduler and a closed terminal send: one handler serves all.
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.soak),
        pytest.param(signal.SIGHUP, marks=pytest.mark.soak),
    ],
)
def test_a_driver_that_is_asked_to_stop_leaves_nothing_running(make_place, undisturbed, number):
    place = make_place(f"asked{number}")
    process = place.start()
    deadline = time.monotonic() + 300
    while not place.steps(place.tree(process)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, number)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1 and "no board" in output, output[-2000:]
    assert not place.survivors()
    assert not (place.results / "board.html").exists()


def test_after_a_stop_the_same_command_goes_on(make_place, undisturbed):
    place = make_place("stopped")
    process = place.start()
    while process.poll() is None and not any(verb == "embed" for verb, _ in place.steps(place.tree(process))):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=300)
    kept = {path: path.stat().st_mtime_ns for path in place.results.rglob("dataset.json")}
    assert kept
    code, output = place.run()
    assert code == 0, output[-3000:]
    assert place.content() == undisturbed.content()
    assert {path: path.stat().st_mtime_ns for path in place.results.rglob("dataset.json")} == kept
