"""All metrics of one embedding under the keys of the board, each with its state and its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError, ModelError
from scarena.metrics.aggregate import WEIGHTS, aggregate_replicates, aggregates
from scarena.metrics.annotated import annotated
from scarena.metrics.checks import checked_embedding, encoded
from scarena.metrics.details import Details, details_of
from scarena.metrics.exclusions import exclusions
from scarena.metrics.families import FAMILIES
from scarena.metrics.inputs import Inputs
from scarena.metrics.reference import DatasetReference, OntologyReference
from scarena.metrics.registry import BROKEN, OF_EMBEDDING, OF_TASKS, ORIGINS
from scarena.metrics.resampling import N_REPLICATES
from scarena.metrics.scores import Score, Scores
from scarena.metrics.stated import stated, with_interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def score_embedding(
    embedding: ArrayLike,
    *,
    batch: ArrayLike,
    labels: ArrayLike,
    reference: DatasetReference | None = None,
    ontology: OntologyReference | None = None,
    metrics: str | Sequence[str] = "all",
    seed: int = 0,
    n_jobs: int = -1,
    n_replicates: int = N_REPLICATES,
) -> Scores:
    """Score one embedding.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``.
    batch, labels
        Batch and cell type of each cell ``[n_cells]``. Where pandas has names of cells on both sides they are joined by
        name. Cells without a label (None, NaN, "", "NA" …) are in no metric, and counted in ``unlabelled``.
    reference
        The data before integration (:func:`~scarena.metrics.reference.dataset_reference`); without it the metrics that
        compare with it are not applicable.
    ontology
        The Cell Ontology's view of the cell types (:func:`~scarena.metrics.reference.ontology_reference`).
    metrics
        ``"all"`` or keys of :data:`~scarena.metrics.registry.METRICS`.
    seed
        Of every metric that draws.
    n_jobs
        Threads; −1 for all that the process may use. The scores do not depend on it.
    n_replicates
        Bootstrap replicates of the cells for the 95 % intervals; 0 for none.

    Returns
    -------
    Scores
        A score for every key asked for, in the order of the board, with the replicates and details behind them.

    Raises
    ------
    ModelError
        If the embedding is not one (wrong shape, NaN, constant).
    DataError
        If an annotation does not have one entry a cell, names of cells disagree, a cell has no batch or none a label,
        ``metrics`` names no metric or ``not_applicable`` no group.

    Examples
    --------
    >>> import numpy as np
    >>> types = np.repeat(["B cell", "T cell"], 50)
    >>> x = np.random.default_rng(0).normal(size=(100, 5)) + 9 * (types == "B cell")[:, None]
    >>> scores = score_embedding(x, batch=np.arange(100) % 2, labels=types, metrics=["knn_accuracy"])
    >>> scores["knn_accuracy"].value
    1.0
    """
    inputs, unlabelled = _inputs(
        embedding, batch, labels, reference or DatasetReference(), ontology, n_replicates, seed, n_jobs
    )
    keys = _asked(metrics)
    found, replicates = _found(inputs, keys)
    drawn = {key: replicates[key] for key in keys if key in replicates}
    return Scores({key: found[key] for key in keys}, drawn, _details(inputs), unlabelled)


_NEVER = Score.not_applicable("not asked for")


def _inputs(
    embedding: ArrayLike, batch: ArrayLike, labels: ArrayLike, reference: DatasetReference,
    ontology: OntologyReference | None, n_replicates: int, seed: int, n_jobs: int,
) -> tuple[Inputs, int]:  # fmt: skip
    x = checked_embedding(embedding)
    if (x == x[0]).all():
        fix = "look at what the model returns: it tells no two cells apart"
        raise ModelError("all cells have the same values", where="embedding", fix=fix)
    given = {
        "pre_pca": reference.pre_pca, "near": reference.near, "phase_scores": reference.phase_scores,
        "term_ids": None if ontology is None else ontology.term_ids,
    }  # fmt: skip
    for where, value in given.items():
        if value is not None and len(value) != len(x):
            raise DataError(f"{len(value)} rows for {len(x)} cells", where=where, fix="join it by cell name")
    told = annotated(embedding, len(x), batch, labels)
    kept = told.labelled
    if not kept.all():
        reference, ontology = reference.of_cells(kept, n_jobs), ontology and ontology.of_cells(kept)
    batches, _ = encoded(told.batch[kept])
    codes, names = encoded(told.labels[kept])
    own = x if kept.all() else checked_embedding(x[kept])
    given_n = {"n_replicates": n_replicates, "seed": seed, "n_jobs": n_jobs}
    inputs = Inputs(own, batches, codes, names, reference, ontology, **given_n)
    return inputs, int((~kept).sum())


def _asked(metrics: str | Sequence[str]) -> list[str]:
    wanted = list(OF_EMBEDDING) if metrics == "all" else [metrics] if isinstance(metrics, str) else list(metrics)
    for key in wanted if metrics != "all" else []:
        if key in BROKEN:
            raise DataError(f"{key!r}: {BROKEN[key]}", where=ORIGINS[key], fix="repair or uninstall that package")
    if of_tasks := [key for key in wanted if key in OF_TASKS]:
        fix = "ask a board's `tasks:` for it (`scarena tasks`)"
        raise DataError(f"{of_tasks[0]!r} asks for more than labels and batches", where="metrics", fix=fix)
    unknown = [key for key in wanted if key not in OF_EMBEDDING]
    if unknown:
        raise DataError(f"{unknown[0]!r} is no metric", where="metrics", fix="`scarena metrics` lists them")
    return [key for key in OF_EMBEDDING if key in wanted]


def _parts(key: str) -> set[str]:
    """Return the metrics that an aggregate needs, through other aggregates."""
    return {part for each in WEIGHTS[key] for part in (_parts(each) if each in WEIGHTS else {each})}


def _found(inputs: Inputs, keys: Sequence[str]) -> tuple[dict[str, Score], dict[str, NDArray[np.float64]]]:
    """Return at least the scores that were asked for, aggregates after their parts, and the replicates behind them."""
    parts = {part for key in keys if key in WEIGHTS for part in _parts(key)}
    found, replicates = _measured(inputs, {*keys, *parts})
    if any(key in WEIGHTS for key in keys):
        replicates |= aggregate_replicates(replicates)
        found |= _aggregated(found, parts, replicates)
    return found, replicates


def _measured(inputs: Inputs, wanted: Set[str]) -> tuple[dict[str, Score], dict[str, NDArray[np.float64]]]:
    """Return the scores of all families that give a wanted key, and the replicates behind them."""
    reasons = exclusions(inputs)
    found: dict[str, Score] = {}
    replicates: dict[str, NDArray[np.float64]] = {}
    for family, compute in FAMILIES.items():
        if not wanted.isdisjoint(family):
            scores, drawn = stated(family, partial(compute, inputs), reasons)
            found |= scores
            replicates |= drawn
    return found, replicates


def _aggregated(
    found: Mapping[str, Score], parts: Set[str], replicates: Mapping[str, NDArray[np.float64]]
) -> dict[str, Score]:
    """Return the aggregates of what was found; a part that no family gave was not asked for."""
    scores = aggregates({**dict.fromkeys(parts - set(found), _NEVER), **found})
    return {key: with_interval(key, score, replicates) for key, score in scores.items()}


def _details(inputs: Inputs) -> Details:
    transfer, ontology, consensus = inputs.transferred, inputs.ontology, inputs.reference.scgraph
    return details_of(
        inputs.names,
        inputs.labels,
        term_ids=None if ontology is None else ontology.term_ids,
        predicted=None if transfer is None else transfer.predicted,
        graph_types=() if consensus is None else consensus.types,
        distances=inputs.type_distances,
    )
