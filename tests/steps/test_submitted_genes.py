"""Vectors of genes from elsewhere are mapped to Ensembl ids, kept once, and answered for any dataset of genes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.sparse import csr_matrix

from scarena.base.errors import ScarenaError
from scarena.base.files import write_json
from scarena.datasets import genes as gene_names
from scarena.datasets.gene_facts import FACTS
from scarena.datasets.gene_truth import GeneTruth, write_gene_truth
from scarena.datasets.genes import GeneTable
from scarena.datasets.network_truth import NetworkTruth, with_truth
from scarena.datasets.prepared import write_prepared
from scarena.models.embedding import read_embedding
from scarena.steps.config import BoardConfig, load_config
from scarena.steps.embed import embed_step
from scarena.steps.submissions import submission_fingerprint, submitted, submitted_card
from scarena.steps.submitted_genes import genes_of, submit_genes, submitted_gene_vectors

IDS = [f"ENSG{i:011d}" for i in range(50)]
SYMBOLS = [f"GENE{i}" for i in range(50)]
CARD = {"title": "T", "family": "foundation", "description": "d", "source": "s", "licence": "MIT"}


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BoardConfig:
    """A board of one prepared dataset of genes and one of cells, and a table of fifty genes."""
    table = GeneTable(dict(zip(SYMBOLS, IDS, strict=True)), dict(zip(IDS, SYMBOLS, strict=True)))
    monkeypatch.setattr(gene_names, "gene_table", lambda *, cache, mirror=None: table)
    card = {
        "name": "asked", "title": "t", "description": "d", "kind": "genes", "reader": {"name": "tables"},
        "files": [{"key": "k", "url": "https://example.org/x"}], "labels": {"x": None},
    }  # fmt: skip
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "asked.yaml").write_text(yaml.safe_dump(card))
    told = {
        "board": "b", "datasets": ["asked", "baron_h1"], "models": ["pca"], "results": str(tmp_path / "results"),
        "cache": str(tmp_path / "cache"), "user_cards": str(tmp_path / "cards"),
    }  # fmt: skip
    (tmp_path / "board.yaml").write_text(yaml.safe_dump(told))
    config = load_config(tmp_path / "board.yaml")
    genes = pd.DataFrame(0.0, index=IDS[10:40][::-1], columns=list(FACTS)).assign(symbol="s", family="f")
    truth = GeneTruth(genes, csr_matrix((30, 1), dtype=np.int8), ("a",), np.zeros((30, 0)), (), np.zeros((0, 3), int))
    write_gene_truth(truth, config.folder / "asked" / "dataset.h5ad")
    state = {"dataset": "asked", "state": "ok", "reason": "", "card": {"kind": "genes"}}
    write_json(config.folder / "asked" / "dataset.json", state)
    return config


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)


def written(folder: Path, kind: str, vectors: np.ndarray, names: list[str]) -> Path:
    path = folder / f"vectors.{kind}"
    table = pd.DataFrame(vectors, index=names, columns=[f"x{i}" for i in range(vectors.shape[1])])
    if kind == "npz":
        np.savez(path, vectors=vectors, genes=np.array(names))
    elif kind == "csv":
        table.to_csv(path)
    elif kind == "parquet":
        table.to_parquet(path)
    else:
        anndata.AnnData(obs=pd.DataFrame(index=names), obsm={"x": vectors}).write_h5ad(path)
    return path


@pytest.mark.parametrize("kind", ["npz", "csv", "parquet", "h5ad"])
@pytest.mark.parametrize("names", [IDS, SYMBOLS, [f"{gene}.7" for gene in IDS]], ids=["ids", "symbols", "versions"])
def test_every_kind_of_file_and_name_comes_to_the_same_table(
    board: BoardConfig, vectors: np.ndarray, tmp_path: Path, kind: str, names: list[str]
) -> None:
    order = np.random.default_rng(1).permutation(50)
    submit_genes("mine", written(tmp_path, kind, vectors[order], [names[i] for i in order]), board)
    found = submitted_gene_vectors(board, "mine")
    assert found.dtypes.unique().tolist() == [np.float32]
    np.testing.assert_allclose(found.loc[IDS], vectors, rtol=1e-6)


def test_what_was_mapped_and_lost_is_told(board: BoardConfig, vectors: np.ndarray, tmp_path: Path) -> None:
    names = [*SYMBOLS[:20], IDS[0], *IDS[21:45], *(f"LOST{i}" for i in range(5))]
    told = submit_genes("mine", written(tmp_path, "csv", vectors, names), board, dataset="asked").notes
    assert told == (
        "44 genes with 4 numbers each", "20 symbols were looked up in GENCODE v44",
        "5 of 50 names are unknown (LOST0, LOST1, LOST2)",
        "1 rows are of a gene that has an earlier one, which was taken", "29 of the 30 genes of asked are known",
    )  # fmt: skip
    np.testing.assert_allclose(submitted_gene_vectors(board, "mine").loc[IDS[0]], vectors[0], rtol=1e-6)


def test_it_is_answered_for_a_dataset_of_genes_and_for_none_of_cells(
    board: BoardConfig, vectors: np.ndarray, tmp_path: Path
) -> None:
    submit_genes("mine", written(tmp_path, "npz", vectors[:25], IDS[:25]), board)
    out = board.folder / "asked" / "mine" / "0" / "record.json"
    record = embed_step(board.folder / "asked" / "dataset.json", "mine", 0, out, board)
    assert (record.state, record.submitted, record.dimension, record.cost) == ("ok", True, 4, None)
    found, names = read_embedding(out.with_name("embedding.npz"))
    # In the order of the dataset's genes, those that it lacks left out.
    assert names.tolist() == [gene for gene in genes_of("asked", board) if gene in IDS[:25]]
    np.testing.assert_array_equal(found, vectors[[IDS.index(gene) for gene in names]])
    write_json(board.folder / "baron_h1" / "dataset.json", {"dataset": "baron_h1", "state": "ok", "reason": ""})
    cells = embed_step(board.folder / "baron_h1" / "dataset.json", "mine", 0, out, board)
    assert cells.state == "not applicable" and not out.with_name("embedding.npz").exists()


def test_on_a_network_the_cosines_of_the_vectors_are_the_answer(
    board: BoardConfig, vectors: np.ndarray, tmp_path: Path
) -> None:
    submit_genes("mine", written(tmp_path, "npz", vectors[:25], IDS[:25]), board)
    regulators, genes = (IDS[0], IDS[30]), tuple(IDS[20:30])
    truth = NetworkTruth(regulators, genes, np.eye(2, 10, dtype=bool), np.ones((2, 10), bool))
    obs = pd.DataFrame("a", index=["one", "two"], columns=["batch", "cell_type", "cell_type_id"])
    var = pd.DataFrame({"symbol": "s"}, index=list(genes))
    folder = board.folder / "net"
    data = anndata.AnnData(csr_matrix((2, 10), dtype=np.int32), obs=obs, var=var)
    folder.mkdir(parents=True)
    write_prepared(with_truth(data, truth), folder / "dataset.h5ad")
    state = {"dataset": "net", "state": "ok", "reason": "", "card": {"kind": "network"}}
    write_json(folder / "dataset.json", state)
    out = folder / "mine" / "0" / "record.json"
    assert embed_step(folder / "dataset.json", "mine", 0, out, board).state == "ok"
    found, names = read_embedding(out.with_name("embedding.npz"))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert tuple(names) == regulators
    np.testing.assert_allclose(found[0, :5], unit[20:25] @ unit[0], atol=1e-6)
    # Nothing is said of a regulator without a vector, nor of a gene.
    assert np.isnan(found[1]).all() and np.isnan(found[0, 5:]).all()


def test_submitting_again_replaces_and_makes_runs_stale(
    board: BoardConfig, vectors: np.ndarray, tmp_path: Path
) -> None:
    submit_genes("mine", written(tmp_path, "npz", vectors, IDS), board)
    before = submission_fingerprint(board, "mine")
    submit_genes("mine", written(tmp_path, "npz", vectors + 1, IDS), board)
    assert submitted(board) == ["mine"] and submission_fingerprint(board, "mine") != before
    np.testing.assert_allclose(submitted_gene_vectors(board, "mine").loc[IDS], vectors + 1)


def test_a_card_says_what_the_vectors_were_made_from(board: BoardConfig, vectors: np.ndarray, tmp_path: Path) -> None:
    file = written(tmp_path, "npz", vectors, IDS)
    submit_genes("bare", file, board)
    assert submitted_card(board, "bare").gene_knowledge == ("not said",)
    (tmp_path / "card.yaml").write_text(yaml.safe_dump({**CARD, "gene_knowledge": ["GO", "text until 2023-03"]}))
    submit_genes("told", file, board, card_file=tmp_path / "card.yaml")
    card = submitted_card(board, "told")
    assert (card.name, card.gene_knowledge) == ("told", ("GO", "text until 2023-03"))


def _fault(fault: str, vectors: np.ndarray) -> tuple[np.ndarray, list[str]]:
    names = list(IDS)
    if fault == "nan":
        vectors[3, 1] = np.nan
    elif fault == "inf":
        vectors[3, 1] = np.inf
    elif fault == "twice":
        names[1] = names[0]
    elif fault == "mouse":
        names = [f"ENSMUSG{i:011d}" for i in range(50)]
    elif fault == "mouse symbols":
        names = [f"Gnai{i}" for i in range(50)]
    elif fault == "numbers":
        names = [str(i) for i in range(50)]
    elif fault == "few":
        names = [*IDS[:2], *(f"LOST{i}" for i in range(48))]
    elif fault == "strange ids":
        names = [f"ENSG9{i:010d}" for i in range(50)]
    elif fault == "escape":
        names[0] = "\x1b[31mGENE0"
    return vectors, names


FAULTS = {
    "nan": r"1 of 50 genes have NaN or infinite numbers \(first: ENSG00000000003\)",
    "inf": "1 of 50 genes have NaN or infinite",
    "twice": r"1 genes occur twice \(ENSG00000000000\)",
    "mouse": "none of 50 names are known human genes; these are genes of mouse",
    "mouse symbols": "none of 50 names .* look like genes of mouse or rat",
    "numbers": "none of 50 names .* are numbers",
    "few": "only 2 of 50 names",
    "strange ids": "none of 50 names",
    "escape": "control characters",
}


@pytest.mark.parametrize(("fault", "said"), FAULTS.items())
def test_what_is_no_table_of_human_genes_is_refused_in_one_line_and_nothing_is_kept(
    board: BoardConfig, vectors: np.ndarray, tmp_path: Path, fault: str, said: str
) -> None:
    with pytest.raises(ScarenaError, match=said) as told:
        submit_genes("mine", written(tmp_path, "npz", *_fault(fault, vectors)), board)
    assert "\n" not in str(told.value) and submitted(board) == []


@pytest.mark.parametrize(
    ("shape", "said"),
    [((50,), r"shape \(50,\)"), ((50, 2, 2), r"shape \(50, 2, 2\)"), ((50, 0), "without a number"), ((49, 4), "50")],
)
def test_what_is_not_two_dimensional_is_refused(
    board: BoardConfig, tmp_path: Path, shape: tuple[int, ...], said: str
) -> None:
    np.savez(tmp_path / "odd.npz", vectors=np.zeros(shape), genes=np.array(IDS))
    with pytest.raises(ScarenaError, match=said) as told:
        submit_genes("mine", tmp_path / "odd.npz", board)
    assert "row a gene" in str(told.value) or shape == (50, 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "pca"}, "scArena has a model called 'pca'"), ({"name": "../up"}, "cannot be a model's name"),
        ({"dataset": "baron_h1"}, "no dataset of genes 'baron_h1'"), ({"dataset": "no"}, "no dataset of genes"),
    ],
)  # fmt: skip
def test_names_that_are_taken_or_unknown_are_refused(
    board: BoardConfig, vectors: np.ndarray, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    given = {"name": "mine", **changes}
    with pytest.raises(ScarenaError, match=said):
        submit_genes(given.pop("name"), written(tmp_path, "npz", vectors, IDS), board, **given)
    assert submitted(board) == []


def test_a_card_of_another_name_and_vectors_of_other_genes_than_the_datasets_are_refused(
    board: BoardConfig, vectors: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "card.yaml").write_text(yaml.safe_dump({**CARD, "name": "other"}))
    file = written(tmp_path, "npz", vectors[:5], IDS[:5])
    with pytest.raises(ScarenaError, match="is the card of 'other', not of 'mine'"):
        submit_genes("mine", file, board, card_file=tmp_path / "card.yaml")
    with pytest.raises(ScarenaError, match="none of the 30 genes of asked"):
        submit_genes("mine", file, board, dataset="asked")


def test_a_submission_of_cells_has_no_vectors_of_genes(board: BoardConfig) -> None:
    with pytest.raises(ScarenaError, match="submit-genes"):
        submitted_gene_vectors(board, "nobody")
