"""What the cards alone say of contamination: whether a model was trained on a dataset, or on its study."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from scarena.datasets.card import DatasetCard

State = Literal["clean", "study", "donor", "cells", "unknown"]


def same_names(ours: Iterable[str], theirs: Iterable[str]) -> tuple[str, ...]:
    """Return those of `ours`, sorted, that are also among `theirs`, whatever their case and outer spaces."""
    known = {name.strip().casefold() for name in theirs}
    return tuple(sorted({name for name in ours if name.strip() and name.strip().casefold() in known}))


def card_verdict(
    model_card_corpus: Sequence[str], model_studies: Sequence[str], dataset_card: DatasetCard, *, complete: bool = True
) -> State:
    """Return what a model's card says of its training on a dataset.

    Parameters
    ----------
    model_card_corpus
        ``training_corpus`` of the model's card: names of dataset cards, or of studies.
    model_studies
        ``study`` of those of them that are dataset cards.
    dataset_card
        The dataset it is scored on.
    complete
        Whether the card lists all studies; a collection named as a whole may hold any.

    Returns
    -------
    ``cells`` where the dataset itself was trained on, ``study`` where one of its studies was, ``unknown`` where the
    model names no corpus, or not all of its studies, or the dataset no study, else ``clean``. Never ``donor``: cards do
    not name donors.
    """
    return verdict(model_card_corpus, model_studies, dataset_card.name, dataset_card.study, complete=complete)


def verdict(
    corpus: Sequence[str], corpus_studies: Sequence[str], dataset: str, study: Sequence[str], *, complete: bool = True
) -> State:
    """Return what :func:`card_verdict` does, for a dataset's name and studies."""
    if same_names([dataset], corpus):
        return "cells"
    if same_names(study, [*corpus, *corpus_studies]):
        return "study"
    return "clean" if complete and study and (corpus or corpus_studies) else "unknown"
