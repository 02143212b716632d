"""What decides whether a dataset can answer a question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides whether a dataset can answer a question.

    Parameters
    ----------
    n_cells, n_types, n_batches
        Sizes of what is scored.
    excluded
        What the dataset's card rules out, with the reason: a group of metrics (``batch``, ``bio``, ``ontology``,
        ``labels``) or a metric's key.
    n_groups
        Donors where they are known and several, else batches: what is held out together.
    targets
        Further truths that the dataset tells of its cells (``malignant``, ``treated`` …), and ``proteins`` and
        ``coordinates`` where it has these.
    not_identifiable
        By target, why no split can tell it from its sample.
    """

    n_cells: int
    n_types: int
    n_batches: int
    excluded: Mapping[str, str] = field(default_factory=dict)
    n_groups: int = 0
    targets: frozenset[str] = frozenset()
    not_identifiable: Mapping[str, str] = field(default_factory=dict)
