"""How a check ends: it says nothing, it is broken, or it asks something that this model does not promise."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from scarena.base.errors import NotApplicable

State = Literal["passed", "failed", "not applicable", "not available"]


class Violation(AssertionError):
    """The model does not do what the check asserts; the message says what it did."""


class Unsuitable(Exception):
    """The model does not promise what the check asserts; the message says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """One check of one model."""

    model: str
    check: str
    state: State
    reason: str = ""


def judged(model: str, check: str, run: Callable[[], None]) -> Result:
    """Run a check; whatever a model raises is a failure of the check with its reason, not of the suite."""
    try:
        run()
    except (Unsuitable, NotApplicable) as why:
        return Result(model, check, "not applicable", " ".join(str(why).split()))
    except Violation as why:
        return Result(model, check, "failed", " ".join(str(why).split()))
    except Exception as error:  # noqa: BLE001 - a third party's model raises what it likes
        traceback.print_exc()
        return Result(model, check, "failed", " ".join(f"{type(error).__name__}: {error}".split())[:300])
    return Result(model, check, "passed")
