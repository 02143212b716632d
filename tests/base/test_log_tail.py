"""The end of a log is plain text, whatever a program wrote there, and names no folder of the user's."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scarena.base.errors import DataError
from scarena.base.log_tail import last_lines


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A file to write to, with a working folder inside a home folder."""
    work = tmp_path / "home" / "some.body" / "work"
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(work.parent))
    return work / "record.log"


def tail(log, text, n=5):
    log.write_text(text, encoding="utf-8", newline="")
    return last_lines(log, n)


def test_the_last_lines_that_are_not_empty_come_in_their_order(log):
    assert tail(log, "one\n\ntwo\n   \nthree\n\n", 2) == ["two", "three"]
    assert tail(log, "one\ntwo") == ["one", "two"]
    assert tail(log, "one\n", 0) == []


def test_no_file_an_empty_one_and_a_folder_have_no_lines(log):
    assert last_lines(log) == last_lines(log.parent) == tail(log, "") == tail(log, "\n \n\t\r\n") == []


def test_a_pipe_is_not_waited_for(log):
    os.mkfifo(log)
    assert last_lines(log) == []


def test_colours_titles_links_and_control_characters_are_gone(log):
    link = "\x1b]8;;http://x\x1b\\here\x1b]8;;\x1b\\"
    text = f"\x1b[1;31mError\x1b[0m: \x1b]0;title\x07{link} \x9b2Ja\x00b\x08\u202ec\x1b(B\td"
    assert tail(log, text) == ["Error: here abc d"]
    assert tail(log, "unfinished \x1b]0;title\nnext") == ["unfinished", "next"]


def test_of_a_line_that_was_overwritten_the_last_state_is_shown(log):
    assert tail(log, "10 %\r 50 %\r100 %\r\nTraceback:\r\n  File\r\n") == ["100 %", "Traceback:", "  File"]


def test_paths_are_relative_to_the_working_folder_or_to_the_home_folder(log):
    home, work = log.parent.parent, log.parent
    text = f'File "{work}/models/x.py", line 3\n{work}\nin {home}/.cache/y. ({home})\nfile://{home}/z {work}/'
    assert tail(log, text) == ['File "models/x.py", line 3', ".", "in ~/.cache/y. (~)", "file://~/z ./"]


def test_other_folders_of_a_like_name_stay(log):
    text = f"{log.parent}2/x {log.parent}.old {log.parent}-b /mnt{log.parent}/x"
    home = str(log.parent.parent)
    assert tail(log, text) == [text.replace(f"{home}/", "~/", 3)]


def test_the_root_is_nobodys_folder(log, monkeypatch):
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", "/")
    assert tail(log, "at /usr/lib and /") == ["at /usr/lib and /"]


def test_a_long_line_keeps_its_start(log):
    (line,) = tail(log, "E" + "x" * 5000)
    assert len(line) == 300 and line.startswith("Exxx") and line.endswith("…")
    assert tail(log, "y" * 300) == ["y" * 300]


def test_of_a_large_file_only_the_end_is_read(log):
    lines = [f"line {i}" for i in range(20_000)]
    with log.open("wb") as file:
        # A hole of a tebibyte takes no room on the disk, and no memory has room for it.
        file.truncate(1 << 40)
        file.seek(1 << 40)
        file.write("\n".join(lines).encode())
    found = last_lines(log, 10**6)
    # The line that the 64 kB begin within is not shown as if it were one.
    assert found == lines[-len(found) :]
    assert sum(len(line) + 1 for line in found) > (64 << 10) - len(lines[-1]) - 2


def test_a_single_line_longer_than_what_is_read_is_still_shown(log):
    assert tail(log, "x" * 70_000) == ["x" * 299 + "…"]


def test_bytes_that_are_no_text_are_shown_as_such(log):
    log.write_bytes(b"caf\xe9 \xff\xfe")
    assert last_lines(log) == ["caf\ufffd \ufffd\ufffd"]


def test_a_log_that_may_not_be_read_is_an_error_that_names_it(log, monkeypatch):
    log.write_text("x")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"record\.log.*Permission denied"):
        last_lines(log)


@given(st.text(st.sampled_from("\x1b[]m0;A\x07\\\r\n\x9b\x00 é/~x"), max_size=60))
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_written_every_line_prints_and_is_not_empty(log, text):
    found = tail(log, text)
    assert len(found) <= 5
    assert all(line.isprintable() and line.strip() for line in found)
