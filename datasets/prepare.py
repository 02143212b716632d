"""Preparing a dataset: from its files to the one canonical h5ad every model and metric reads.

CSR int32 counts in X; obs ``batch``, ``cell_type``, ``cell_type_id`` (a current CL term or ""), ``donor``, ``tissue``,
``assay``; var indexed by Ensembl id with ``symbol``; uns with the card, the sources' hashes, the Cell Ontology release,
the genes and cells lost. Cells keep their published order.
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
from scarena.base.untrusted import check_names
from scarena.datasets.card import DatasetCard
from scarena.datasets.genes import GeneMap, gene_map, gene_table
from scarena.datasets.ontology import CellOntology
from scarena.datasets.raw import Raw
from scarena.datasets.readers import find_reader
from scarena.datasets.sources import pull
from scarena.datasets.stored import blocks, in_memory, is_stored, write_matrix

if TYPE_CHECKING:
    from anndata import AnnData

# What reading a count from text or floating point may cost; anything above is no count.
_TOLERANCE = 1e-6


def as_counts(values: csr_matrix, card: DatasetCard, where: str) -> csr_matrix:
    """Return integer counts, or say what in `values` is none.

    Raises
    ------
    DataError
        For NaN or infinite values, negative ones, and fractional ones unless the card says they are expected.
    """
    values = csr_matrix(values, copy=True)
    values.sum_duplicates()
    data = values.data.astype(np.float64)
    if not np.isfinite(data).all():
        bad = int((~np.isfinite(data)).sum())
        raise DataError(f"{bad} values are NaN or infinite", where=f"{where}: counts", fix="repair the file")
    if data.size and data.min() < 0:
        fix = "give raw counts, not scaled values (name their layer on the card)"
        raise DataError(f"negative values (least: {data.min():g})", where=f"{where}: counts", fix=fix)
    whole = np.rint(data)
    fractional = int((np.abs(data - whole) > _TOLERANCE * np.maximum(1.0, data)).sum())
    if fractional and card.counts == "integer":
        fix = "give raw counts, or write `counts: expected` on the card to round them"
        raise DataError(f"{fractional} of {data.size} values are no whole numbers", where=f"{where}: counts", fix=fix)
    if data.size and whole.max() > np.iinfo(np.int32).max:
        raise DataError(f"a count of {whole.max():g}", where=f"{where}: counts", fix="give raw counts")
    values.data = whole.astype(np.int32)
    values.eliminate_zeros()
    return values


def _check_obs(raw: Raw, card: DatasetCard, where: str) -> None:
    twice = raw.obs.index[raw.obs.index.duplicated()]
    if len(twice):
        what = f"{len(twice)} cell names occur twice (first: {twice[0]!r})"
        raise DataError(what, where=f"{where}: obs_names", fix="make them unique")
    if raw.counts.shape != (len(raw.obs), len(raw.genes)):
        what = f"counts are {raw.counts.shape} for {len(raw.obs)} cells and {len(raw.genes)} genes"
        raise DataError(what, where=where, fix="correct the reader's options on the card")
    for key, names in [("obs_names", raw.obs.index), *((str(key), raw.obs[key].dropna()) for key in raw.obs)]:
        check_names(sorted({str(name) for name in names}), f"{where}: {key}")
    needed = ["batch"] if card.role == "pretraining" else ["batch", "label"]
    for key in needed:
        if key not in raw.obs:
            raise DataError(f"no {key}", where=f"{where}: obs", fix=f"say on the card where the {key} is")
        empty = int(raw.obs[key].isna().sum())
        if empty:
            fix = f"give every cell a {key}"
            raise DataError(f"{empty} cells have none", where=f"{where}: obs[{key!r}]", fix=fix)


def _terms(labels: pd.Series, card: DatasetCard, ontology: CellOntology, where: str) -> list[str]:
    unknown = sorted(set(labels) - set(card.labels))
    if unknown:
        fix = f"add it to `labels` on the card {card.name} (null where no term is right), or to `drop_labels`"
        raise DataError(f"label {unknown[0]!r} is not on the card", where=f"{where}: label", fix=fix)
    term_of = {label: ontology.resolve(term) if term else "" for label, term in card.labels.items()}
    return [term_of[label] for label in labels]


def _check_groups(obs: pd.DataFrame, card: DatasetCard, where: str) -> None:
    if card.role == "pretraining":
        return
    if obs["cell_type"].nunique() < 2 and "labels" not in card.not_applicable:
        fix = "name a column with at least two cell types"
        raise DataError("one cell type only", where=f"{where}: label", fix=fix)
    if obs["batch"].nunique() < 2 and "batch" not in card.not_applicable:
        fix = "name another column, or write `not_applicable: {batch: one batch}` on the card"
        raise DataError("one batch only, so batch metrics mean nothing", where=f"{where}: batch", fix=fix)


def _obs(raw: Raw, card: DatasetCard, ontology: CellOntology, where: str) -> pd.DataFrame:
    obs = pd.DataFrame({"batch": raw.obs["batch"].astype(str)}, index=raw.obs.index.astype(str))
    labels = raw.obs["label"].astype(str) if "label" in raw.obs else pd.Series("unknown", index=raw.obs.index)
    obs["cell_type"] = labels.to_numpy()
    known = card.labels or card.role != "pretraining"
    obs["cell_type_id"] = _terms(labels, card, ontology, where) if known else ""
    for key, default in (("donor", "unknown"), ("tissue", card.tissue), ("assay", card.assay)):
        given = raw.obs[key].astype(str).where(raw.obs[key].notna(), default).to_numpy() if key in raw.obs else default
        obs[key] = given
    return obs.astype("category")


def _wanted(raw: Raw, card: DatasetCard) -> np.ndarray:
    """Return which cells have no label that the card drops."""
    if "label" not in raw.obs or not card.drop_labels:
        return np.ones(len(raw.obs), bool)
    return ~raw.obs["label"].astype(str).isin(card.drop_labels).to_numpy()


def _checked(
    raw: Raw, wanted: np.ndarray, card: DatasetCard, genes: GeneMap, kept: list[np.ndarray], where: str
) -> Iterator[csr_matrix]:
    """Yield the counts of the wanted cells that have enough, over Ensembl ids; note in `kept` which they are."""
    for first, last, part in blocks(raw.counts):
        rows = np.flatnonzero(wanted[first:last])
        counts = as_counts(part if len(rows) == last - first else part[rows], card, where)
        enough = np.asarray(counts.sum(axis=1)).ravel() >= max(1, card.min_counts)
        kept.append(first + rows[enough])
        yield genes.merged(counts if enough.all() else counts[enough]).astype(np.int32)


def to_anndata(
    raw: Raw, card: DatasetCard, ontology: CellOntology, *, cache: Path, mirror: Path | None, store: Path | None = None
) -> AnnData:
    """Check what a reader returned and bring it into the canonical form, without the sources' hashes.

    Counts that lie on disk are written to `store` and stay there, or come into memory where that is None.
    """
    from anndata import AnnData as New

    where = f"{card.name} ({', '.join(sorted({f.url.rsplit('/', 1)[-1] for f in card.files}))})"
    _check_obs(raw, card, where)
    if store is None:
        raw = dataclasses.replace(raw, counts=in_memory(raw.counts))
    wanted, kept = _wanted(raw, card), list[np.ndarray]()
    genes = gene_map(raw.genes, gene_table(cache=cache, mirror=mirror), where)
    parts = _checked(raw, wanted, card, genes, kept, where)
    counts = _stored(parts, len(genes.ids), store) if store and is_stored(raw.counts) else next(parts)
    rows = np.concatenate(kept)
    if not len(rows):
        fix = "check `min_counts` on the card and the file"
        raise DataError(f"no cell has {card.min_counts} counts", where=where, fix=fix)
    obs = _obs(dataclasses.replace(raw, obs=raw.obs.iloc[rows]), card, ontology, where)
    _check_groups(obs, card, where)
    data = New(counts, obs=obs, var=pd.DataFrame({"symbol": genes.symbols}, index=genes.ids))
    data.uns["genes"] = genes.record()
    data.uns["cells_dropped"] = int(wanted.sum() - len(rows))
    return data


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
    if card.role != "pretraining" and not card.labels:
        fix = "write `labels: {label: CL:…}` (null where no term is right)"
        raise CardError("no labels", where=f"dataset {card.name}", fix=fix)
    ontology = ontology or CellOntology.load()
    files = pull(card, cache=cache, mirror=mirror)
    raw = find_reader(card.reader.name, f"dataset {card.name}")(files, card.reader.options)
    data = to_anndata(raw, card, ontology, cache=cache, mirror=mirror, store=store)
    data.uns["card"] = card.model_dump_json()
    data.uns["sources"] = json.dumps({key: digest_of(path) for key, path in files.items()}, sort_keys=True)
    data.uns["cl_release"] = ontology.release
    return data
