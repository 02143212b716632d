"""The product `response`: what one model predicts that perturbations do, beside what they did."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scarena.tasks.facts import Facts

if TYPE_CHECKING:
    import pandas as pd

    from scarena.datasets.response_truth import ResponseTruth, Split
    from scarena.metrics.responses.answers import Answers
    from scarena.metrics.responses.asked import Asked, Known
    from scarena.tasks.product import Product

BETWEEN = " | "
"""Between the name of a split and that of a profile, in the rows of what a model predicted."""


def row_names(splits: tuple[Split, ...]) -> list[str]:
    """Return the names of all rows that a model is asked for: one a split and profile, in their order."""
    return [f"{split.name}{BETWEEN}{profile}" for split in splits for profile in split.asked]


@dataclass(frozen=True, eq=False)  # what tasks share is kept on it
class Responses:
    """What a task on perturbations is given.

    Parameters
    ----------
    predicted
        float32 [n_rows, G] in the order of `row_names` of the splits of `truth`; NaN where the model says nothing.
    truth
        The dataset.
    seed
        Of everything that draws.
    """

    product: ClassVar[Product] = "response"

    predicted: np.ndarray
    truth: ResponseTruth
    seed: int

    @cached_property
    def facts(self) -> Facts:
        """What decides which tasks the dataset can answer."""
        truth = self.truth
        kinds = {split.kind for split in truth.splits}
        n_perturbations = truth.profiles["perturbation"].nunique()
        return Facts(
            len(truth.profiles), n_perturbations, len(truth.contexts), targets=truth.targets | kinds | {truth.setting}
        )

    @cached_property
    def by_split(self) -> dict[str, np.ndarray]:
        """Predictions of each split, by its name, float32 [asked, G]."""
        ends = np.cumsum([len(split.asked) for split in self.truth.splits])[:-1]
        return dict(zip((s.name for s in self.truth.splits), np.split(self.predicted, ends), strict=True))

    @cached_property
    def answers(self) -> Answers:
        """What was predicted beside what is known, by number in place of name."""
        import pandas as pd

        from scarena.metrics.responses.answers import Answers
        from scarena.metrics.responses.asked import asked_of

        known, row_of = known_of(self.truth), self.truth.profiles.index
        splits: list[Asked] = []
        reveal: dict[int, list[Asked]] = {}
        for split in self.truth.splits:
            training, asked = (row_of.get_indexer(pd.Index(names)) for names in (split.training, split.asked))
            one = asked_of(known, training, asked, self.by_split[split.name])
            if split.kind == self.scored_kind:
                splits.append(one)
            elif split.kind == "reveal":
                reveal.setdefault(_revealed(known, training, asked), []).append(one)
        return Answers(known, splits, reveal, self.truth.shared_control)

    @property
    def scored_kind(self) -> str:
        """The kind of splits that scores are of: folds, or published ones where there are none."""
        return "fold" if any(split.kind == "fold" for split in self.truth.splits) else "published"

    @cached_property
    def per_profile(self) -> pd.DataFrame:
        """What each profile has, a row a profile that is asked about, by name.

        ``split``, ``perturbation``, ``context``, and the columns of `scarena.metrics.responses.scored.per_profile`.
        """
        import pandas as pd

        from scarena.metrics.responses.scored import per_profile

        asked = [(split.name, name) for split in self.truth.splits if split.kind == self.scored_kind
                 for name in split.asked]  # fmt: skip
        rows = self.truth.profiles.loc[[name for _, name in asked], ["perturbation", "context"]]
        rows.insert(0, "split", [split for split, _ in asked])
        return pd.concat([rows, pd.DataFrame(per_profile(self.answers), index=rows.index)], axis=1)


def known_of(truth: ResponseTruth) -> Known:
    """Return what a dataset knows of its perturbations, by number in place of name."""
    import pandas as pd

    from scarena.metrics.responses.asked import Known

    profiles, place = truth.profiles, {gene: i for i, gene in enumerate(truth.measured)}
    targeted = np.zeros((len(profiles), len(truth.measured)), bool)
    for row, named in enumerate(profiles["targets"].astype(str)):
        targeted[row, [place[gene] for gene in named.split("+") if gene in place]] = True
    return Known(
        truth.observed, truth.whole, truth.control_scored, truth.control_shown,
        np.unique(profiles["perturbation"].astype(str), return_inverse=True)[1],
        pd.Index(truth.contexts).get_indexer(pd.Index(profiles["context"].astype(str))), truth.setting == "context",
        profiles["reproducibility"].to_numpy(np.float64), targeted, truth.duplicate, truth.strength, truth.doubt,
    )  # fmt: skip


def _revealed(known: Known, training: np.ndarray, asked: np.ndarray) -> int:
    """Return how many perturbations a split reveals; with contexts held out, how many profiles of those asked about."""
    if known.shifted:
        return int(np.isin(known.context[training], known.context[asked]).sum())
    return len(np.unique(known.perturbation[training]))
