"""The step `embed` of a submission: its vectors joined by cell name, and a record without cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scarena.base.errors import NotAvailable, ScarenaError, state_of
from scarena.base.files import sha256_of, write_json
from scarena.steps.config import BoardConfig
from scarena.steps.record import Record, commit, hardware, versions
from scarena.steps.states import read_state
from scarena.steps.submissions import folder_of, prepared_names, submission_fingerprint, submitted_card
from scarena.steps.submitted_files import rows_of


def submitted_step(dataset_file: Path, name: str, seed: int, out: Path, config: BoardConfig) -> Record:
    """Make the run of a submission: its vectors, joined by cell name, and a record without cost. See `embed_step`."""
    from scarena.models.embedding import read_embedding, write_embedding

    dataset = read_state(dataset_file, "dataset")
    ran: dict[str, Any] = {"state": dataset["state"], "reason": dataset["reason"]}
    embedding, kept = out.with_name("embedding.npz"), folder_of(config, name) / f"{dataset['dataset']}.npz"
    embedding.unlink(missing_ok=True)
    try:
        if dataset["state"] == "ok" and (dataset.get("card") or {}).get("kind") == "genes":
            ran = {"state": "ok", **_genes_joined(dataset_file, name, embedding, config)}
        elif dataset["state"] == "ok":
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


def _genes_joined(dataset_file: Path, name: str, out: Path, config: BoardConfig) -> dict[str, Any]:
    """Write a submission's vectors of the genes of a dataset; return what the record says of them."""
    from scarena.datasets.gene_truth import read_gene_truth
    from scarena.models.embedding import write_embedding
    from scarena.models.gene_table import checked_gene_vectors
    from scarena.steps.submitted_genes import submitted_gene_vectors

    asked = list(map(str, read_gene_truth(dataset_file.with_suffix(".h5ad")).genes.index))
    vectors, names = checked_gene_vectors(submitted_gene_vectors(config, name), asked, name)
    write_embedding(out, vectors, names)
    return {"embedding_sha256": sha256_of(out), "dimension": vectors.shape[1]}
