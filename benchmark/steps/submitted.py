"""The step `embed` of a submission: its vectors joined by cell name, and a record without cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import NotApplicable, NotAvailable, ScarenaError, state_of
from scarena.base.files import sha256_of, write_json
from scarena.models.without_cells import HAS_INSTEAD
from scarena.steps.config import BoardConfig
from scarena.steps.record import Record, commit, hardware, versions
from scarena.steps.states import kind_of, read_state
from scarena.steps.submissions import folder_of, prepared_names, submission_fingerprint, submitted_card
from scarena.steps.submitted_files import rows_of
from scarena.steps.submitted_genes import has_genes, submitted_gene_vectors
from scarena.steps.submitted_runs import sent_file, sent_product

if TYPE_CHECKING:
    import pandas as pd

    from scarena.datasets.response_truth import ResponseTruth


def submitted_step(dataset_file: Path, name: str, seed: int, out: Path, config: BoardConfig) -> Record:
    """Make the run of a submission: its vectors, joined by cell name, and a record without cost. See `embed_step`."""
    from scarena.models.embedding import read_embedding, write_embedding

    dataset = read_state(dataset_file, "dataset")
    ran: dict[str, Any] = {"state": dataset["state"], "reason": dataset["reason"]}
    embedding, kept = out.with_name("embedding.npz"), folder_of(config, name) / f"{dataset['dataset']}.npz"
    embedding.unlink(missing_ok=True)
    try:
        if dataset["state"] == "ok" and kind_of(dataset) != "cells":
            ran = {"state": "ok", **_without_cells(dataset_file, name, embedding, config)}
        elif dataset["state"] == "ok":
            if not kept.exists() and has_genes(config, name):
                raise NotApplicable(HAS_INSTEAD["genes"], where=name, fix="none needed")
            if not kept.exists():
                fix = f"`scarena submit {dataset['dataset']} …`"
                raise NotAvailable("nothing was submitted for this dataset", where=name, fix=fix)
            vectors, names = read_embedding(kept)
            wanted = prepared_names(dataset_file, dataset["dataset"])
            write_embedding(embedding, vectors[rows_of(names, wanted, str(kept))], wanted)
            size = {"dimension": vectors.shape[1], "n_cells": len(wanted)}
            ran = {"state": "ok", "embedding_sha256": sha256_of(embedding), **size}
    except ScarenaError as error:
        ran = {"state": state_of(error), "reason": str(error)}
    record = Record(
        dataset=dataset["dataset"], model=name, seed=seed, device="", log="", submitted=True,
        card=submitted_card(config, name).model_dump(mode="json"), fingerprint=submission_fingerprint(config, name),
        versions=versions(), commit=commit(), hardware=hardware(), **ran,
    )  # fmt: skip
    write_json(out, record.model_dump(mode="json"))
    return record


def _without_cells(dataset_file: Path, name: str, out: Path, config: BoardConfig) -> dict[str, Any]:
    """Write what a submission has for a dataset of genes, networks or responses; return what the record says of it."""
    from scarena.models.embedding import write_embedding

    dataset = read_state(dataset_file)
    sent = sent_file(config, name, dataset["dataset"])
    if not sent.exists():
        return _JOINED[kind_of(dataset)](dataset_file, name, out, config)
    matrix, names = sent_product(dataset_file, sent, name)
    write_embedding(out, matrix, names)
    return {"embedding_sha256": sha256_of(out), "dimension": matrix.shape[1]}


def _genes_joined(dataset_file: Path, name: str, out: Path, config: BoardConfig) -> dict[str, Any]:
    """Write a submission's vectors of the genes of a dataset; return what the record says of them."""
    from scarena.datasets.gene_truth import read_gene_truth
    from scarena.models.embedding import write_embedding
    from scarena.models.gene_table import checked_gene_vectors

    asked = list(map(str, read_gene_truth(dataset_file.with_suffix(".h5ad")).genes.index))
    vectors, names = checked_gene_vectors(submitted_gene_vectors(config, name), asked, name)
    write_embedding(out, vectors, names)
    return {"embedding_sha256": sha256_of(out), "dimension": vectors.shape[1]}


def _cosines(dataset_file: Path, name: str, out: Path, config: BoardConfig) -> dict[str, Any]:
    """Write the network of a submission's vectors, which is their cosines; return what the record says of it."""
    from scarena.datasets.network_truth import read_network_truth
    from scarena.datasets.prepared import read_prepared
    from scarena.models.embedding import write_embedding
    from scarena.models.gene_cosine import cosine_network
    from scarena.models.network_table import checked_network

    prepared = dataset_file.with_suffix(".h5ad")
    truth, vectors = read_network_truth(prepared), submitted_gene_vectors(config, name)

    def asked(genes: pd.DataFrame) -> pd.DataFrame:
        return vectors.loc[vectors.index.isin(genes.index)]

    table = cosine_network(asked, read_prepared(prepared), list(truth.regulators))
    matrix = checked_network(table, list(truth.regulators), list(truth.genes), name)
    write_embedding(out, matrix, np.asarray(truth.regulators))
    return {"embedding_sha256": sha256_of(out), "dimension": matrix.shape[1]}


def _responses(dataset_file: Path, name: str, out: Path, config: BoardConfig) -> dict[str, Any]:
    """Write a submission's predictions, or what the bilinear model makes of its vectors of genes."""
    from scarena.datasets.response_truth import read_response_truth
    from scarena.models.embedding import read_embedding, write_embedding
    from scarena.steps.submitted_responses import joined
    from scarena.tasks.responses import row_names

    truth = read_response_truth(dataset_file.with_suffix(".h5ad"))
    kept = folder_of(config, name) / f"{read_state(dataset_file)['dataset']}.npz"
    if not kept.exists() and not has_genes(config, name):
        fix = f"`scarena submit-response {read_state(dataset_file)['dataset']} …`"
        raise NotAvailable("nothing was submitted for this dataset", where=name, fix=fix)
    rows = joined(*read_embedding(kept), truth) if kept.exists() else _from_vectors(truth, name, config)
    write_embedding(out, rows, np.asarray(row_names(truth.splits)))
    return {"embedding_sha256": sha256_of(out), "dimension": rows.shape[1]}


def _from_vectors(truth: ResponseTruth, name: str, config: BoardConfig) -> np.ndarray:
    """Return the responses that submitted vectors of genes predict, as those of any model that has such vectors."""
    from scarena.models.base import Context
    from scarena.models.of_genes import GeneModel
    from scarena.models.predictions import predictions

    vectors = submitted_gene_vectors(config, name)

    class Submitted(GeneModel):
        card = submitted_card(config, name)

        def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
            return vectors.loc[vectors.index.isin(genes.index)]

    return predictions(Submitted(), truth, None, Context(cache=config.cache))


_JOINED = {"genes": _genes_joined, "network": _cosines, "response": _responses}
