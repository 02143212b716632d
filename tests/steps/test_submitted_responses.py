"""Predicted responses from elsewhere are joined by names, kept for one dataset, and refused in one line where wrong.

So are those that others deposited, which are pulled by checksum.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml

from scarena import ROOT
from scarena.base.errors import ScarenaError
from scarena.base.files import sha256_of, write_json
from scarena.datasets import genes as gene_names
from scarena.datasets.card import load_card
from scarena.datasets.gene_facts import FACTS
from scarena.datasets.genes import GeneTable
from scarena.datasets.response_truth import ResponseTruth, Split, write_response_truth
from scarena.models.embedding import read_embedding
from scarena.steps.config import BoardConfig, load_config
from scarena.steps.deposits import put_deposit, read_deposit
from scarena.steps.embed import embed_step
from scarena.steps.submissions import checked_card, submitted, submitted_card
from scarena.steps.submitted_genes import submit_genes
from scarena.steps.submitted_responses import submit_response

IDS = [f"ENSG{i:011d}" for i in range(12)]
SYMBOLS = [f"GENE{i}" for i in range(12)]
MEASURED, PERTURBED = IDS[:8], SYMBOLS[4:10]
CARD = {"name": "mine", "title": "T", "family": "foundation", "description": "d", "source": "s", "licence": "MIT"}
SHIPPED = sorted((ROOT / "config" / "deposited").glob("*.yaml"))
SPLITS = (
    Split("fold 0", "fold", tuple(PERTURBED[3:]), tuple(PERTURBED[:3])),
    Split("fold 1", "fold", tuple(PERTURBED[:3]), tuple(PERTURBED[3:])),
    Split("reveal 1", "reveal", (PERTURBED[0],), tuple(PERTURBED[4:])),
)


def truth() -> ResponseTruth:
    profiles = pd.DataFrame({
        "perturbation": PERTURBED, "context": "c", "targets": IDS[4:10], "n_cells": 0, "reproducibility": np.nan,
    }, index=PERTURBED)  # fmt: skip
    genes = pd.DataFrame(0.0, index=IDS, columns=list(FACTS)).assign(symbol=SYMBOLS)
    observed = np.random.default_rng(0).uniform(0, 2, (6, 8)).astype(np.float32)
    control = np.full((1, 8), 1, np.float32)
    arrays = (observed, observed, control, control)
    return ResponseTruth("gene", profiles, ("c",), tuple(MEASURED), genes, *arrays, SPLITS, shared_control=True)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BoardConfig:
    """A board of one prepared dataset of perturbations."""
    table = GeneTable(dict(zip(SYMBOLS, IDS, strict=True)), dict(zip(IDS, SYMBOLS, strict=True)))
    monkeypatch.setattr(gene_names, "gene_table", lambda *, cache, mirror=None: table)
    told = {
        "board": "b", "datasets": ["response_shifrut", "baron_h1"], "models": ["pca"],
        "results": str(tmp_path / "results"), "cache": str(tmp_path / "cache"),
    }  # fmt: skip
    (tmp_path / "board.yaml").write_text(yaml.safe_dump(told))
    config = load_config(tmp_path / "board.yaml")
    folder = config.folder / "response_shifrut"
    write_response_truth(truth(), None, folder / "dataset.h5ad")
    state = {"dataset": "response_shifrut", "state": "ok", "reason": "", "card": {"kind": "response"}}
    write_json(folder / "dataset.json", state)
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(CARD))
    return config


def predicted(names: list[str], genes: list[str]) -> pd.DataFrame:
    values = np.random.default_rng(1).uniform(0, 2, (len(names), len(genes)))
    return pd.DataFrame(values, index=names, columns=genes)


def written(folder: Path, kind: str, table: pd.DataFrame) -> Path:
    path = folder / f"predictions.{kind}"
    if kind == "npz":
        names = {"profiles": np.array(table.index, str), "genes": np.array(table.columns, str)}
        np.savez(path, predictions=table.to_numpy(), **names)
    elif kind == "csv":
        table.to_csv(path)
    elif kind == "parquet":
        table.to_parquet(path)
    else:
        anndata.AnnData(table).write_h5ad(path)
    return path


def rows_of(board: BoardConfig, model: str = "mine") -> pd.DataFrame:
    out = board.folder / "response_shifrut" / model / "0" / "record.json"
    record = embed_step(board.folder / "response_shifrut" / "dataset.json", model, 0, out, board)
    assert (record.state, record.submitted, record.cost) == ("ok", True, None), record.reason
    values, names = read_embedding(out.with_name("embedding.npz"))
    return pd.DataFrame(values, index=names, columns=MEASURED)


@pytest.mark.parametrize("kind", ["npz", "csv", "parquet", "h5ad"])
def test_every_kind_of_file_and_order_comes_to_the_rows_of_the_splits(
    board: BoardConfig, tmp_path: Path, kind: str
) -> None:
    table = predicted(PERTURBED, MEASURED)
    shuffled = table.iloc[[3, 0, 5, 1, 4, 2], [7, 2, 0, 1, 3, 6, 4, 5]].rename(
        columns=dict(zip(IDS, SYMBOLS, strict=True))
    )
    told = submit_response("response_shifrut", written(tmp_path, kind, shuffled), tmp_path / "card.yaml", board).notes
    assert told[0] == "6 of 6 profiles that are asked about; 8 of 8 genes"
    found = rows_of(board)
    for split in SPLITS[:2]:
        np.testing.assert_allclose(
            found.loc[[f"{split.name} | {p}" for p in split.asked]], table.loc[list(split.asked)]
        )
    # What it learned from is not ours to choose, so there is no learning curve.
    assert found.loc[[f"reveal 1 | {p}" for p in SPLITS[2].asked]].isna().all(axis=None)


def test_what_is_missing_is_told_and_stays_missing(board: BoardConfig, tmp_path: Path) -> None:
    table = predicted([*PERTURBED[:2], "OTHER"], [*MEASURED[:5], "LOST"])
    told = submit_response("response_shifrut", written(tmp_path, "csv", table), tmp_path / "card.yaml", board).notes
    assert told[:2] == (
        "2 of 6 profiles that are asked about; 5 of 8 genes", "1 rows are no profile of the dataset (OTHER)",
    )  # fmt: skip
    assert "LOST" in told[2]
    found = rows_of(board)
    assert np.isfinite(found.to_numpy()).sum() == 10
    assert found.loc[f"fold 0 | {PERTURBED[0]}"].notna().tolist() == [True] * 5 + [False] * 3


@pytest.mark.parametrize(("change", "line"), [
    (lambda t: t.set_axis([f"X{i}" for i in range(6)], axis=0), "none of the 6 rows is a profile"),
    (lambda t: t.set_axis([*PERTURBED[:5], PERTURBED[0]], axis=0), "stands twice"),
    (lambda t: t.set_axis([f"X{i}" for i in range(8)], axis=1), "known human genes"),
    (lambda t: t.assign(**{MEASURED[0]: "a"}), "no numbers"),
    (lambda t: t.assign(**{MEASURED[0]: np.inf}), "infinite"),
    (lambda t: t * np.nan, "nothing"),
    (lambda t: t * 1e4, "counts"),
    (lambda t: -t, "effects"),
])  # fmt: skip
def test_what_is_no_prediction_is_refused_in_one_line(
    board: BoardConfig, tmp_path: Path, change: Any, line: str
) -> None:
    file = written(tmp_path, "csv", change(predicted(PERTURBED, MEASURED)))
    with pytest.raises(ScarenaError, match=line) as refused:
        submit_response("response_shifrut", file, tmp_path / "card.yaml", board)
    assert "\n" not in str(refused.value)
    assert not (board.folder / "submissions").exists()


@pytest.mark.parametrize(("dataset", "line"), [("nothing", "no dataset"), ("baron_h1", "not prepared")])
def test_it_is_for_a_prepared_dataset_of_perturbations(
    board: BoardConfig, tmp_path: Path, dataset: str, line: str
) -> None:
    file = written(tmp_path, "csv", predicted(PERTURBED, MEASURED))
    with pytest.raises(ScarenaError, match=line):
        submit_response(dataset, file, tmp_path / "card.yaml", board)
    state = {"dataset": "baron_h1", "state": "ok", "reason": "", "card": {}}
    write_json(board.folder / "baron_h1" / "dataset.json", state)
    with pytest.raises(ScarenaError, match="asks about no perturbations"):
        submit_response("baron_h1", file, tmp_path / "card.yaml", board)


def test_vectors_of_genes_predict_as_those_of_any_model_do(board: BoardConfig, tmp_path: Path) -> None:
    vectors = np.random.default_rng(2).normal(size=(12, 3)).astype(np.float32)
    np.savez(tmp_path / "vectors.npz", vectors=vectors, genes=np.array(IDS))
    submit_genes("vectors", tmp_path / "vectors.npz", board)
    found = rows_of(board, "vectors")
    assert np.isfinite(found.loc[[f"fold 0 | {p}" for p in SPLITS[0].asked]].to_numpy()).all()


def told(folder: Path, **change: object) -> Path:
    """Write predictions as ivcbench deposits them, objects in arrays, and what a YAML file says of them."""
    table = predicted(PERTURBED, MEASURED)
    file = folder / "predictions.npz"
    np.savez(
        file, pred_means=table.to_numpy(np.float32), genes=np.array(table.columns, object),
        strata=np.array([f"perturbation={name}" for name in table.index], object),
    )  # fmt: skip
    source = {"key": "predictions", "url": f"file:{file}", "sha256": sha256_of(file)}
    said = {"dataset": "response_shifrut", "file": source, "card": CARD} | change
    (folder / "deposit.yaml").write_text(yaml.safe_dump(said))
    return folder / "deposit.yaml"


def test_a_deposit_is_a_submission_of_its_own(board: BoardConfig, tmp_path: Path) -> None:
    notes = put_deposit(told(tmp_path), board).notes
    assert notes[0] == "6 of 6 profiles that are asked about; 8 of 8 genes"
    assert submitted(board) == ["mine"]
    assert submitted_card(board, "mine").title == CARD["title"]
    found, wanted = rows_of(board), predicted(PERTURBED, MEASURED)
    np.testing.assert_allclose(found.loc[f"fold 0 | {PERTURBED[0]}"], wanted.loc[PERTURBED[0]], rtol=1e-6)


@pytest.mark.parametrize(("change", "line"), [
    ({"dataset": "baron_h1"}, "not prepared"), ({"card": {**CARD, "licence": ""}}, "licence"),
    ({"more": 1}, "more"), ({"file": {"key": "k", "url": "file:/gone.npz"}}, "gone.npz"),
])  # fmt: skip
def test_a_wrong_one_is_refused_in_one_line_and_nothing_is_kept(
    board: BoardConfig,
    tmp_path: Path,
    change: dict[str, object],
    line: str,
) -> None:
    with pytest.raises(ScarenaError, match=line) as refused:
        put_deposit(told(tmp_path, **change), board)
    assert "\n" not in str(refused.value)
    assert not submitted(board)


def test_another_file_than_the_one_that_is_named_is_refused(board: BoardConfig, tmp_path: Path) -> None:
    deposit = told(tmp_path)
    np.savez(tmp_path / "predictions.npz", predictions=np.ones((1, 1)))
    with pytest.raises(ScarenaError, match=r"SHA-256|sha256|checksum"):
        put_deposit(deposit, board)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_ones_name_a_dataset_a_checksum_and_a_whole_card(path: Path) -> None:
    deposit = read_deposit(path)
    assert load_card(deposit.dataset).kind == "response"
    assert deposit.file.sha256
    card = checked_card(deposit.card, path)
    assert card.offers == "response"
    assert "not run here" in card.description


def test_some_are_shipped() -> None:
    assert len(SHIPPED) == 3
