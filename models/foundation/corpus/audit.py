"""The contamination audit: has a model seen the study, the donors or the very cells of a dataset?

Three levels, the worst one found is the state. *study*: the cards share an accession. *donor*: they share a donor's
name too (names alone mean nothing between studies). *cells*: cells of the dataset are in the corpus.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from scarena.models.foundation.corpus.blocks import UNKNOWN
from scarena.models.foundation.corpus.verdict import State, card_verdict, same_names

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.datasets.card import DatasetCard
    from scarena.models.base import ModelCard
    from scarena.models.foundation.corpus.fingerprints import Fingerprints, TrainingSet

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found."""

    model: str
    dataset: str
    state: State
    reason: str
    n_cells: int
    """Of the dataset."""
    n_exact: int | None = None
    """Cells that are in the corpus; None where cells were not compared."""
    n_near: int | None = None
    """Further cells that have a near duplicate there."""
    studies: tuple[str, ...] = ()
    donors: tuple[str, ...] = ()
    examples: tuple[tuple[str, str, str, float], ...] = ()
    """Cell, cell of the corpus, exact or near, estimated Jaccard index."""

    def to_json(self) -> str:
        """Return the audit as a JSON object."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False)

    def lines(self) -> list[str]:
        """Return the audit in words."""
        found = [f"{self.model} on {self.dataset}: {self.state} ({self.reason})"]
        if self.n_exact is not None:
            found.append(f"cells: {self.n_exact} exact and {self.n_near} near duplicates of {self.n_cells}")
        found += [
            f"{what}: {', '.join(names)}"
            for what, names in (("studies", self.studies), ("donors", self.donors))
            if names
        ]
        return found + [f"  {cell} = {other} ({kind}, {alike:.2f})" for cell, other, kind, alike in self.examples]


def _donors(data: AnnData) -> list[str]:
    return sorted(set(data.obs["donor"].astype(str)) - {UNKNOWN}) if "donor" in data.obs else []


def _shared(
    datasets: Sequence[TrainingSet], study: Sequence[str], donors: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """Return the studies in common, and the donors in common within them."""
    related = [each for each in datasets if same_names(study, each.study)]
    studies = same_names(study, [name for each in related for name in each.study])
    return studies, same_names(donors, [name for each in related for name in each.donors])


def audit(model: str, found: Fingerprints, data: AnnData, card: DatasetCard) -> Audit:
    """Compare a prepared dataset with a corpus, cell by cell.

    Parameters
    ----------
    model
        What is audited, for the answer.
    found
        Fingerprints of its corpus.
    data
        The prepared dataset: counts, Ensembl ids as ``var_names``.
    card
        The dataset's card: its studies.

    Returns
    -------
    State ``unknown`` where nothing was found and no cell could have been.
    """
    from scarena.models.foundation.corpus.compare import Cells
    from scarena.models.foundation.corpus.matches import find_matches

    studies, donors = _shared(found.datasets, card.study, _donors(data))
    cells = find_matches(found, Cells.of(data, found.genes))
    n_exact = sum(match.kind == "exact" for match in cells.matches)
    best = sorted(cells.matches, key=lambda match: (match.kind, -match.similarity, match.cell))[:_EXAMPLES]
    examples = tuple((m.cell, m.corpus_cell, m.kind, round(m.similarity, 3)) for m in best)
    state: State = "cells" if cells.matches else "donor" if donors else "study" if studies else "clean"
    reason = {"cells": "cells are in the corpus", "donor": "donors are in the corpus", "study": "its study is"}
    said = reason.get(state, f"no study, donor or cell in common with {found.n_cells:,} cells")
    untold = cells.n_untold
    if untold:
        said += f"; {untold:,} corpus cells share too few genes with it to be found without a name"
    if state == "clean" and not found.lists_all_studies:
        state, said = "unknown", f"{said}; an atlas of its corpus does not name all studies"
    if state == "clean" and untold == found.n_cells:
        state = "unknown"
    counts = (data.n_obs, n_exact, len(cells.matches) - n_exact)
    return Audit(model, card.name, state, said, *counts, studies, donors, examples)


def audit_card(model: ModelCard, card: DatasetCard, n_cells: int) -> Audit:
    """Return what the cards alone say: of a model whose fingerprints are not at hand."""
    # Of a foundation model that names no corpus nothing is known, and that is not the same as clean.
    if model.family != "foundation" and not model.training_corpus:
        return Audit(model.name, card.name, "clean", "not pretrained", n_cells)
    studies = studies_of(model.training_corpus)
    state = card_verdict(model.training_corpus, studies, card, complete=model.lists_all_studies)
    shared = same_names(card.study, [*model.training_corpus, *studies])
    reasons = {
        "cells": "the dataset is in its training corpus",
        "study": "its training corpus has the study",
        "clean": "no study in common; cells were not compared",
    }
    reason = reasons.get(state, "the model's card names no corpus, or not all of its studies, or the dataset's none")
    return Audit(model.name, card.name, state, reason, n_cells, studies=shared)


def studies_of(training_corpus: Sequence[str]) -> tuple[str, ...]:
    """Return the studies of those entries of a training corpus that are dataset cards."""
    from scarena.datasets.card import card_names, load_card

    known = set(card_names())
    return tuple(study for name in training_corpus if name in known for study in load_card(name).study)
