"""What takes long says so on stderr: drawn anew in a terminal, in a line now and then elsewhere, never on stdout."""

import logging
import os
import pty
import subprocess
import sys
import threading
import time

import pytest

from scarena.base.progress import tell
from scarena.cli import progress
from scarena.cli.progress import Doing, Lines, shown

WORK = """
import sys, time
from scarena.base.progress import tell
from scarena.cli.progress import shown
with shown():
    for number in range(4):
        tell("embedding", number, 3, "cells")
        time.sleep(0.4)
    print("a warning", file=sys.stderr)
    tell("writing")
    time.sleep(0.4)
print("result")
"""


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def lines():
    """Return lines with a clock of their own, of which no timer goes off."""
    clock = Clock()
    made = Lines(5.0, clock)
    yield made, clock
    made.close()


def test_what_is_soon_over_says_nothing(lines, capsys):
    made, clock = lines
    for clock.now in (0, 1, 4.9):
        made.show(Doing("reading"))
    made.close()
    assert capsys.readouterr() == ("", "")


def test_a_new_thing_is_said_at_once_and_numbers_of_the_same_seldom(lines, capsys):
    made, clock = lines
    for clock.now in (6, 7, 8, 12, 17):
        made.show(Doing("embedding", clock.now, 20, "cells"))
    clock.now = 20
    made.show(Doing("writing"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["embedding: 6 of 20 cells", "embedding: 17 of 20 cells", "writing"]


def test_the_longer_it_takes_the_fewer_lines_there_are(lines, capsys):
    made, clock = lines
    for clock.now in range(6, 36_000):
        made.show(Doing("training", clock.now))
    assert 50 < len(capsys.readouterr().err.splitlines()) < 200


def test_what_came_too_early_is_said_later_although_nothing_else_happens(capsys):
    made = Lines(0.2)
    made.show(Doing("reading"))
    made.show(Doing("computing"))
    deadline = time.monotonic() + 20
    said = ""
    while not said and time.monotonic() < deadline:
        time.sleep(0.05)
        said = capsys.readouterr().err
    made.close()
    assert said == "computing\n"


def test_nobody_is_told_where_nobody_asked(capsys, monkeypatch):
    # As a training's own log has it, for all that scArena says.
    root, logged = logging.getLogger(), []
    handler = logging.Handler()
    handler.emit = logged.append
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(root, "level", logging.INFO)
    tell("reading")
    with shown(lines=False):
        tell("reading")
    assert (capsys.readouterr(), logged) == (("", ""), [])


def test_a_thread_tells_as_its_process_does(monkeypatch, capsys):
    monkeypatch.setattr(progress, "QUIET_S", 0.0)
    with shown():
        thread = threading.Thread(target=tell, args=("computing", 3, 5))
        thread.start()
        thread.join()
    assert capsys.readouterr().err == "computing: 3 of 5\n"


def test_a_forked_child_says_nothing_on_its_parents_terminal(monkeypatch, capfd):
    monkeypatch.setattr(progress, "QUIET_S", 0.0)
    with shown():
        pid = os.fork()
        if pid == 0:
            tell("from the child")
            os._exit(0)
        os.waitpid(pid, 0)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("unit", "words"), [("B", "2.0 MB of 3.0 MB"), ("cells", "2,000,000 of 3,000,000 cells")])
def test_amounts_are_said_in_their_unit(unit, words):
    assert Doing("x", 2e6, 3e6, unit).line() == f"x: {words}"


def test_a_terminal_shows_it_and_is_clean_afterwards(in_terminal):
    done = in_terminal(sys.executable, "-c", WORK)
    assert (done.code, done.stdout) == (0, "result\n")
    assert "embedding" in done.drawn and "2 of 3 cells" in done.drawn and "writing" in done.drawn
    assert done.left() == ["a warning"]
    assert done.drawn.count("\x1b[?25l") == done.drawn.count("\x1b[?25h") > 0


@pytest.mark.parametrize("terminal", ["dumb", ""])
def test_a_terminal_that_cannot_draw_gets_lines(terminal, in_terminal):
    late = WORK.replace("with shown", "import scarena.cli.progress as p\np.QUIET_S = 0.0\nwith shown")
    done = in_terminal(sys.executable, "-c", late, TERM=terminal)
    assert done.stdout == "result\n"
    assert "\x1b" not in done.drawn and "embedding: 0 of 3 cells" in done.drawn


def test_without_a_terminal_stderr_has_no_control_characters():
    late = WORK.replace("with shown", "import scarena.cli.progress as p\np.QUIET_S = 0.0\nwith shown")
    done = subprocess.run([sys.executable, "-c", late], capture_output=True, text=True, check=True)
    assert done.stdout == "result\n"
    assert done.stderr.splitlines()[:2] == ["embedding: 0 of 3 cells", "a warning"]


def test_a_closed_terminal_stops_no_work():
    leader, follower = pty.openpty()
    work = WORK.replace('print("a warning", file=sys.stderr)', "pass")
    process = subprocess.Popen(
        [sys.executable, "-c", work], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=follower, text=True,
        env={**os.environ, "TERM": "xterm"}, start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    os.read(leader, 1)
    os.close(leader)
    assert process.communicate(timeout=120)[0] == "result\n"
