"""An embedding computed elsewhere is joined by name, kept, scored and marked; one that does not fit is one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml

from scarena.base.errors import ScarenaError
from scarena.base.files import read_json, write_json
from scarena.board.make import make_board
from scarena.cli.run import to_be_made_again
from scarena.models.embedding import read_embedding
from scarena.steps.config import BoardConfig, load_config
from scarena.steps.embed import embed_step
from scarena.steps.score import score_step
from scarena.steps.submissions import models_of, runs_of, submission_fingerprint, submit, submitted

ROOT = Path(__file__).parents[2]
CARD = {
    "name": "theirs",
    "title": "Theirs",
    "family": "foundation",
    "description": "computed elsewhere",
    "source": "doi:10.1000/x",
    "licence": "MIT",
}


@pytest.fixture
def board(tmp_path, cells):
    """A board of two prepared datasets, and a card."""
    path = tmp_path / "board.yaml"
    told = {"board": "b", "datasets": ["baron_h1", "pollen"], "models": ["pca"], "results": str(tmp_path / "results")}
    path.write_text(yaml.safe_dump({**told, "seeds": [3, 4], "cache": str(tmp_path / "cache")}))
    config = load_config(path)
    for dataset in config.datasets:
        folder = config.folder / dataset
        folder.mkdir(parents=True)
        cells.write_h5ad(folder / "dataset.h5ad")
        write_json(folder / "dataset.json", {"dataset": dataset, "state": "ok", "reason": ""})
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(CARD))
    return config


@pytest.fixture
def vectors(cells):
    return np.random.default_rng(0).normal(size=(cells.n_obs, 4)).astype(np.float32)


def written(folder, kind, vectors, names):
    path = folder / f"vectors.{kind}"
    table = pd.DataFrame(
        vectors, index=pd.Index(names, name="cell"), columns=[f"x{i}" for i in range(vectors.shape[1])]
    )
    if kind == "npz":
        np.savez(path, embedding=vectors, obs_names=np.asarray(names, dtype=str))
    elif kind == "csv":
        table.to_csv(path)
    elif kind == "parquet":
        table.to_parquet(path)
    else:
        obs = pd.DataFrame(index=list(names))
        anndata.AnnData(obs=obs, obsm={"X_emb": vectors}).write_h5ad(path)
    return path


def put(board, path, **changes):
    given = {"dataset": "baron_h1", "card_file": board.results.parent / "card.yaml", **changes}
    return submit(given["dataset"], path, given["card_file"], board, given.get("key"))


@pytest.mark.parametrize("kind", ["npz", "csv", "parquet", "h5ad"])
def test_every_kind_of_file_is_joined_by_name(board, cells, vectors, tmp_path, kind):
    order = np.random.default_rng(1).permutation(cells.n_obs)
    kept = put(board, written(tmp_path, kind, vectors[order], cells.obs_names[order]))
    found, names = read_embedding(kept)
    assert list(names) == list(cells.obs_names)
    np.testing.assert_allclose(found, vectors, rtol=1e-6)


def test_names_that_look_like_numbers_stay_names(board, vectors, tmp_path):
    for kind in ("csv", "parquet"):
        file = written(tmp_path, kind, vectors, [f"{i:04d}" for i in range(len(vectors))])
        with pytest.raises(ScarenaError, match=r"240 names are not in the dataset \(0000, 0001, 0002\)"):
            put(board, file)


def faulty(vectors, names, fault):
    vectors, names = vectors.copy(), np.array(names, dtype=object)
    if fault == "nan":
        vectors[5, 1] = np.nan
    elif fault == "missing":
        vectors, names = vectors[2:], names[2:]
    elif fault == "extra":
        vectors, names = np.vstack([vectors, vectors[:1]]), np.append(names, "stranger")
    elif fault == "twice":
        names[1] = names[0]
    return vectors, names


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("nan", "1 of 240 cells have NaN"),
        ("missing", r"2 names have no vector \(cell0, cell1\)"),
        ("extra", r"1 names are not in the dataset \(stranger\)"),
        ("twice", r"1 names occur twice \(cell0\); 1 names have no vector \(cell1\)"),
    ],
)
@pytest.mark.parametrize("kind", ["npz", "csv"])
def test_vectors_that_do_not_fit_are_refused_in_one_line_and_nothing_is_kept(
    board, cells, vectors, tmp_path, fault, words, kind
):
    with pytest.raises(ScarenaError, match=words) as caught:
        put(board, written(tmp_path, kind, *faulty(vectors, cells.obs_names, fault)))
    assert "\n" not in str(caught.value)
    assert submitted(board) == []


def test_files_that_hold_no_vectors_are_refused(board, cells, vectors, tmp_path):
    names = cells.obs_names.to_numpy(dtype=str)
    np.savez(tmp_path / "pickle.npz", embedding=vectors.astype(object), obs_names=names)
    np.savez(tmp_path / "other.npz", vectors=vectors, obs_names=names)
    np.savez(tmp_path / "short.npz", embedding=vectors[:3], obs_names=names)
    (tmp_path / "text.csv").write_text("cell,x\n" + "".join(f"{name},high\n" for name in names))
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    (tmp_path / "torn.h5ad").write_bytes(b"\x89HDF")
    (tmp_path / "vectors.pkl").write_bytes(b"")
    several = anndata.AnnData(obs=pd.DataFrame(index=list(names)), obsm={"a": vectors, "b": vectors})
    several.write_h5ad(tmp_path / "several.h5ad")
    wrong = {
        "pickle.npz": "pickle", "other.npz": "embedding", "short.npz": r"\(3, 4\) for 240 names",
        "text.csv": "no numbers", "torn.parquet": "cannot be read", "torn.h5ad": "not a readable HDF5",
        "vectors.pkl": "unknown kind", "absent.csv": "no such file", "several.h5ad": "a, b: say which with --key",
    }  # fmt: skip
    for name, words in wrong.items():
        with pytest.raises(ScarenaError, match=words):
            put(board, tmp_path / name)
    assert put(board, tmp_path / "several.h5ad", key="b").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "pca"}, "a model called 'pca'"),
        ({"name": "../up"}, "cannot be a model's name"),
        ({"family": "control"}, "control cannot be submitted"),
        ({"licence": ""}, "does not say: licence"),
        ({"weights": "x"}, "weights"),
    ],
)
def test_a_card_that_will_not_do_is_refused(board, cells, vectors, tmp_path, changes, words):
    (tmp_path / "card.yaml").write_text(yaml.safe_dump({**CARD, **changes}))
    with pytest.raises(ScarenaError, match=words):
        put(board, written(tmp_path, "npz", vectors, cells.obs_names))
    assert submitted(board) == []


def test_a_dataset_that_is_not_on_the_board_or_not_prepared_is_refused(board, cells, vectors, tmp_path):
    file = written(tmp_path, "npz", vectors, cells.obs_names)
    with pytest.raises(ScarenaError, match="one of: baron_h1, pollen"):
        put(board, file, dataset="kang")
    (board.folder / "pollen/dataset.json").unlink()
    with pytest.raises(ScarenaError, match="not prepared"):
        put(board, file, dataset="pollen")


def step(board, dataset, model="theirs", seed=3):
    out = board.folder / dataset / model / str(seed) / "record.json"
    return embed_step(board.folder / dataset / "dataset.json", model, seed, out, board), out


def test_the_run_says_that_it_was_submitted_and_costs_nothing(board, cells, vectors, tmp_path):
    put(board, written(tmp_path, "npz", vectors, cells.obs_names))
    record, out = step(board, "baron_h1")
    assert (record.state, record.submitted, record.cost) == ("ok", True, None)
    assert json.loads(out.read_text())["cost"] is None
    found, names = read_embedding(out.with_name("embedding.npz"))
    np.testing.assert_array_equal(found, vectors)
    assert list(names) == list(cells.obs_names)
    record, out = step(board, "pollen")
    assert record.state == "not available"
    assert "nothing was submitted" in record.reason
    assert not out.with_name("embedding.npz").exists()


def test_a_dataset_that_was_prepared_again_with_other_cells_is_a_state(board, cells, vectors, tmp_path):
    put(board, written(tmp_path, "npz", vectors, cells.obs_names))
    cells[:200].write_h5ad(board.folder / "baron_h1/dataset.h5ad")
    record, _ = step(board, "baron_h1")
    assert record.state == "failed(error)"
    assert "40 names are not in the dataset" in record.reason


def test_the_board_lists_it_with_one_seed_and_keeps_it_until_its_folder_is_gone(board, cells, vectors, tmp_path):
    before = runs_of(board)
    put(board, written(tmp_path, "npz", vectors, cells.obs_names))
    assert models_of(board) == ["pca", "theirs"]
    assert set(runs_of(board)) - set(before) == {("baron_h1", "theirs", 3), ("pollen", "theirs", 3)}
    first = submission_fingerprint(board, "theirs")
    put(board, written(tmp_path, "npz", vectors + 1, cells.obs_names))
    assert submission_fingerprint(board, "theirs") != first
    (board.folder / "board.html").touch()
    assert board.folder / "baron_h1/theirs/3/record.json" in to_be_made_again(board, models_too=False)
    (board.folder / "submissions/theirs/card.json").unlink()
    assert runs_of(board) == before


def test_the_board_marks_what_was_submitted(board, cells, vectors, tmp_path):
    put(board, written(tmp_path, "npz", vectors, cells.obs_names))
    for dataset in board.datasets:
        for name in ("sources", "reference"):
            state = {"dataset": dataset, "state": "not available", "reason": "not asked for"}
            write_json(board.folder / dataset / f"{name}.json", state)
        for _, model, seed in (run for run in runs_of(board) if run[0] == dataset):
            out = board.folder / dataset / model / str(seed) / "record.json"
            if model == "theirs":
                step(board, dataset)
            else:
                write_json(out, {**record_of_pca(board, dataset), "seed": seed})
            score_step(out, board.folder / dataset / "reference.json", out.with_name("scores.json"), board)
    made = make_board(board)
    assert [model.get("submitted", False) for model in made["models"]] == [False, True]
    assert {row["model"] for row in made["timings"]} <= {"pca", None}
    assert {cell["model"] for cell in made["cells"]} == {"pca", "theirs"}
    assert made["provenance"]["hardware"] == {"machine": "made up"}


def record_of_pca(board, dataset):
    from scarena.models.baselines.pca import PCA

    return {
        "dataset": dataset, "model": "pca", "state": "not available", "reason": "not run", "versions": {},
        "commit": "c", "card": PCA.card.model_dump(mode="json"), "fingerprint": "f", "hardware": {"machine": "made up"},
    }  # fmt: skip


def test_the_workflow_scores_it_without_a_word_in_the_configuration(board, cells, vectors, tmp_path):
    put(board, written(tmp_path, "npz", vectors, cells.obs_names))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    where = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "board.yaml", "--cores", "1", "--nolock"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *where, "--dry-run", "--printshellcmds"],
        cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in (done.stdout + done.stderr).splitlines() if "scarena embed theirs" in line]
    assert len(told) == 2
    assert "theirs" not in json.dumps(read_json(board.folder / "config.json"))


def test_a_wrong_call_is_one_line_and_exit_code(board, tmp_path):
    command = ["submit", "baron_h1", "nowhere.npz", "--card", "card.yaml", "--settings", "board.yaml"]
    done = subprocess.run(
        [sys.executable, "-m", "scarena.cli", *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "data error: nowhere.npz: no such file; give the file with the vectors"
    assert isinstance(board, BoardConfig)
