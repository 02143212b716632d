"""Preparing a dataset: from its files to the one canonical h5ad every model and metric reads.

CSR int32 counts in X; obs ``batch``, ``cell_type``, ``cell_type_id`` (a current CL term or ""), ``donor``, ``tissue``,
``assay``, and a column for each target; obsm ``proteins``, whose names uns has, and ``coordinates``; var indexed by
Ensembl id with ``symbol``; uns with the card, the sources' hashes, the Cell Ontology release, the genes and cells lost.
Cells keep their published order.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from scarena.base.errors import CardError, DataError
from scarena.base.folders import digest_of
from scarena.base.text import tidied
from scarena.base.untrusted import check_names
from scarena.datasets.card import DatasetCard
from scarena.datasets.counts import whole
from scarena.datasets.further import check_named, matrices_of, target_columns
from scarena.datasets.genes import GeneMap, gene_map, gene_table
from scarena.datasets.label_terms import LabelTerms, label_terms
from scarena.datasets.ontology import CellOntology
from scarena.datasets.orthologues import humanised, orthologues
from scarena.datasets.raw import Raw
from scarena.datasets.readers import find_reader
from scarena.datasets.sources import pull
from scarena.datasets.stored import blocks, in_memory, is_stored, write_matrix

if TYPE_CHECKING:
    from anndata import AnnData


def check_obs(raw: Raw, card: DatasetCard, where: str) -> None:
    """Refuse tables of cells with a name twice, or without the batches and labels that the card's role needs.

    Raises
    ------
    DataError
        If there is such a fault.
    """
    twice = raw.obs.index[raw.obs.index.duplicated()]
    if len(twice):
        what = f"{len(twice)} cell names occur twice (first: {twice[0]!r})"
        raise DataError(what, where=f"{where}: obs_names", fix="make them unique")
    for key, names in [("obs_names", raw.obs.index), *((str(key), raw.obs[key].dropna()) for key in raw.obs)]:
        check_names(sorted({str(name) for name in names}), f"{where}: {key}")
    needed = ["batch"] if card.role == "pretraining" else ["batch", "label"]
    for key in needed:
        if key not in raw.obs:
            raise DataError(f"no {key}", where=f"{where}: obs", fix=f"say on the card where the {key} is")
    empty = int(raw.obs["batch"].isna().sum())
    if empty:
        what = f"{empty:,} of {len(raw.obs):,} cells have no batch (an empty field, NA, nan or None)"
        raise DataError(what, where=f"{where}: obs['batch']", fix="give every cell a batch, or leave these cells out")


def _check_groups(obs: pd.DataFrame, card: DatasetCard, where: str) -> None:
    if card.role == "pretraining":
        return
    if obs["cell_type"].nunique() < 2 and "labels" not in card.not_applicable:
        fix = "name a column with at least two cell types"
        raise DataError("one cell type only", where=f"{where}: label", fix=fix)
    if obs["batch"].nunique() < 2 and "batch" not in card.not_applicable:
        fix = "name another column, or add it with --one-batch (on a card: `not_applicable: {batch: one batch}`)"
        raise DataError("one batch only, so batch metrics mean nothing", where=f"{where}: batch", fix=fix)


def canonical_obs(raw: Raw, card: DatasetCard, terms: LabelTerms | None, where: str) -> pd.DataFrame:
    """Return the table of cells in the canonical form."""
    obs = pd.DataFrame({"batch": raw.obs["batch"]}, index=raw.obs.index.astype(str))
    labels = raw.obs["label"].fillna("unknown") if "label" in raw.obs else pd.Series("unknown", index=raw.obs.index)
    obs["cell_type"] = labels.to_numpy()
    obs["cell_type_id"] = terms.of(labels) if terms is not None else ""
    for key, default in (("donor", "unknown"), ("tissue", card.tissue), ("assay", card.assay)):
        obs[key] = raw.obs[key].fillna(default).to_numpy() if key in raw.obs else default
    return obs.assign(**target_columns(raw, card, where)).astype("category")


def wanted_cells(raw: Raw, card: DatasetCard) -> tuple[np.ndarray, list[str]]:
    """Return which cells have a label that the card does not drop, and lines that say how many have not."""
    wanted, said = np.ones(len(raw.obs), bool), list[str]()
    if "label" not in raw.obs:
        return wanted, said
    labels = raw.obs["label"]
    # A pretraining set needs no labels.
    if card.role != "pretraining" and (empty := int(labels.isna().sum())):
        said.append(f"{empty:,} cells are unlabelled (an empty field, NA, nan or None) and left out")
        wanted &= labels.notna().to_numpy()
    dropped = labels.isin([tidied(label) for label in card.drop_labels]).to_numpy()
    if dropped.any():
        said.append(f"{int(dropped.sum()):,} cells have labels that the card drops: {', '.join(card.drop_labels)}")
    return wanted & ~dropped, said


def _checked(
    raw: Raw, wanted: np.ndarray, card: DatasetCard, genes: GeneMap, kept: list[np.ndarray], where: str
) -> Iterator[csr_matrix]:
    """Yield the counts of the wanted cells that have enough, over Ensembl ids; note in `kept` which they are."""
    expected = card.counts == "expected"
    for first, last, part in blocks(raw.counts):
        rows = np.flatnonzero(wanted[first:last])
        held = part if len(rows) == last - first else part[rows]
        if raw.kept is not None:
            held = held[:, raw.kept]
        counts = whole(held, f"{where}: counts", expected=expected, advice=raw.advice)
        enough = np.asarray(counts.sum(axis=1)).ravel() >= max(1, card.min_counts)
        kept.append(first + rows[enough])
        yield genes.merged(counts if enough.all() else counts[enough]).astype(np.int32)


def to_anndata(
    raw: Raw, card: DatasetCard, ontology: CellOntology, *, cache: Path, mirror: Path | None, store: Path | None = None
) -> AnnData:
    """Check what `find_reader`'s reader returned and bring it into the canonical form, without the sources' hashes.

    Counts that lie on disk are written to `store` and stay there, or come into memory where that is None.
    """
    from anndata import AnnData as New

    where = f"{card.name} ({', '.join(sorted({f.url.rsplit('/', 1)[-1] for f in card.files}))})"
    check_obs(raw, card, where)
    check_named(raw, card, where)
    if store is None:
        raw = dataclasses.replace(raw, counts=in_memory(raw.counts))
    (wanted, said), kept = wanted_cells(raw, card), list[np.ndarray]()
    terms = (
        label_terms(raw.obs["label"][wanted], card, ontology, where) if "label" in raw.obs and _known(card) else None
    )
    genes = gene_map(raw.genes, gene_table(cache=cache, mirror=mirror), where, raw.features)
    parts = _checked(raw, wanted, card, genes, kept, where)
    counts = _stored(parts, len(genes.ids), store) if store and is_stored(raw.counts) else next(parts)
    rows = np.concatenate(kept)
    if not len(rows):
        fix = "check `min_counts` on the card and the file"
        raise DataError(f"no cell has {card.min_counts} counts", where=where, fix=fix)
    obs = canonical_obs(dataclasses.replace(raw, obs=raw.obs.iloc[rows]), card, terms, where)
    _check_groups(obs, card, where)
    var = pd.DataFrame({"symbol": genes.symbols}, index=genes.ids)
    data = New(counts, obs=obs, var=var, obsm=matrices_of(raw, obs.index, where))
    if "proteins" in raw.matrices:
        data.uns["proteins"] = list(raw.matrices["proteins"].columns)
    data.uns["genes"] = genes.record()
    data.uns["cells_dropped"] = few = int(wanted.sum() - len(rows))
    if few:
        said.append(f"{few:,} cells have fewer than {max(1, card.min_counts)} counts and are left out")
    data.uns["notes"] = [*raw.notes, *said, *(terms.said if terms else ()), *genes.told(always=True)]
    return data


def _known(card: DatasetCard) -> bool:
    """Return whether a card says what labels mean; one for pretraining, or whose labels are perturbations, need not."""
    return card.says_types or not (card.role == "pretraining" or card.kind == "response")


def _stored(parts: Iterator[csr_matrix], n_genes: int, store: Path) -> Any:
    import h5py
    from anndata.io import sparse_dataset

    with h5py.File(store, "w") as file:
        write_matrix(file, parts, n_genes)
    return sparse_dataset(h5py.File(store, "r")["X"])


def prepare(
    card: DatasetCard, *, cache: Path, mirror: Path | None = None, ontology: CellOntology | None = None,
    store: Path | None = None,
) -> AnnData:  # fmt: skip
    """Pull, read and check a dataset; return it in the canonical form.

    Parameters
    ----------
    store
        File for the counts of a dataset that is too large for memory (`scarena.datasets.stored`), which they are then
        left in. With None every dataset comes into memory.

    Raises
    ------
    SourceError
        If a file cannot be had or is not the one the card names.
    DataError, OntologyError, CardError
        If its contents cannot be benchmarked, or the card does not fit them.
    NotAvailable
        If its reader cannot run on this machine.
    """
    if card.kind == "genes":
        fix = "prepare it with `scarena.datasets.prepare_genes`"
        raise CardError("a dataset of genes, without cells", where=f"dataset {card.name}", fix=fix)
    if not card.says_types and _known(card):
        fix = "write `labels: {label: CL:…}` (null where no term is right)"
        raise CardError("no labels", where=f"dataset {card.name}", fix=fix)
    ontology = ontology or CellOntology.load()
    files = pull(card, cache=cache, mirror=mirror)
    raw = find_reader(card.reader.name, f"dataset {card.name}")(files, card.reader.options)
    if card.species == "mouse":
        raw = humanised(raw, orthologues(cache=cache, mirror=mirror), f"dataset {card.name}")
    data = to_anndata(raw, card, ontology, cache=cache, mirror=mirror, store=store)
    data.uns["card"] = card.model_dump_json()
    data.uns["sources"] = json.dumps({key: digest_of(path) for key, path in files.items()}, sort_keys=True)
    data.uns["cl_release"] = ontology.release
    return data
