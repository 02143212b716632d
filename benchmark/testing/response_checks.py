"""The checks of a model's predicted responses; a model that predicts none breaks no promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import ModelError, NotApplicable
from scarena.models.response_table import checked_responses
from scarena.testing.cells import asked_responses
from scarena.testing.outcome import Unsuitable, Violation

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.responses import Seen
    from scarena.testing.trial import Trial


def _predicted(trial: Trial, seen: Seen, ask: pd.DataFrame) -> pd.DataFrame:
    """Return what a model predicts, unchecked; say so where it predicts nothing here."""
    if not trial.predicts:
        raise Unsuitable("it predicts no responses")
    try:
        found: pd.DataFrame = trial.predict(seen, ask)
    except NotApplicable as why:
        raise Unsuitable(why.what) from None
    return found


def finite(trial: Trial) -> None:
    """Predictions are means on the scale of the profiles, by name; what was handed over is left alone."""
    seen, ask = asked_responses()
    before = [table.copy() for table in (seen.profiles, seen.items, seen.controls, seen.genes, ask)]
    found = _predicted(trial, seen, ask)
    after = (seen.profiles, seen.items, seen.controls, seen.genes, ask)
    if not all(one.equals(other) for one, other in zip(before, after, strict=True)):
        raise Violation("predict changed a table that it was handed")
    try:
        checked_responses(found, list(ask.index), list(seen.measured), trial.card.name)
    except ModelError as error:
        raise Violation(error.what) from None
    if strange := sorted(set(map(str, found.index)) - set(ask.index)):
        raise Violation(f"{len(strange)} rows that were not asked for (first: {strange[0]})")


def deterministic(trial: Trial) -> None:
    """The same seed gives the same bytes."""
    first, again = (_predicted(trial, *asked_responses()) for _ in range(2))
    if not first.index.equals(again.index) or first.to_numpy().tobytes() != again.to_numpy().tobytes():
        raise Violation("the same seed gave other predictions the second time")


def ordered(trial: Trial) -> None:
    """Rows and columns of what was learned from, and of what is asked, may stand in any order: names join."""
    from dataclasses import replace

    if trial.card.control == "negative":
        raise Unsuitable("noise is dealt by row")
    seen, ask = asked_responses()
    first = _predicted(trial, seen, ask)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(len(seen.items)), rng.permutation(len(seen.measured))
    duplicates = seen.duplicates if seen.duplicates is None else seen.duplicates.iloc[::-1, columns]
    other = replace(
        seen, profiles=seen.profiles.iloc[rows, columns], items=seen.items.iloc[rows],
        controls=seen.controls.iloc[:, columns], genes=seen.genes.iloc[::-1], duplicates=duplicates,
    )  # fmt: skip
    again = _predicted(trial, other, ask.iloc[::-1])
    if set(again.index) != set(first.index):
        raise Violation(f"in another order it predicted {len(again)} profiles, and {len(first)} before")
    gap = np.abs(again.loc[first.index, first.columns].to_numpy(float) - first.to_numpy(float))
    if gap.size and np.nanmax(gap) > 1e-4:
        raise Violation(f"other predictions in another order (largest difference {np.nanmax(gap):.2g})")
