"""All checks of one model: for the command line in processes of their own, for pytest one test a check."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from scarena.base.errors import NotApplicable, NotAvailable
from scarena.base.progress import tell
from scarena.models.base import Model
from scarena.steps.config import BoardConfig, Limits
from scarena.testing.checks import CHECKS, Check
from scarena.testing.outcome import Result, Unsuitable, Violation, judged
from scarena.testing.processes import Stage
from scarena.testing.subject import Subject
from scarena.testing.trial import Trial

_LIMITS = Limits(timeout_s=1800, memory_mb=16_000, threads=1)


def check_model(name: str, checkpoint: Path | None = None, cache: Path = Path(".cache")) -> list[Result]:
    """Run every check on the model called `name`.

    Parameters
    ----------
    name
        As `scarena models` lists them.
    checkpoint
        Folder of a checkpoint to test it with. Without one, a class that offers ``example`` makes its own.
    cache
        Where the environment that its card asks for is, or will be: the checks then run in it.

    Returns
    -------
    One result a check; a single one, ``not available``, where the model lacks what it needs.

    Raises
    ------
    ConfigError, ModelError
        If there is no such model, or its package cannot be imported.
    """
    with tempfile.TemporaryDirectory(prefix="conformance-") as made:
        folder = Path(made)
        subject = Subject.of_name(name, checkpoint, folder)
        loaded: list[type[Model]] = []
        if (result := judged(name, "loads", lambda: loaded.append(subject.load()))).state != "passed":
            return [result]
        (model,) = loaded
        try:
            python = _python(model, cache)
        except NotAvailable as error:
            return [Result(name, "available", "not available", error.what)]
        stage = Stage(subject, model.card, folder / "stage", cache, python)
        # Both wait for processes that use one thread each.
        with ThreadPoolExecutor() as pool:
            direct = pool.submit(_in_child, subject, name, folder, python)
            staged = []
            wanted = {each.name: each.staged for each in CHECKS.values() if each.staged}
            for number, (check, run) in enumerate(wanted.items()):
                tell(f"checking {name}", number, len(wanted), "checks in processes of their own", check)
                staged.append(judged(name, check, partial(run, stage)))
            tell(f"checking {name}", note="the other checks")
            return [*direct.result(), *staged]


def _config(cache: Path) -> BoardConfig:
    return BoardConfig(board="conformance", datasets=["conformance"], models=["none"], cache=cache)


def _python(model: type[Model], cache: Path) -> Path:
    """Return the Python to check a model with, or say why it cannot be run here."""
    from scarena.steps.environments import python_of

    if lacking := model.lacks():
        raise NotAvailable(lacking, where=model.card.name, fix="see `scarena models`")
    return python_of(model, _config(cache))


def _in_child(subject: Subject, name: str, folder: Path, python: Path) -> list[Result]:
    from scarena.steps.watched import in_child, verdict_of

    config = _config(folder / "cache")
    out = folder / "direct.json"
    spec = {"subject": dataclasses.asdict(subject), "name": name, "cache": str(folder / "cache")}
    outcome, answer = in_child("scarena.testing.suite:direct_checks", spec, out, config, _LIMITS, python)
    state, reason = verdict_of(outcome, answer, out.with_suffix(".log"))
    if state != "ok":
        return [Result(name, "runs", "failed", f"{state}: {reason}")]
    return [Result(**row) for row in answer["ok"]["results"]]


def direct_checks(spec: dict[str, Any]) -> dict[str, Any]:
    """Run, in this process, the checks that need no other on the model of a spec; return their results."""
    trial = Trial(Subject(**spec["subject"]).load(), Path(spec["cache"]))
    wanted = [check for check in CHECKS.values() if check.direct and _is_asked(check, trial)]
    found = [judged(spec["name"], check.name, partial(check.direct, trial)) for check in wanted if check.direct]
    return {"results": [dataclasses.asdict(result) for result in found]}


def _is_asked(check: Check, trial: Trial) -> bool:
    """Return whether a check is of something that the model makes."""
    return (trial.knows_genes or not check.of_genes) and (trial.predicts or not check.of_responses)


class _Shared:
    """What the checks of one class share in pytest's process: made when the first asks for it."""

    def __init__(self, model: type[Model]) -> None:
        self.given, self._stack = model, ExitStack()

    @cached_property
    def _found(self) -> tuple[Subject, type[Model], Path]:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-")))
        found = Subject.of_class(self.given, folder)
        return found, found.load() if found.example else self.given, folder

    @cached_property
    def _python(self) -> Path:
        return _python(self._found[1], Path(".cache"))

    @cached_property
    def _trial(self) -> Trial:
        _, model, folder = self._found
        return Trial(model, folder / "cache")

    @cached_property
    def _elsewhere(self) -> dict[str, Result]:
        subject, _, folder = self._found
        return {result.check: result for result in _in_child(subject, "model", folder, self._python)}

    @cached_property
    def _stage(self) -> Stage:
        subject, model, folder = self._found
        return Stage(subject, model.card, folder / "stage", Path(".cache"), self._python)

    def run(self, check: Check) -> None:
        """Run a check, which raises where the class breaks its promise."""
        if check.direct is not None:
            self._run_direct(check, check.direct)
        elif check.staged is not None:
            check.staged(self._stage)

    def _run_direct(self, check: Check, run: Callable[[Trial], None]) -> None:
        if str(self._python) == sys.executable:
            return run(self._trial)
        result = self._elsewhere.get(check.name) or next(iter(self._elsewhere.values()))
        if result.state != "passed":
            raise (Violation if result.state == "failed" else Unsuitable)(result.reason)


def model_conformance(model: type[Model]) -> Callable[[Check], None]:
    """Return a test of `model`, one case a check, for a test file to give a name that pytest collects.

    Parameters
    ----------
    model
        A class at the top of a file, or of an installed package.

    Returns
    -------
    A function that is parametrised over the checks; a check that asks what the model does not promise is skipped.

    Examples
    --------
    A whole test file::

        from my_package import MyModel
        from scarena.testing import model_conformance

        test_conforms = model_conformance(MyModel)
    """
    import pytest

    shared = _Shared(model)

    @pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
    def test_conforms(check: Check) -> None:
        """Assert one promise."""
        try:
            shared.run(check)
        except (Unsuitable, NotAvailable, NotApplicable) as why:
            pytest.skip(str(why))

    return test_conforms
