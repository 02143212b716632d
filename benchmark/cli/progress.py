"""What a verb that takes long is doing, on stderr: drawn anew in a terminal, in a line now and then elsewhere.

Verbs say it through `scarena.base.progress`. Results go to stdout, and nothing of this does.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from scarena.base.progress import LOGGER

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

QUIET_S = 5.0
"""Where there is no terminal nothing is said of what is over sooner."""
_NEW_S, _SAME_S = 2.0, 10.0
_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Doing:
    """What is being done.

    Parameters
    ----------
    what
        In words; the same for as long as it is the same.
    done, of, unit
        How much of it is done, where that is known.
    note
        What else there is to say of it, as how long it will take.
    detail
        What only a terminal shows.
    """

    what: str
    done: float | None = None
    of: float | None = None
    unit: str = ""
    note: str = ""
    detail: str = ""

    def amount(self) -> str:
        """Return how much is done, in words."""
        if self.done is None:
            return ""
        done, of = (_number(value, self.unit) for value in (self.done, self.of))
        unit = "" if self.unit in ("", "B") else f" {self.unit}"
        return f"{done} of {of}{unit}" if of else f"{done}{unit}"

    def line(self) -> str:
        """Return it as a line of text."""
        said = ", ".join(filter(None, (self.amount(), self.note)))
        return f"{self.what}: {said}" if said else self.what


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "B":
        from rich.filesize import decimal

        return decimal(int(value))
    return f"{value:,.0f}"


class Screen(Protocol):
    """Where it is shown."""

    def show(self, doing: Doing) -> None:
        """Show what is being done, in place of what was shown before."""

    def say(self, line: str) -> None:
        """Print a line that stays."""


class Lines:
    """Lines of plain text, some seconds apart: the longer it takes, the fewer.

    Parameters
    ----------
    quiet_s
        Nothing is shown of what is over sooner.
    clock
        Seconds from any origin.
    """

    def __init__(self, quiet_s: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet, self._clock = QUIET_S if quiet_s is None else quiet_s, clock
        self._began, self._last, self._shown = clock(), -float("inf"), ""
        self._waiting: Doing | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.RLock()

    def show(self, doing: Doing) -> None:
        """Print it, now or when it is time to, unless something else is shown by then."""
        with self._lock:
            self._waiting = doing
            wait = self._due(doing) - self._clock()
            if wait <= 0:
                self._print()
            elif self._timer is None:
                self._timer = threading.Timer(wait, self._late)
                self._timer.daemon = True
                self._timer.start()

    def _due(self, doing: Doing) -> float:
        passed = self._last - self._began
        between = _NEW_S if doing.what != self._shown else max(_SAME_S, _SHARE * passed)
        return max(self._began + self._quiet, self._last + between)

    def _late(self) -> None:
        with self._lock:
            self._timer = None
            if self._waiting is not None:
                self.show(self._waiting)

    def _print(self) -> None:
        if self._waiting is not None:
            self.say(self._waiting.line())
            self._last, self._shown, self._waiting = self._clock(), self._waiting.what, None

    def say(self, line: str) -> None:
        """Print a line."""
        # Work goes on without whoever read of it: a closed terminal, a broken pipe.
        with self._lock, contextlib.suppress(OSError):
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Print no more."""
        with self._lock:
            self._waiting = None
            if self._timer is not None:
                self._timer.cancel()


class Terminal:
    """The last line of a terminal, drawn anew; taken away in the end."""

    def __init__(self, bars: Progress) -> None:
        self._bars, self._what = bars, ""
        self._task: TaskID | None = None
        bars.start()

    def show(self, doing: Doing) -> None:
        """Draw it."""
        # A task of which it is not known how much there is cannot be made of one of which it is.
        if self._task is None or doing.what != self._what:
            if self._task is not None:
                self._bars.remove_task(self._task)
            self._what = doing.what
            self._task = self._bars.add_task(doing.what, total=doing.of, amount="", note="", detail="")
        self._bars.update(
            self._task, completed=doing.done or 0, total=doing.of, amount=doing.amount(), note=doing.note,
            detail=doing.detail,
        )  # fmt: skip
        if not self._bars.live.auto_refresh:
            with contextlib.suppress(OSError):
                self._bars.refresh()

    def say(self, line: str) -> None:
        """Print a line above it."""
        with contextlib.suppress(OSError):
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take it away."""
        with contextlib.suppress(OSError):
            self._bars.stop()


def has_terminal() -> bool:
    """Return whether stderr is a terminal that can draw a line anew."""
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


@contextlib.contextmanager
def screen(*, still: bool = False, quiet_s: float | None = None) -> Iterator[Screen]:
    """Yield where to show what is being done.

    Parameters
    ----------
    still
        Whether a terminal is drawn only when there is something new: nothing runs beside what is measured.
    quiet_s
        Without a terminal, nothing is shown of what is over sooner.
    """
    where = Terminal(_bars(still=still)) if has_terminal() else Lines(quiet_s)
    try:
        yield where
    finally:
        where.close()


def _bars(*, still: bool) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
    from rich.table import Column

    class Bar(BarColumn):
        """A bar where it is known how much there is to do."""

        def render(self, task: Task) -> Any:
            return "" if task.total is None else super().render(task)

    cut = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    fields = [TextColumn(f"{{task.fields[{name}]}}", markup=False) for name in ("amount", "note")]
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), Bar(bar_width=20), fields[0],
        TimeElapsedColumn(), fields[1], TextColumn("{task.fields[detail]}", markup=False, table_column=cut),
        console=Console(stderr=True), transient=True, refresh_per_second=4, auto_refresh=not still, expand=True,
    )  # fmt: skip


class _Told(logging.Handler):
    """Shows what is told in the process that began to show it: a forked child has a log of its own."""

    def __init__(self, shown: Screen) -> None:
        super().__init__()
        self._shown, self._pid = shown, os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record of `scarena.base.progress`."""
        if os.getpid() == self._pid:
            told = record.__dict__
            self._shown.show(Doing(record.getMessage(), told["done"], told["of"], told["unit"], told["note"]))


@contextlib.contextmanager
def shown(*, still: bool = False, lines: bool = True) -> Iterator[None]:
    """Show what `scarena.base.progress.tell` says meanwhile.

    Parameters
    ----------
    still
        As for `screen`.
    lines
        Whether it is shown where there is no terminal.
    """
    if not (lines or has_terminal()):
        yield
        return
    logger = logging.getLogger(LOGGER)
    with screen(still=still) as where:
        handler = _Told(where)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.NOTSET)
