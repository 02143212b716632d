"""A run of genes, of a network or of responses that was sent is taken as it was made, or refused."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError, ModelError
from scarena.base.files import write_json, write_text
from scarena.datasets.gene_facts import FACTS
from scarena.datasets.gene_truth import GeneTruth, write_gene_truth
from scarena.datasets.network_truth import NetworkTruth, with_truth
from scarena.datasets.prepared import write_prepared
from scarena.datasets.response_truth import ResponseTruth, Split, write_response_truth
from scarena.models.base import ModelCard
from scarena.models.embedding import read_embedding, write_embedding
from scarena.steps.config import BoardConfig, parse_config
from scarena.steps.embed import embed_step
from scarena.steps.submissions import CARD, folder_of
from scarena.steps.submitted_runs import columns_hash, sent_file, sent_product
from scarena.tasks.responses import row_names

IDS = tuple(f"ENSG{i:011d}" for i in range(12))
REGULATORS, TARGETS = IDS[:3], IDS[2:10]
SPLITS = (Split("fold 0", "fold", ("C", "D"), ("A", "B")), Split("reveal 1", "reveal", ("A",), ("C", "D")))
CARD_TEXT = ModelCard(
    name="mine", title="T", family="foundation", description="d", source="s", licence="MIT"
).model_dump_json()  # fmt: skip


def genes_truth() -> GeneTruth:
    genes = pd.DataFrame(0.0, index=IDS[::-1], columns=list(FACTS)).assign(symbol="s", family="f")
    return GeneTruth(genes, csr_matrix((12, 1), dtype=np.int8), ("a",), np.zeros((12, 0)), (), np.zeros((0, 3), int))


def response_truth() -> ResponseTruth:
    profiles = pd.DataFrame({
        "perturbation": list("ABCD"), "context": "c", "targets": IDS[:4], "n_cells": 0, "reproducibility": np.nan,
    }, index=list("ABCD"))  # fmt: skip
    genes = pd.DataFrame(0.0, index=IDS, columns=list(FACTS)).assign(symbol="s")
    observed, control = np.ones((4, 8), np.float32), np.ones((1, 8), np.float32)
    arrays = (observed, observed, control, control)
    return ResponseTruth("gene", profiles, ("c",), TARGETS, genes, *arrays, SPLITS, shared_control=True)


def write_network(path: Path, genes: tuple[str, ...]) -> None:
    truth = NetworkTruth(REGULATORS, genes, np.eye(3, 8, dtype=bool), np.ones((3, 8), bool))
    obs = pd.DataFrame("a", index=["one", "two"], columns=["batch", "cell_type", "cell_type_id"])
    var = pd.DataFrame({"symbol": "s"}, index=list(genes))
    write_prepared(with_truth(anndata.AnnData(csr_matrix((2, 8), dtype=np.int32), obs=obs, var=var), truth), path)


@pytest.fixture
def board(tmp_path: Path) -> BoardConfig:
    """A prepared dataset of every kind that has no cells, and a model that was sent."""
    told = {"board": "b", "datasets": ["g", "n", "r"], "models": ["pca"], "results": str(tmp_path / "results")}
    config = parse_config({**told, "cache": str(tmp_path / "cache")}, "board")
    for dataset, kind in (("g", "genes"), ("n", "network"), ("r", "response")):
        state = {"dataset": dataset, "state": "ok", "reason": "", "card": {"kind": kind}}
        write_json(config.folder / dataset / "dataset.json", state)
    write_gene_truth(genes_truth(), config.folder / "g" / "dataset.h5ad")
    write_network(config.folder / "n" / "dataset.h5ad", TARGETS)
    write_response_truth(response_truth(), None, config.folder / "r" / "dataset.h5ad")
    write_text(folder_of(config, "mine") / CARD, CARD_TEXT)
    return config


ROWS = {"g": list(IDS[3:9]), "n": list(REGULATORS), "r": row_names(SPLITS)}
WIDTH = {"g": 5, "n": 8, "r": 8}


def values(dataset: str) -> np.ndarray:
    found = np.random.default_rng(0).uniform(0.1, 2, (len(ROWS[dataset]), WIDTH[dataset])).astype(np.float32)
    if dataset == "n":
        # A gene's edge to itself is never asked about.
        found[2, 0] = np.nan
    return found


def send(config: BoardConfig, dataset: str, matrix: np.ndarray, names: list[str]) -> Path:
    path = sent_file(config, "mine", dataset)
    write_embedding(path, matrix, np.array(names))
    return path


@pytest.mark.parametrize("dataset", ["g", "n", "r"])
def test_what_was_sent_is_the_product_whatever_the_order_of_its_rows(board: BoardConfig, dataset: str) -> None:
    matrix, names = values(dataset), ROWS[dataset]
    send(board, dataset, matrix[::-1], names[::-1])
    out = board.folder / dataset / "mine" / "0" / "record.json"
    record = embed_step(board.folder / dataset / "dataset.json", "mine", 0, out, board)
    found, rows = read_embedding(out.with_name("embedding.npz"))
    assert (record.state, record.submitted, record.dimension) == ("ok", True, WIDTH[dataset])
    assert sorted(rows) == sorted(names)
    row_of = {name: row for row, name in enumerate(names)}
    np.testing.assert_array_equal(found, matrix[[row_of[str(name)] for name in rows]])


@pytest.mark.parametrize("dataset", ["n", "r"])
def test_other_columns_and_other_rows_are_refused(board: BoardConfig, dataset: str) -> None:
    file, prepared = sent_file(board, "mine", dataset), board.folder / dataset / "dataset.json"
    send(board, dataset, values(dataset)[:, :-1], ROWS[dataset])
    with pytest.raises(DataError, match="give the dataset's 8 columns"):
        sent_product(prepared, file, "mine")
    send(board, dataset, values(dataset)[:-1], ROWS[dataset][:-1])
    with pytest.raises(DataError, match="1 names have no vector"):
        sent_product(prepared, file, "mine")


@pytest.mark.parametrize(("dataset", "bad"), [("g", np.nan), ("n", np.inf), ("r", np.inf), ("r", 1e6)])
def test_numbers_that_no_model_may_return_are_refused(board: BoardConfig, dataset: str, bad: float) -> None:
    matrix = values(dataset)
    matrix[0, 1] = bad
    file = send(board, dataset, matrix, ROWS[dataset])
    with pytest.raises(ModelError):
        sent_product(board.folder / dataset / "dataset.json", file, "mine")


def test_columns_are_known_by_their_names_where_they_have_any(board: BoardConfig) -> None:
    hashes = {dataset: columns_hash(board.folder / dataset / "dataset.json") for dataset in "gnr"}
    assert hashes["g"] is None and hashes["n"] == hashes["r"] and hashes["n"] is not None
    write_network(board.folder / "n" / "dataset.h5ad", TARGETS[::-1])
    assert columns_hash(board.folder / "n" / "dataset.json") != hashes["n"]
