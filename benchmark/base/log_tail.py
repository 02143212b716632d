"""The end of a log as a page may show it: plain text, nothing that a terminal obeys, no path of a home folder."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from scarena.base.errors import DataError
from scarena.base.untrusted import reading

_BYTES, _LONGEST = 64 << 10, 300
_ANSI = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # control sequences: colours, the cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # strings for the terminal: titles, links
    r"|\x1b[ -/]*[0-~]"
)

# A folder's name may be the end of a longer path, or the start of a longer name.
_STARTS, _ENDS = r"(?<![\w.~-])", r"(?![\w-]|\.\w)"


def last_lines(log: Path, n: int = 5) -> list[str]:
    """Return the last lines of a log that are not empty.

    Parameters
    ----------
    log
        A text file; what is not UTF-8 in it is shown as such.
    n
        How many lines at most.

    Returns
    -------
    list of str
        In their order, each of at most 300 characters, from the last 64 kB of the file; [] where there is no file. Of a
        line that was overwritten, as by a progress bar, what stood there last. Escape sequences and characters that do
        not print are gone, and paths in the working folder are relative to it, in the home folder to ``~``.

    Raises
    ------
    DataError
        If the file may not be read.
    """
    if n < 1 or not log.is_file():
        return []
    with reading(log, DataError, fix="look at its permissions"), log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _BYTES))
        text = file.read(_BYTES).decode("utf-8", errors="replace")
    lines = text.split("\n")
    # Where the file was cut the first line is none, unless it is all there is.
    kept = lines[1:] if size > _BYTES and any(map(str.strip, lines[1:])) else lines
    folders, found = _folders(), list[str]()
    for line in reversed(kept):
        if shown := _shown(line, folders):
            found.append(shown)
        if len(found) == n:
            break
    return found[::-1]


def _shown(line: str, folders: list[tuple[re.Pattern[str], str]]) -> str:
    written = [part for part in map(_plain, line.split("\r")) if part]
    text = written[-1] if written else ""
    for folder, short in folders:
        text = folder.sub(short, text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _plain(text: str) -> str:
    spaced = "".join(" " if each.isspace() else each for each in _ANSI.sub("", text))
    return "".join(filter(str.isprintable, spaced)).rstrip()


def _folders() -> list[tuple[re.Pattern[str], str]]:
    """Return what stands for the working and the home folder in a line, and what to put there, the longest first."""
    here = Path.cwd()
    known = [(here, r"/(?=[\w.])", ""), (here, "", ".")]
    # An account without a home folder has no name to hide.
    with contextlib.suppress(RuntimeError):
        home = Path.home()
        known += [(home, "", "~"), (home.resolve(), "", "~")]
    # The root is the start of every path. The sort keeps what follows a folder before the folder alone.
    longest = sorted((each for each in known if len(each[0].parts) > 1), key=lambda each: -len(str(each[0])))
    return [(re.compile(_STARTS + re.escape(str(folder)) + (on or _ENDS)), short) for folder, on, short in longest]
