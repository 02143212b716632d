"""All metrics of one embedding under the keys of the board."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scarena.errors import DataError, OntologyError
from scarena.metrics import label_transfer
from scarena.metrics.checks import checked_embedding, one_line
from scarena.metrics.lcad import lca_distances, lcad
from scarena.metrics.onto_rwr import Mode, onto_rwr
from scarena.metrics.ontology_graph import OntologyEmbedding, distances_between, ontology_embedding
from scarena.metrics.registry import METRICS, keys_of
from scarena.metrics.scib import scib_scores
from scarena.metrics.scores import OK, Score

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

_MODES: dict[str, Mode] = {
    "onto_rwr": "sound",
    "onto_rwr_balanced": "balanced",
    "onto_rwr_published": "published",
}
_LCAD_KEYS = tuple(key for key in keys_of("ontology") if key not in _MODES)
# What each reason a dataset may give rules out. iLISI and PCR look at batches only and survive missing labels.
_RULED_OUT: dict[str, tuple[str, ...]] = {
    "batch": keys_of("batch"),
    "bio": keys_of("bio"),
    "ontology": keys_of("ontology"),
    "labels": tuple(key for key, info in METRICS.items() if info.group != "total" and key not in ("ilisi", "pcr")),
}


def score_embedding(
    embedding: ArrayLike,
    *,
    batch: ArrayLike,
    labels: ArrayLike,
    term_ids: ArrayLike | None = None,
    parents: Mapping[str, Sequence[str]] | None = None,
    onto_reference: OntologyEmbedding | None = None,
    pre_pca: ArrayLike | None = None,
    not_applicable: Mapping[str, str] | None = None,
    seed: int = 0,
    n_jobs: int = 1,
) -> dict[str, Score]:
    """Score one embedding by every metric.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``.
    batch, labels
        Batch and cell type of each cell ``[n_cells]``.
    term_ids
        Cell Ontology term of each cell ``[n_cells]``, "" where there is none.
    parents
        Every term of the ontology with its is_a parents.
    onto_reference
        ``ontology_embedding(parents)``, kept by the caller because it takes 5 s and depends on the release only.
    pre_pca
        PCA of the data before integration ``[n_cells, d_pre]``.
    not_applicable
        Group (``batch``, ``bio``, ``ontology``, ``labels``) → why the dataset cannot answer it. With ``batch`` ruled
        out, label transfer takes the dataset as one batch.
    seed
        Of every metric that draws.
    n_jobs
        Processes or threads.

    Returns
    -------
    dict of str to Score
        One score for every key of :data:`~scarena.metrics.registry.METRICS`, in that order.

    Raises
    ------
    ModelError
        If the embedding is not one (wrong shape, NaN).
    DataError
        If an annotation does not have one entry a cell, or ``not_applicable`` names no group.
    """
    x = checked_embedding(embedding)
    excluded = not_applicable or {}
    skip = _skipped(excluded)
    scores = scib_scores(x, batch=batch, labels=labels, pre_pca=pre_pca, seed=seed, n_jobs=n_jobs, skip=skip)
    if "labels" not in excluded:
        one_batch = "batch" in excluded
        transfer = label_transfer.transfer_labels(
            x, batch=np.zeros(len(x)) if one_batch else batch, labels=labels, seed=seed, n_jobs=n_jobs
        )
        scores |= label_transfer.transfer_scores(labels, transfer)
        if term_ids is not None:
            terms, names = np.asarray(term_ids).astype(str), np.asarray(labels).astype(str)
            if terms.shape != names.shape:
                raise DataError(f"{terms.shape} values for {len(x)} cells", where="term_ids", fix="join by cell name")
            if "ontology" not in excluded:
                scores |= _ontology_scores(x, names, terms, transfer.predicted, parents, onto_reference, seed)
    scores |= {key: Score.not_applicable(reason) for key, reason in skip.items()}
    missing = Score.not_applicable("no Cell Ontology terms were given")
    return {key: scores.get(key, missing) for key in METRICS}


def _skipped(excluded: Mapping[str, str]) -> dict[str, str]:
    unknown = sorted(set(excluded) - set(_RULED_OUT))
    if unknown:
        raise DataError(
            f"{unknown[0]!r} is no group of metrics", where="not_applicable", fix=f"use {', '.join(_RULED_OUT)}"
        )
    return {key: reason for group, reason in excluded.items() for key in _RULED_OUT[group]}


def _ontology_scores(
    x: NDArray[np.floating],
    labels: NDArray[np.str_],
    term_ids: NDArray[np.str_],
    predicted: NDArray[np.str_],
    parents: Mapping[str, Sequence[str]] | None,
    reference: OntologyEmbedding | None,
    seed: int,
) -> dict[str, Score]:
    terms = [str(term) for term in np.unique(term_ids) if term]
    if not terms or (parents is None and reference is None):
        return {}

    def rwr() -> dict[str, Score]:
        graph = reference or ontology_embedding(parents or {})
        wanted = distances_between(graph, terms)
        return {key: onto_rwr(x, term_ids, wanted, terms, mode=mode, seed=seed).value for key, mode in _MODES.items()}

    def ancestors() -> dict[str, Score]:
        return {} if parents is None else _lcad_of_transfer(labels, term_ids, predicted, parents, terms)

    return _or_failed(tuple(_MODES), rwr) | _or_failed(_LCAD_KEYS, ancestors)


def _lcad_of_transfer(
    labels: NDArray[np.str_],
    term_ids: NDArray[np.str_],
    predicted: NDArray[np.str_],
    parents: Mapping[str, Sequence[str]],
    terms: Sequence[str],
) -> dict[str, Score]:
    """Return LCAD of the predicted labels' terms (each label's most frequent one), over cells with both terms."""
    term_of = {label: _most_frequent(term_ids[labels == label]) for label in np.unique(labels)}
    predicted_ids = np.array([term_of.get(label, "") for label in predicted])
    known = (term_ids != "") & (predicted_ids != "")
    if not known.any():
        return dict.fromkeys(_LCAD_KEYS, Score.not_applicable("no cell has both a true and a predicted term"))
    found = lcad(term_ids[known], predicted_ids[known], lca_distances(parents, terms))
    left_out = int((~known).sum())
    note = f"{left_out} cells without a term left out"
    return {key: _noted(score, note) if left_out else score for key, score in found.items()}


def _most_frequent(values: NDArray[np.str_]) -> str:
    names, sizes = np.unique(values[values != ""], return_counts=True)
    return str(names[sizes.argmax()]) if len(names) else ""


def _noted(score: Score, note: str) -> Score:
    return replace(score, reason="; ".join(filter(None, (score.reason, note)))) if score.state == OK else score


def _or_failed(keys: tuple[str, ...], compute: Callable[[], dict[str, Score]]) -> dict[str, Score]:
    """Return scores, or the failure of an ontology that lacks a term: it must not cost the dataset its other scores."""
    try:
        return compute()
    except OntologyError as error:
        return dict.fromkeys(keys, Score.failed(one_line(error)))
