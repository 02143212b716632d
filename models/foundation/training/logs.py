"""What a run writes while it goes: losses.jsonl, timing.jsonl, TensorBoard where asked for.

losses.jsonl holds nothing that depends on the clock, so two runs can be compared byte for byte.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scarena.base.errors import ModelError, NotAvailable

FILES = ("losses.jsonl", "timing.jsonl")


class Lines:
    """A file of JSON lines that a resumed run goes on with.

    Parameters
    ----------
    path
        The file.
    keep
        Bytes it had at the checkpoint; what came after is dropped, since the run repeats it.

    Raises
    ------
    ModelError
        If it has become shorter than that.
    """

    def __init__(self, path: Path, keep: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")
        if self._file.tell() < keep:
            what = f"{self._file.tell()} bytes where the checkpoint counted {keep}"
            self._file.close()
            fix = "restore the file, or delete the folder to train from the start"
            raise ModelError(what, where=str(path), fix=fix)
        self._file.truncate(keep)
        self._file.seek(keep)

    def write(self, row: Mapping[str, Any]) -> None:
        """Append a line; a reader sees it at once."""
        self._file.write((json.dumps(row, allow_nan=False) + "\n").encode())
        self._file.flush()

    def kept(self) -> int:
        """Return the file's length once it is on the disk."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        fix = "install tensorboard, or set tensorboard to false"
        raise NotAvailable("TensorBoard is not installed", where="tensorboard", fix=fix) from None
    return SummaryWriter(str(folder), purge_step=step + 1)


class Logs:
    """The logs of a run, written by its first process alone.

    Parameters
    ----------
    folder
        Where they go.
    kept
        Bytes to keep of each file, by name; none for a run from nothing.
    step
        Where the run goes on.
    tensorboard
        Whether to write for TensorBoard too; lines beyond `step` are then hidden there, not deleted.

    Raises
    ------
    ModelError
        If a file is shorter than it was.
    NotAvailable
        If TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: Path, kept: Mapping[str, int], step: int, *, tensorboard: bool) -> None:
        self._lines: dict[str, Lines] = {}
        self._board = None
        with contextlib.ExitStack() as opened:
            for name in FILES:
                self._lines[name] = Lines(folder / name, kept.get(name, 0))
                opened.callback(self._lines[name].close)
            if tensorboard:
                self._board = _board(folder / "tensorboard", step)
                opened.callback(self._board.close)
            self._opened = opened.pop_all()

    def losses(self, row: Mapping[str, Any]) -> None:
        """Write a line of what was computed; nothing in it may depend on the clock."""
        self._write("losses.jsonl", row)

    def timing(self, row: Mapping[str, Any]) -> None:
        """Write a line of how fast it went."""
        self._write("timing.jsonl", row)

    def _write(self, name: str, row: Mapping[str, Any]) -> None:
        self._lines[name].write(row)
        if self._board is not None:
            for key, value in _numbers(row):
                self._board.add_scalar(key, value, row["step"])

    def kept(self) -> dict[str, int]:
        """Return the length of each file once it is on the disk."""
        return {name: lines.kept() for name, lines in self._lines.items()}

    def close(self) -> None:
        """Close the files."""
        self._opened.close()


def _numbers(row: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return the known numbers of a line but the step, those of a nested mapping as ``outer/inner``."""
    found: list[tuple[str, float]] = []
    for key, value in row.items():
        if isinstance(value, Mapping):
            found += [(f"{key}/{inner}", number) for inner, number in value.items()]
        elif key != "step" and value is not None:
            found.append((key, value))
    return found
