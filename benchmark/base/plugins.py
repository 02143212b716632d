"""What installed packages bring through entry points. A package that cannot be imported spoils nothing but its own.

Base layer, like `errors`: metrics, datasets and models each say what their entry points must be.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point.

    Parameters
    ----------
    name
        As its package calls it.
    origin
        The package, its version, and the object.
    value
        What was imported; None where that failed.
    broken
        The error in one line, empty where there was none.
    """

    name: str
    origin: str
    value: Any = None
    broken: str = ""

    def spoiled(self, why: str) -> Plugin:
        """Return the same entry point as one that cannot be used; say so on stderr."""
        print(f"plug-in {self.name} of {self.origin} is left out: {why}", file=sys.stderr)
        return Plugin(self.name, self.origin, None, why)


def one_line(error: BaseException) -> str:
    """Return an error's type and message without line breaks."""
    return " ".join(f"{type(error).__name__}: {error}".split())


@cache
def plugins(group: str) -> tuple[Plugin, ...]:
    """Return the entry points of a group, each imported or with its error, by name and origin.

    An error is one line on stderr, once a process; whoever asks for what is missing gets a typed error.
    """
    return tuple(sorted(map(_loaded, entry_points(group=group)), key=lambda each: (each.name, each.origin)))


def _loaded(point: EntryPoint) -> Plugin:
    package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unnamed package"
    found = Plugin(point.name, f"{package} ({point.value})")
    try:
        return Plugin(found.name, found.origin, point.load())
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a third party's module raises what it likes
        return found.spoiled(one_line(error))
