"""What a process computes does not depend on whether it had to compile the kernels itself."""

from pathlib import Path

import numpy as np
import pytest

from scarena.datasets.prepared import write_prepared
from scarena.steps.config import BoardConfig
from scarena.steps.watched import in_child
from scarena.tasks.registry import DEFAULT

HERE = "scarena.steps.child.score:score"


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("SCARENA_COMPILED", str(tmp_path / "compiled"))
    from scarena.steps.supervise import compiled_folder

    compiled_folder.cache_clear()
    given = {"board": "b", "datasets": ["d"], "models": ["pca"], "results": tmp_path, "cache": tmp_path / "cache"}
    yield BoardConfig.model_validate(given)
    compiled_folder.cache_clear()


def kernels(folder: Path) -> set[Path]:
    return set(folder.rglob("*.nbc"))


def test_scores_with_kernels_compiled_and_kept_are_the_same_to_the_last_bit(config, tmp_path, cells):
    from scarena.models.embedding import write_embedding
    from scarena.steps.child.reference import reference
    from scarena.tasks.ontology_reference import write_reference

    class Ontology:
        release, parents, names = "none", {"CL:0": (), "CL:1": ("CL:0",)}, {"CL:0": "cell", "CL:1": "one"}

    cells.obsm["unintegrated"], cells.uns["card"] = np.random.default_rng(0).normal(size=(cells.n_obs, 5)), "{}"
    write_prepared(cells, tmp_path / "dataset.h5ad")
    write_reference(tmp_path / "ontology.npz", Ontology())
    spec = {
        "dataset": str(tmp_path / "dataset.h5ad"), "ontology": str(tmp_path / "ontology.npz"), "threads": 1,
        "reference": str(tmp_path / "reference.npz"), "scored_cells": 100_000, "within": False,
    }  # fmt: skip
    digest = reference(spec)["sha256"]
    write_embedding(tmp_path / "embedding.npz", np.random.default_rng(1).normal(size=(cells.n_obs, 8)), cells.obs_names)
    from scarena.base.files import sha256_of

    told = {
        "embedding": str(tmp_path / "embedding.npz"), "embedding_sha256": sha256_of(tmp_path / "embedding.npz"),
        "reference": spec["reference"], "reference_sha256": digest, "replicates": str(tmp_path / "replicates.npz"),
        "details": str(tmp_path / "details.npz"), "seed": 0, "tasks": list(DEFAULT),
        "offers": "vectors", "anew": True,
    }  # fmt: skip
    out = tmp_path / "run" / "scores.json"
    out.parent.mkdir()
    cold, first = in_child(HERE, told, out, config)
    compiled = kernels(tmp_path / "compiled")
    warm, second = in_child(HERE, told, out, config)
    assert compiled and kernels(tmp_path / "compiled") == compiled
    assert (cold.state, warm.state) == ("ok", "ok") and cold.exit_code == warm.exit_code == 0
    assert first == second


def test_where_kernels_cannot_be_kept_in_the_users_cache_the_boards_is_taken(tmp_path, monkeypatch):
    from scarena.steps.supervise import compiled_folder

    for unusable in ("file", "missing"):
        compiled_folder.cache_clear()
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("SCARENA_COMPILED", str(tmp_path / "file" / "below"))
        assert compiled_folder(tmp_path / unusable) == tmp_path / unusable / "compiled"
    compiled_folder.cache_clear()
