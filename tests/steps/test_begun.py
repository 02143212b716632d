"""A model that begins with the vectors of another run reads them, and only where they are what it would compute."""

import os
from pathlib import Path

import numpy as np
import pytest

from scarena.base.files import sha256_of, write_json
from scarena.models.embedding import write_embedding
from scarena.models.registry import find_model, fingerprint
from scarena.steps.begun import begun_for, record_begun
from scarena.steps.config import BoardConfig, Limits
from scarena.steps.record import Cost, Record

FIRST, SECOND = "scarena-fm-adapted", "scarena-fm-adapted-harmony"
COST = Cost(wall_s=10.0, cpu_s=9.0, peak_rss_mb=500.0, cells_per_s=20.0)


@pytest.fixture
def board(tmp_path):
    given = {"board": "b", "datasets": ["d"], "models": [FIRST, SECOND, "pca"], "results": tmp_path}
    config = BoardConfig.model_validate(given)
    run = config.folder / "d" / FIRST / "0"
    write_json(config.folder / "d" / "dataset.json", {"state": "ok"})
    os.utime(config.folder / "d" / "dataset.json", (1, 1))
    write_embedding(run / "embedding.npz", np.ones((3, 2), np.float32), np.array(["a", "b", "c"]))
    record = Record(
        dataset="d", model=FIRST, seed=0, state="ok", card={}, fingerprint=fingerprint(find_model(FIRST)), versions={},
        commit="", hardware={}, cost=COST, notes=("kept",), embedding_sha256=sha256_of(run / "embedding.npz"),
    )  # fmt: skip
    write_json(run / "record.json", record.model_dump(mode="json"))
    return config, run, record


def found(config, model=SECOND):
    return begun_for(find_model(model), config.folder / "d", 0, config)


def test_vectors_of_today_are_begun_with_and_their_cost_is_counted(board):
    config, run, _ = board
    begun = found(config)
    assert begun is not None and begun.vectors == run / "embedding.npz" and begun.notes == ("kept",)
    both = begun.added_to(Cost(wall_s=1.0, cpu_s=2.0, peak_rss_mb=600.0, cells_per_s=60.0))
    assert both == Cost(wall_s=11.0, cpu_s=11.0, peak_rss_mb=600.0, cells_per_s=15.0)
    assert begun.left_of(Limits(timeout_s=60)).timeout_s == 50
    assert begun.left_of(Limits(timeout_s=5)).timeout_s == 1


def test_most_models_begin_with_nothing(board):
    assert found(board[0], "pca") is None
    assert found(board[0], FIRST) is None


@pytest.mark.parametrize("change", ["state", "fingerprint", "cost", "vectors", "gone", "damaged", "older", "not asked"])
def test_anything_else_is_computed_anew(board, change):
    config, run, record = board
    if change in ("state", "fingerprint", "cost"):
        other = {"state": "failed(oom)", "fingerprint": "other", "cost": None}[change]
        write_json(run / "record.json", record.model_copy(update={change: other}).model_dump(mode="json"))
    elif change == "vectors":
        write_embedding(run / "embedding.npz", np.zeros((3, 2), np.float32), np.array(["a", "b", "c"]))
    elif change == "gone":
        (run / "embedding.npz").unlink()
    elif change == "damaged":
        (run / "record.json").write_text("{")
    elif change == "older":
        os.utime(run / "record.json", (0, 0))
    else:
        config = config.model_copy(update={"models": [SECOND]})
    assert found(config) is None


def test_a_seed_that_the_other_model_has_no_run_with_is_computed_anew(board):
    config, _, _ = board
    other = config.model_copy(update={"seeds_of": {SECOND: [0, 1]}})
    assert begun_for(find_model(SECOND), other.folder / "d", 1, other) is None
    assert begun_for(find_model(SECOND), other.folder / "d", 0, other) is not None


def test_what_draws_nothing_is_begun_with_whatever_the_seed(board):
    config = board[0].model_copy(update={"models": ["atlas-pca", "atlas-harmony"]})
    record = record_begun(find_model("atlas-harmony"), Path("d"), 2, config)
    assert record == Path("d/atlas-pca/0/record.json")
