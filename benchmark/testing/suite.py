"""All checks of one model: for the command line in processes of their own, for pytest one test a check."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any

from scarena.config import BoardConfig, Limits
from scarena.models.base import Model
from scarena.testing.checks import CHECKS, Check
from scarena.testing.outcome import Result, Unsuitable, judged
from scarena.testing.processes import Stage
from scarena.testing.subject import Subject
from scarena.testing.trial import Trial

_LIMITS = Limits(timeout_s=1800, memory_mb=16_000, threads=1)


def check_model(name: str, checkpoint: Path | None = None) -> list[Result]:
    """Run every check on the model called `name`.

    Parameters
    ----------
    name
        As `scarena models` lists them.
    checkpoint
        Folder of a checkpoint to test it with. Without one, a class that offers ``example`` makes its own.

    Returns
    -------
    One result a check; a single one, ``not available``, where the model lacks what it needs.

    Raises
    ------
    ConfigError, ModelError
        If there is no such model, or it cannot be loaded.
    """
    with tempfile.TemporaryDirectory(prefix="conformance-") as made:
        folder = Path(made)
        subject = Subject.of_name(name, checkpoint, folder)
        model = subject.load()
        if lacking := model.lacks():
            return [Result(name, "available", "not available", lacking)]
        direct = _in_child(subject, name, folder)
        stage = Stage(subject, model.card, folder / "stage")
        staged = [judged(name, check.name, partial(check.staged, stage)) for check in CHECKS.values() if check.staged]
        return [*direct, *staged]


def _in_child(subject: Subject, name: str, folder: Path) -> list[Result]:
    from scarena.steps import in_child, verdict_of

    config = BoardConfig(board="conformance", datasets=["conformance"], models=["none"], cache=folder / "cache")
    out = folder / "direct.json"
    spec = {"subject": dataclasses.asdict(subject), "name": name, "cache": str(folder / "cache")}
    outcome, answer = in_child("conform", spec, out, config, _LIMITS)
    state, reason = verdict_of(outcome, answer, out.with_suffix(".log"))
    if state != "ok":
        return [Result(name, "runs", "failed", f"{state}: {reason}")]
    return [Result(**row) for row in answer["ok"]["results"]]


def direct_checks(spec: dict[str, Any]) -> dict[str, Any]:
    """Run, in this process, the checks that need no other on the model of a spec; return their results."""
    trial = Trial(Subject(**spec["subject"]).load(), Path(spec["cache"]))
    wanted = [check for check in CHECKS.values() if check.direct]
    found = [judged(spec["name"], check.name, partial(check.direct, trial)) for check in wanted if check.direct]
    return {"results": [dataclasses.asdict(result) for result in found]}


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

    stack = ExitStack()

    @cache
    def subject() -> tuple[Subject, type[Model], Path]:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-")))
        found = Subject.of_class(model, folder)
        return found, found.load() if found.example else model, folder

    @cache
    def trial() -> Trial:
        return Trial(subject()[1], subject()[2] / "cache")

    @cache
    def stage() -> Stage:
        return Stage(subject()[0], subject()[1].card, subject()[2] / "stage")

    @pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
    def test_conforms(check: Check) -> None:
        """Assert one promise."""
        if lacking := subject()[1].lacks():
            pytest.skip(lacking)
        try:
            if check.direct is not None:
                check.direct(trial())
            elif check.staged is not None:
                check.staged(stage())
        except Unsuitable as why:
            pytest.skip(str(why))

    return test_conforms
