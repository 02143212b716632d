"""What a question about a response learns from: effects, and the rule of which of them are of use for which context.

An effect is a profile less the control of its own context. A prediction is an effect on top of the control of the
context that is asked about, so that where nothing is known the control is what is predicted.

Shapes: n profiles to learn from, m asked about, G measured genes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scarena.base.errors import NotApplicable
from scarena.models.responses import targets_of

if TYPE_CHECKING:
    from scarena.datasets.response_truth import Setting
    from scarena.models.responses import Seen


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Questions that learn from the same profiles.

    Parameters
    ----------
    setting
        What is unseen.
    items
        By name [n]: ``perturbation``, ``context`` and ``targets`` of what is learned from; sorted by name.
    effects
        float64 [n, G], profile less control, in the order of ``items``.
    ask
        By name [m], as ``items``: what is asked about.
    controls
        float64, a row a context, a column a measured gene; both sorted by name.
    """

    setting: Setting
    items: pd.DataFrame
    effects: np.ndarray
    ask: pd.DataFrame
    controls: pd.DataFrame

    @property
    def measured(self) -> pd.Index:
        """Ensembl ids of the genes [G], sorted."""
        return self.controls.columns

    @property
    def mean(self) -> np.ndarray:
        """Mean effect over perturbations, each once however many contexts it is in, float64 [G]; 0 without any."""
        means = self.of_perturbation
        return np.mean(list(means.values()), axis=0) if means else np.zeros(len(self.measured))

    @property
    def of_perturbation(self) -> dict[str, np.ndarray]:
        """Mean effect over contexts, float64 [G], by perturbation, sorted."""
        return _means(self.items["perturbation"].astype(str).tolist(), self.effects)

    @property
    def of_single(self) -> dict[str, np.ndarray]:
        """Mean effect of perturbing one gene alone, float64 [G], by its Ensembl id, sorted."""
        targets = targets_of(self.items)
        alone = [row for row, genes in enumerate(targets) if len(genes) == 1]
        return _means([targets[row][0] for row in alone], self.effects[alone])


def lessons(seen: Seen, ask: pd.DataFrame) -> Iterator[Lesson]:
    """Yield what is asked about, divided by what it learns from; by name, whatever order it was handed over in.

    Where a context is held out, all profiles are of use for it. Otherwise those of the context that is asked about
    are, and all of them where it has none.
    """
    items = seen.items.loc[seen.profiles.index].sort_index()
    controls = seen.controls.sort_index().sort_index(axis=1).astype(np.float64)
    own = controls.loc[items["context"]].to_numpy()
    effects = np.ascontiguousarray(seen.profiles.loc[items.index, controls.columns].to_numpy(np.float64) - own)
    where = items["context"].to_numpy()
    have = set() if seen.setting == "context" else set(where)
    rest = ask[~ask["context"].isin(sorted(have))]
    for context in sorted(have & set(ask["context"])):
        mine = where == context
        yield Lesson(seen.setting, items[mine], effects[mine], ask[ask["context"] == context], controls)
    if len(rest):
        yield Lesson(seen.setting, items, effects, rest, controls)


def answered(
    seen: Seen, ask: pd.DataFrame, effects_of: Callable[[Lesson], Mapping[str, np.ndarray]]
) -> pd.DataFrame:  # fmt: skip
    """Return a prediction for each of what is asked about: its control and the effect that is found for it.

    Parameters
    ----------
    seen, ask
        As for `scarena.models.base.Model.predict`.
    effects_of
        Returns effects, float [G], by the names that there is something to say of.

    Returns
    -------
    float64 [answered, G], in the order of ``ask``.

    Raises
    ------
    NotApplicable
        If there is nothing to say of anything.
    """
    found = {name: effect for lesson in lessons(seen, ask) for name, effect in effects_of(lesson).items()}
    names = [name for name in ask.index if name in found]
    if not names:
        raise NotApplicable("nothing is known of what is asked about", where="response", fix="none needed")
    measured = seen.measured.sort_values()
    controls = seen.controls.loc[ask.loc[names, "context"], measured].to_numpy(np.float64)
    values = controls + np.reshape([found[name] for name in names], controls.shape)
    return pd.DataFrame(values, index=pd.Index(names, dtype=object), columns=measured)[seen.measured]


def generator(*words: object) -> np.random.Generator:
    """Return a generator that depends on these words alone, the same in every process."""
    # Not Python's own hash, which is another one in every process.
    digest = hashlib.sha256("\0".join(map(str, words)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def _means(names: list[str], rows: np.ndarray) -> dict[str, np.ndarray]:
    told = np.asarray(names, dtype=object)
    return {name: rows[told == name].mean(axis=0) for name in sorted(set(names))}
