"""Preparing a dataset: from its files to the one canonical h5ad every model and metric reads.

CSR int32 counts in X; obs ``batch``, ``cell_type``, ``cell_type_id`` (a current CL term or ""), ``donor``, ``tissue``,
``assay``; var indexed by Ensembl id with ``symbol``; uns with the card, the sources' hashes, the Cell Ontology release,
the genes and cells lost. Cells keep their published order.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from scarena.datasets.card import DatasetCard
from scarena.datasets.genes import gene_table, map_genes
from scarena.datasets.ontology import CellOntology
from scarena.datasets.raw import Raw
from scarena.datasets.readers import find_reader
from scarena.datasets.sources import pull
from scarena.errors import CardError, DataError
from scarena.files import sha256_of

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


def _keep(raw: Raw, rows: np.ndarray) -> Raw:
    return Raw(raw.counts[rows], raw.obs.iloc[rows], raw.genes)


def to_anndata(raw: Raw, card: DatasetCard, ontology: CellOntology, *, cache: Path, mirror: Path | None) -> AnnData:
    """Check what a reader returned and bring it into the canonical form, without the sources' hashes."""
    from anndata import AnnData as New

    where = f"{card.name} ({', '.join(sorted({f.url.rsplit('/', 1)[-1] for f in card.files}))})"
    _check_obs(raw, card, where)
    if "label" in raw.obs and card.drop_labels:
        raw = _keep(raw, np.flatnonzero(~raw.obs["label"].astype(str).isin(card.drop_labels).to_numpy()))
    counts = as_counts(raw.counts, card, where)
    depth = np.asarray(counts.sum(axis=1)).ravel()
    rows = np.flatnonzero(depth >= max(1, card.min_counts))
    if not len(rows):
        fix = "check `min_counts` on the card and the file"
        raise DataError(f"no cell has {card.min_counts} counts", where=where, fix=fix)
    raw = _keep(Raw(counts, raw.obs, raw.genes), rows)
    mapped = map_genes(raw.counts, raw.genes, gene_table(cache=cache, mirror=mirror), where)
    obs = _obs(raw, card, ontology, where)
    _check_groups(obs, card, where)
    data = New(mapped.counts.astype(np.int32), obs=obs, var=pd.DataFrame({"symbol": mapped.symbols}, index=mapped.ids))
    data.uns["genes"] = mapped.record
    data.uns["cells_dropped"] = int(len(depth) - len(rows))
    return data


def prepare(
    card: DatasetCard, *, cache: Path, mirror: Path | None = None, ontology: CellOntology | None = None
) -> AnnData:
    """Pull, read and check a dataset; return it in the canonical form.

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
    data = to_anndata(raw, card, ontology, cache=cache, mirror=mirror)
    data.uns["card"] = card.model_dump_json()
    data.uns["sources"] = json.dumps({key: sha256_of(path) for key, path in files.items()}, sort_keys=True)
    data.uns["cl_release"] = ontology.release
    return data
