"""What all scores of one dataset share, as one file: annotation, the data before integration, its view of the ontology.

With it a score needs neither the counts nor the ontology: it starts in a second instead of ten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.advice import made_again
from scarena.base.files import replacing, sha256_of
from scarena.base.untrusted import read_arrays
from scarena.datasets.stored import is_stored, rows_of
from scarena.metrics.reference import DatasetReference, OntologyReference

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.tasks.ontology_reference import Reference

UNINTEGRATED = "unintegrated"
"""Entry of obsm with the principal components before integration, which PCR compares with."""
# As scGraph was published.
_GENES, _COMPONENTS, _MIN_CELLS = 1000, 10, 100


@dataclass(frozen=True, slots=True)
class Annotated:
    """A dataset as its scores see it.

    Parameters
    ----------
    names, batch, labels
        Name, batch and cell type of each cell ``[n_cells]``.
    reference, ontology
        What the metrics know of the dataset; ``ontology`` is ``None`` where no cell has a term.
    content
        SHA-256 of the prepared dataset and of the ontology that it was made from.
    donor
        Donor of each cell ``[n_cells]``, "unknown" where nobody says.
    targets
        Further truths by name, each ``[n_cells]``: ``yes``, ``no`` or a group, "" where a cell has none.
    matrices
        ``proteins``: counts ``[n_cells, n_proteins]``; ``coding_rna``: log1p of counts per 10,000 of each protein's
        gene, NaN where none is measured; ``coordinates``: ``[n_cells, 2]``.
    proteins
        Names of the proteins.
    not_identifiable
        Target → why a score of it would not be of the cells.
    types
        Names of the types of the whole dataset, sorted, where the scored cells are a part of it that may lack some.
    """

    names: np.ndarray
    batch: np.ndarray
    labels: np.ndarray
    reference: DatasetReference
    ontology: OntologyReference | None
    content: tuple[str, str]
    donor: np.ndarray = field(default_factory=lambda: np.zeros(0, np.str_))
    targets: Mapping[str, np.ndarray] = field(default_factory=dict)
    matrices: Mapping[str, np.ndarray] = field(default_factory=dict)
    proteins: tuple[str, ...] = ()
    not_identifiable: Mapping[str, str] = field(default_factory=dict)
    types: tuple[str, ...] = ()


def make(
    h5ad: Path, ontology_file: Path, unintegrated: str, n_jobs: int, n_scored: int = 100_000, *, within: bool = False
) -> Annotated:
    """Compute the reference of a prepared dataset whose principal components lie in ``obsm[unintegrated]``.

    Of a dataset with more than `n_scored` cells so many are drawn without regard to type or batch, and the reference,
    and with it all scores, is of these: exact metrics take the square of the number of cells. `within` keeps the
    neighbours before integration too, which one task compares with (`scarena.tasks.within`).
    """
    from scarena.datasets.prepared import read_prepared
    from scarena.metrics.cell_cycle import phase_scores
    from scarena.metrics.measured import Undefined
    from scarena.metrics.reference import dataset_reference
    from scarena.tasks.further import further_truths
    from scarena.tasks.ontology_reference import read_reference
    from scarena.tasks.within import neighbours_before

    whole = read_prepared(h5ad)
    data = _sampled(whole, n_scored)
    types = () if data is whole else tuple(np.unique(whole.obs["cell_type"].astype(str).to_numpy()))
    card = json.loads(data.uns["card"])
    excluded = dict(card.get("not_applicable", {}))
    log = _log_normalised(data)
    phases = None
    try:
        phases = phase_scores(log.X, data.var["symbol"].astype(str).to_numpy())
    except Undefined as why:
        excluded.setdefault("cell_cycle", str(why))
    batches = None if {"labels", "bio"} & set(excluded) else _per_batch(log)
    reference = dataset_reference(
        data.obsm[unintegrated], batch_pcas=batches, phase_scores=phases, not_applicable=excluded, n_jobs=n_jobs
    )
    obs = {key: data.obs[key].astype(str).to_numpy() for key in ("batch", "cell_type", "cell_type_id")}
    content = (sha256_of(h5ad), sha256_of(ontology_file))
    view = None if "ontology" in excluded else _view(obs["cell_type_id"], read_reference(ontology_file))
    names = data.obs_names.to_numpy().astype(np.str_)
    further = further_truths(data, log.X, card)
    if within and "labels" not in excluded:
        further["matrices"] = {**further["matrices"], **neighbours_before(log)}
    return Annotated(names, obs["batch"], obs["cell_type"], reference, view, content, **further, types=types)


def _sampled(data: AnnData, n_scored: int) -> AnnData:
    """Return the cells to be scored, in their order, with their counts in memory."""
    from anndata import AnnData as New

    rows = np.sort(np.random.default_rng(0).permutation(data.n_obs)[:n_scored])
    if len(rows) == data.n_obs and not is_stored(data.X):
        return data
    obsm = {key: np.asarray(value)[rows] for key, value in data.obsm.items()}
    return New(rows_of(data.X, rows), obs=data.obs.iloc[rows].copy(), var=data.var, obsm=obsm, uns=dict(data.uns))


def _view(term_ids: np.ndarray, ontology: Reference) -> OntologyReference | None:
    from scarena.metrics.reference import ontology_reference

    return ontology_reference(term_ids, ontology.parents, ontology.embedding) if (term_ids != "").any() else None


def _log_normalised(data: AnnData) -> AnnData:
    import scanpy as sc

    log = data.copy()
    log.X = log.X.astype(np.float32)
    sc.pp.normalize_total(log, target_sum=1e4)
    sc.pp.log1p(log)
    return log


def _per_batch(log: AnnData) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the components of each batch's own variable genes, and its labels; of a small batch the labels only."""
    from scarena.tasks.within import variable_components

    batch, labels = log.obs["batch"].astype(str).to_numpy(), log.obs["cell_type"].astype(str).to_numpy()
    found = []
    for name in np.unique(batch):
        rows = batch == name
        part = log[rows]
        if part.n_obs < _MIN_CELLS:
            found.append((np.zeros((part.n_obs, _COMPONENTS), np.float32), labels[rows]))
            continue
        found.append((variable_components(part, _GENES, _COMPONENTS), labels[rows]))
    return found


def write(path: Path, found: Annotated) -> None:
    """Write a dataset's reference (npz, no pickle)."""
    known = found.reference
    arrays: dict[str, Any] = {"names": found.names, "batch": found.batch, "labels": found.labels}
    arrays |= {"pre_pca": known.pre_pca, "near": known.near, "phase_scores": known.phase_scores}
    arrays |= {"donor": found.donor, "proteins": np.asarray(found.proteins, np.str_)}
    arrays |= {"types": np.asarray(found.types, np.str_)} if found.types else {}
    arrays |= {_TARGET + name: values for name, values in found.targets.items()}
    arrays |= {_MATRIX + name: values for name, values in found.matrices.items()}
    said = {"not_applicable": known.not_applicable, "content": found.content}
    arrays |= {"said": _text({**said, "not_identifiable": dict(found.not_identifiable)})}
    if known.scgraph is not None:
        graph = known.scgraph
        arrays |= {"scgraph_types": np.asarray(graph.types, np.str_), "scgraph_distances": graph.distances}
        arrays |= {"scgraph_coverage": np.asarray(graph.pair_coverage)}
    if found.ontology is not None:
        view = found.ontology
        arrays |= {"term_ids": view.term_ids, "terms": np.asarray(view.terms, np.str_), "onto": view.distances}
        arrays |= {f"lca_{key}": getattr(view.lca, key) for key in _LCA}
    kept: dict[str, Any] = {key: _plain(value) for key, value in arrays.items() if value is not None}
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, **kept)


def write_content(path: Path, digest: str) -> None:
    """Write the reference of a dataset whose scores need no more than itself: its hash."""
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, content=_text(digest))


def read_content(path: Path) -> str:
    """Return the hash that :func:`write_content` wrote."""
    held = read_arrays(path, "content", fix=made_again(path, "reference.npz", "reference.json"))
    return str(json.loads(held["content"].tobytes()))


_TARGET, _MATRIX = "target_", "matrix_"
_LCA = ("directed", "directed_max", "symmetric", "n_lowest")


def _text(value: Any) -> np.ndarray:
    return np.frombuffer(json.dumps(value, sort_keys=True).encode(), dtype=np.uint8)


def _plain(value: np.ndarray) -> np.ndarray:
    return value.astype(np.str_) if value.dtype.kind in "OU" else value


def read(path: Path) -> Annotated:
    """Read what :func:`write` wrote."""
    from scarena.metrics.lcad import LcadTable
    from scarena.metrics.scgraph import ScGraphReference

    fix = made_again(path, "reference.npz", "reference.json")
    has = read_arrays(path, "said", "names", "batch", "labels", fix=fix)
    said = json.loads(has["said"].tobytes())
    graph = view = None
    if "scgraph_types" in has:
        types = tuple(map(str, has["scgraph_types"]))
        graph = ScGraphReference(types, has["scgraph_distances"], float(has["scgraph_coverage"]))
    if "terms" in has:
        terms = tuple(map(str, has["terms"]))
        view = OntologyReference(
            has["term_ids"], terms, has["onto"], LcadTable(terms, *(has[f"lca_{k}"] for k in _LCA))
        )
    reference = DatasetReference(
        has.get("pre_pca"), has.get("near"), graph, has.get("phase_scores"), said["not_applicable"]
    )
    return Annotated(
        has["names"],
        has["batch"],
        has["labels"],
        reference,
        view,
        tuple(said["content"]),
        # References from before these were kept have none of them.
        donor=has.get("donor", np.full(len(has["names"]), "unknown")),
        targets=_under(_TARGET, has),
        matrices=_under(_MATRIX, has),
        proteins=tuple(map(str, has.get("proteins", ()))),
        types=tuple(map(str, has.get("types", ()))),
        not_identifiable=said.get("not_identifiable", {}),
    )


def _under(prefix: str, has: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key.removeprefix(prefix): values for key, values in has.items() if key.startswith(prefix)}
