"""A fault in a model's predicted responses is found by the check that names it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import NotApplicable
from scarena.models.base import Context, Model, ModelCard
from scarena.models.of_responses import ResponseModel
from scarena.models.responses import Seen
from scarena.testing import CHECKS
from scarena.testing.outcome import judged
from scarena.testing.trial import Trial

OF_RESPONSES = [name for name in CHECKS if name.startswith("response-")]


class Sound(ResponseModel):
    """The training mean."""

    card = ModelCard(name="sound", title="S", family="baseline", description="d", source="s", licence="MIT")

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        mean = seen.profiles.mean(axis=0).to_numpy()
        return pd.DataFrame(np.tile(mean, (len(ask), 1)), index=ask.index, columns=seen.measured)


class Effects(Sound):
    """Differences to the control in place of means."""

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        return -super().predict(seen, ask, ctx)


class Twice(Sound):
    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        return pd.concat([super().predict(seen, ask, ctx)] * 2)


class Others(Sound):
    """Rows that nobody asked for."""

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        return pd.concat([super().predict(seen, ask, ctx), seen.profiles])


class Writing(Sound):
    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        seen.profiles.loc[min(seen.profiles.index), min(seen.measured)] = 9
        return super().predict(seen, ask, ctx)


class Drawing(Sound):
    """It draws from a generator without a seed."""

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        return super().predict(seen, ask, ctx) + np.random.default_rng().uniform()


class ByPlace(Sound):
    """It joins by position: the first profile it saw."""

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        first = seen.profiles.iloc[0].to_numpy()
        return pd.DataFrame(np.tile(first, (len(ask), 1)), index=ask.index, columns=seen.measured)


class Silent(Sound):
    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        raise NotApplicable("it needs cells", where="sound", fix="none needed")


class OfCells(Model):
    card = Sound.card


def states(model: type[Model], cache: Path) -> dict[str, str]:
    trial = Trial(model, cache)
    found = {name: CHECKS[name].direct for name in OF_RESPONSES}
    return {
        name: judged("m", name, lambda check=check: check(trial)).state for name, check in found.items() if check
    }  # fmt: skip


@pytest.mark.parametrize(("model", "broken"), [
    (Sound, set()), (Effects, {"response-finite"}), (Twice, {"response-finite"}), (Others, {"response-finite"}),
    (Writing, {"response-finite"}), (Drawing, {"response-deterministic", "response-ordered"}),
    (ByPlace, {"response-ordered"}),
])  # fmt: skip
def test_each_fault_breaks_the_promise_that_names_it(model: type[Model], broken: set[str], tmp_path: Path) -> None:
    found = states(model, tmp_path)
    failed = {name for name, state in found.items() if state == "failed"}
    assert broken <= failed
    # A table of two rows a name cannot be put into another order.
    assert failed <= broken | ({"response-ordered"} if model is Twice else set())


def test_a_model_that_says_nothing_breaks_no_promise(tmp_path: Path) -> None:
    assert "failed" not in states(Silent, tmp_path).values()


def test_only_models_that_predict_are_asked() -> None:
    assert Trial(Sound, Path()).predicts
    assert not Trial(OfCells, Path()).predicts
