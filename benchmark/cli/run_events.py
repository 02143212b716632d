"""A run of a board as a person follows it: how far it is, what failed, and why; from what the driver tells.

The driver's side is `scarena.cli.driver_events`. A failed cell is a line here and a state on the board, and the run
goes on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scarena.base.errors import DataError
from scarena.base.untrusted import read_object
from scarena.board.make import who
from scarena.board.ranked import plain
from scarena.cli.progress import Doing, Screen
from scarena.cli.time_left import TimeLeft, foreseen
from scarena.steps.config import BoardConfig
from scarena.steps.submissions import runs_of

Json = dict[str, Any]
_FINE = ("ok", "not applicable")
_OF_RUNS = {"embed": "record.json", "score": "scores.json"}


@dataclass(slots=True)
class Follow:
    """What a run has told so far.

    Parameters
    ----------
    config
        The board.
    screen
        Where it is shown.
    clock
        As the driver's records are stamped, seconds since 1970.
    """

    config: BoardConfig
    screen: Screen
    clock: Callable[[], float] = time.time
    said: set[str] = field(default_factory=set)
    """Lines that were printed."""
    _left: TimeLeft = field(default_factory=lambda: TimeLeft(Counter()))
    _total: int = 0
    _done: int = 0
    _running: dict[int, Json] = field(default_factory=dict)

    def take(self, told: Json) -> None:
        """Take what the driver tells, and show what it comes to."""
        getattr(self, f"_{told['event']}")(told)

    def _plan(self, told: Json) -> None:
        self._total, self._done = sum(told["steps"].values()), 0
        steps = _by_step(told["steps"].items())
        self._left = TimeLeft(foreseen(steps, {rule: self._models(rule, n) for rule, n in steps.items()}))
        self._show()

    def _models(self, rule: str, planned: int) -> list[str]:
        """Return the models of a rule's steps that are to be made: of all runs, or of those whose file is missing."""
        if rule not in _OF_RUNS:
            return []
        runs = runs_of(self.config)
        if len(runs) != planned:
            name = _OF_RUNS[rule]
            runs = [(d, m, s) for d, m, s in runs if not (self.config.folder / d / m / str(s) / name).exists()]
        return [model for _, model, _ in runs]

    def _began(self, told: Json) -> None:
        self._running[told["job"]] = told
        self._left.begin(told["job"], (_step(told["rule"]), told["names"].get("model", "")), told["at"])
        self._show()

    def _ended(self, told: Json) -> None:
        begun = self._running.pop(told["job"], None)
        files = begun["files"] if begun else []
        # What only says that it cannot be done is done at once.
        self._left.end(told["job"], told["at"], usual=all(_state_of(Path(file)) in (None, "ok") for file in files))
        self._done += 1
        for line in failures(files):
            self._say(line)
        self._show()

    def _broke(self, told: Json) -> None:
        begun = self._running.pop(told["job"], told)
        self._left.stop(told["job"])
        logs = f"; see {told['logs'][0]}" if told["logs"] else ""
        self.screen.say(plain(f"step broke: {_words(begun)}{logs}"))

    def _said(self, told: Json) -> None:
        self._say(plain(told["words"])[:500])

    def _say(self, line: str) -> None:
        if line not in self.said:
            self.said.add(line)
            self.screen.say(line)

    def _show(self) -> None:
        detail = ", ".join(_words(begun) for begun in self._running.values())
        note = self._left.words(self.clock())
        self.screen.show(Doing(self.config.board, self._done, self._total, "steps", note, detail))


def _step(rule: str) -> str:
    """Return what a rule does: with and without a GPU it is the same step."""
    return rule.removesuffix("_gpu")


def _by_step(rules: Iterable[tuple[str, int]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for rule, n in rules:
        found[_step(rule)] += n
    return found


def _words(begun: Json) -> str:
    """Return a step in words: its rule and what it is about."""
    names = begun.get("names", {})
    about = " on ".join(names[key] for key in ("model", "dataset") if key in names)
    seed = f", seed {names['seed']}" if names.get("seed", "0") != "0" else ""
    return " ".join(filter(None, (_step(begun["rule"]), about or names.get("pretraining", "")))) + seed


def failures(files: Iterable[str]) -> list[str]:
    """Return a line for each of some steps' files that says that something failed first there.

    The lines are those of `scarena.board.make.shortfalls`; what only repeats an earlier step's state is none.
    """
    return [plain(line) for name in files for line in _failures(Path(name))]


def _failures(file: Path) -> list[str]:
    found = _state(file)
    if found is None or file.name == "reference.json":
        return []
    failed, said = found["state"] not in _FINE, f"{found['state']}: {found['reason']}"
    if file.name in ("sources.json", "dataset.json"):
        return [f"{found['dataset']}: {said}"] if failed else []
    if file.name not in _OF_RUNS.values():
        return [f"{_made(file, found)}: {said}"] if failed else []
    if not _went_well(file.parents[2] / "dataset.json"):
        return []
    if file.name == "scores.json":
        lines = [f"{who(found)}: {said}"] if failed and _went_well(file.with_name("record.json")) else []
        wrong = {metric: score for metric, score in found["scores"].items() if score["state"] == "failed"}
        return lines + [f"{who(found)} · {metric}: failed: {score['reason']}" for metric, score in wrong.items()]
    return [f"{who(found)}: {said}"] if failed else []


def _made(file: Path, found: Json) -> str:
    """Return what a step was to make that is of no dataset."""
    if file.name == "manifest.json":
        return f"pretraining {found['name']}"
    return f"corpus of {found['pretraining']}" if "pretraining" in found else f"environment {file.stem}"


def _state(file: Path) -> Json | None:
    """Return what a step said of its end, None if its file says nothing of it."""
    if file.suffix != ".json":
        return None
    try:
        return read_object(file, "state", "reason", fix="")
    except DataError:
        return None


def _state_of(file: Path) -> str | None:
    found = _state(file)
    return None if found is None else str(found["state"])


def _went_well(file: Path) -> bool:
    return _state_of(file) in (None, *_FINE)
