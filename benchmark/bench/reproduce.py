"""Do the ordinary models and metrics give the numbers that others published? One dataset, a table, a verdict a row.

What is published is in `published/<name>.yaml` with its source. Everything runs through the functions a board uses;
what the sources did otherwise and this does not imitate is among the notes of that file.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.base.errors import ConfigError, ScarenaError, SourceError
from scarena.bench.publications import Published, Row, compare
from scarena.metrics.aggregate import TOTAL, weighted_mean
from scarena.metrics.scores import Score

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData

_LOG = logging.getLogger(__name__)
NEIGHBORS = 15
# Name in the published tables -> key of this package; graph connectivity is computed here, as scIB defines it.
KEYS = {"nmi": "leiden_nmi", "ari": "leiden_ari", "asw_label": "silhouette_label", "asw_batch": "silhouette_batch"}
_BIO, _BATCH = ("nmi", "ari", "asw_label"), ("graph_connectivity", "asw_batch")


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The rows, or why there are none."""

    rows: list[Row]
    skipped: str = ""


def reproduce(
    published: Published,
    *,
    cache: Path,
    models: Sequence[str] | None = None,
    seed: int = 0,
    device: str = "cpu",
    say: Callable[[str], None] = _LOG.info,
) -> Reproduction:
    """Run the models on the dataset and put each score beside the published ones.

    Parameters
    ----------
    published
        From :func:`~scarena.bench.publications.load_published`.
    cache
        Folder of pulled files.
    models
        Of those that were published; all where not given. Each runs once for every way of counting batches.
    seed, device
        Of the models and the metrics; where models run.
    say
        Told what comes next: scVI takes long on a CPU.

    Returns
    -------
    Reproduction
        Skipped, with the reason, where the files of the dataset cannot be had.

    Raises
    ------
    ConfigError
        For a model that no source has.
    ScarenaError
        If the dataset is not what its card says. A model that breaks is the state of its rows.
    """
    from scarena.datasets.card import load_card
    from scarena.datasets.prepare import prepare

    wanted = published.models if models is None else list(models)
    unknown = [model for model in wanted if model not in published.models]
    if unknown:
        fix = f"one of: {', '.join(published.models)}"
        raise ConfigError(f"no source has the model {unknown[0]!r}", where="--model", fix=fix)
    try:
        data = prepare(load_card(published.dataset), cache=cache)
    except SourceError as error:
        return Reproduction([], f"{published.dataset} is not at hand ({error})")
    rows = []
    for source in published.sources:
        cells = merged_batches(data, source.merge_batches)
        for model in (model for model in wanted if model in source.values):
            say(f"{model} with the batches of {source.name}")
            rows += compare(source, model, _attempt(model, cells, cache, seed, device), published.tolerance)
    return Reproduction(rows)


def overall(found: Mapping[str, Score]) -> Score:
    """Return 0.6 · mean(NMI, ARI, ASW) + 0.4 · mean(graph connectivity, batch ASW); missing where a part is."""
    parts = {"bio": _BIO, "batch": _BATCH}
    return weighted_mean(
        {group: weighted_mean(found, dict.fromkeys(keys, 1.0)) for group, keys in parts.items()}, TOTAL
    )


def merged_batches(data: AnnData, merge: Mapping[str, str]) -> AnnData:
    """Return a copy in which the batches that match a pattern, in lower case, have one name."""
    cells = data.copy()
    names = {}
    for name in cells.obs["batch"].astype(str).unique():
        matching = (into for pattern, into in merge.items() if re.fullmatch(pattern, name.lower()))
        names[name] = next(matching, name)
    cells.obs["batch"] = cells.obs["batch"].astype(str).map(names).astype("category")
    return cells


def scib_connectivity(embedding: np.ndarray, labels: np.ndarray, n_jobs: int = -1) -> Score:
    """Return scIB's graph connectivity: the share of each label in its largest component, mean over labels.

    Parameters
    ----------
    embedding
        Finite array ``[n_cells, d]``.
    labels
        Label of each cell ``[n_cells]``.
    n_jobs
        Threads.

    Returns
    -------
    Score
        In (0, 1], higher is better. Components of the symmetric graph of 15 neighbours, where those of the board's
        ``graph_connectivity`` are strong ones of the directed graph and hence smaller.

    References
    ----------
    Luecken et al. 2022, doi 10.1038/s41592-021-01336-8; ``scib.metrics.graph_connectivity``.
    """
    import numpy as np
    from scipy.sparse.csgraph import connected_components

    from scarena.metrics.graph import fuzzy_graph
    from scarena.metrics.neighbors import nearest_neighbors

    codes = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    graph = fuzzy_graph(nearest_neighbors(embedding, NEIGHBORS, n_jobs=n_jobs), NEIGHBORS, within=codes)
    part = connected_components(graph, directed=False)[1]
    shares = [np.bincount(part[codes == code]).max() / (codes == code).sum() for code in range(codes.max() + 1)]
    return Score.of(float(np.mean(shares)))


def _attempt(model: str, cells: AnnData, cache: Path, seed: int, device: str) -> dict[str, Score]:
    """Return a model's scores by the names of the published tables; a model that breaks has failed in all of them."""
    try:
        return _scores(cells, _embedding(model, cells, cache, seed, device), seed)
    except ScarenaError as error:
        reason = str(error)
    # What a model's library raises is the state of its rows, and must not take those of the others along.
    except Exception as error:  # noqa: BLE001
        reason = f"{type(error).__name__}: {error}"
    return dict.fromkeys((*KEYS, "graph_connectivity", "overall"), Score.failed(reason))


def _embedding(model: str, cells: AnnData, cache: Path, seed: int, device: str) -> Any:
    from scarena.metrics.devices import n_threads
    from scarena.models.base import Context
    from scarena.models.embedding import check_embedding, hand_over
    from scarena.models.registry import find_model

    found = find_model(model)
    context = Context(seed, device, cache, n_threads(-1), _LOG)
    return check_embedding(found().embed(hand_over(cells, found.card), context), cells.n_obs, model)


def _scores(cells: AnnData, embedding: np.ndarray, seed: int) -> dict[str, Score]:
    from scarena.metrics import score_embedding

    batch, labels = (cells.obs[key].astype(str).to_numpy() for key in ("batch", "cell_type"))
    scores = score_embedding(embedding, batch=batch, labels=labels, metrics=list(KEYS.values()), seed=seed)
    found = {name: scores[key] for name, key in KEYS.items()}
    found["graph_connectivity"] = scib_connectivity(embedding, labels)
    return {**found, "overall": overall(found)}
