"""The shipped checkpoint is what its manifest says, has seen no benchmark set, and embeds reproducibly."""

import json
import math

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.datasets.card import card_names, load_card
from scarena.embedding import check_embedding
from scarena.errors import ModelError
from scarena.files import sha256_of
from scarena.models.base import Context
from scarena.models.foundation.checkpoint import SHIPPED, load, read_genes, read_manifest
from scarena.models.registry import find_model

NAMES = ["scarena-fm", "scarena-fm-random"]


def embedded(name, data, seed=0):
    return check_embedding(find_model(name)().embed(data.copy(), Context(seed=seed)), data.n_obs, name)


@pytest.fixture
def human(cells):
    """The small set of cells, under names of genes the model knows."""
    genes = read_genes()
    cells.var_names = [genes[i] for i in np.random.default_rng(0).permutation(len(genes))[: cells.n_vars]]
    return cells


def test_the_weights_are_those_of_the_manifest_and_small_enough_to_ship():
    weights = SHIPPED / "weights.safetensors"
    assert sha256_of(weights) == read_manifest()["weights_sha256"]
    assert weights.stat().st_size <= 16 * 2**20
    assert sum(value.numel() for value in load().parameters()) == read_manifest()["parameters"]


def test_the_cards_state_what_the_manifest_does():
    trained, twin = (find_model(name).card for name in NAMES)
    assert trained.parameters == read_manifest()["parameters"]
    assert list(trained.training_corpus) == [row["card"] for row in read_manifest()["corpus"]]
    assert trained.settings["weights_sha256"] == read_manifest()["weights_sha256"]
    assert not twin.training_corpus
    assert twin.parameters is None
    assert not (trained.uses_batch or trained.uses_labels or trained.trains_on_target)


def test_the_corpus_shares_no_card_no_study_and_no_file_with_any_set_that_is_scored():
    corpus = read_manifest()["corpus"]
    names = {row["card"] for row in corpus}
    studies = {study for row in corpus for study in row["study"]}
    files = {sha256 for row in corpus for sha256 in row["sources"].values()}
    for name in card_names():
        card = load_card(name)
        if card.role != "pretraining":
            assert name not in names
            assert not studies & set(card.study), name
            assert not files & {file.sha256 for file in card.files}, name


def test_the_corpus_is_the_cards_of_today():
    for row in read_manifest()["corpus"]:
        card = load_card(row["card"])
        assert card.role == "pretraining"
        assert set(row["study"]) == set(card.study)


def test_the_model_beats_every_predictor_that_does_not_look_at_the_cell():
    manifest = read_manifest()
    decoding = manifest["losses"]["validation"]["decoding"]
    assert decoding < min(manifest["constant_predictors"].values())
    lines = [json.loads(line) for line in (SHIPPED / "train_log.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == manifest["train"]["steps"]
    assert lines[-1]["validation"] == manifest["losses"]["validation"]
    assert all(math.isfinite(value) for line in lines for value in line["validation"].values())


@pytest.mark.parametrize("name", NAMES)
def test_two_runs_are_equal(name, human):
    np.testing.assert_array_equal(embedded(name, human), embedded(name, human))


def test_the_twin_depends_on_the_seed_and_the_model_does_not(human):
    assert np.array_equal(embedded("scarena-fm", human, 0), embedded("scarena-fm", human, 1))
    assert not np.allclose(embedded("scarena-fm-random", human, 0), embedded("scarena-fm-random", human, 1))


def test_the_twin_is_not_the_model(human):
    trained, twin = (embedded(name, human) for name in NAMES)
    assert trained.shape == twin.shape
    assert not np.allclose(trained, twin, atol=1e-2)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_cells_and_genes_does_not_matter(name, human):
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(human.n_obs), rng.permutation(human.n_vars)
    mixed = embedded(name, human[rows][:, columns].copy())
    np.testing.assert_allclose(mixed, embedded(name, human)[rows], atol=1e-5)


def test_labels_and_batches_are_not_looked_at(human):
    bare = AnnData(human.X.copy(), var=human.var[[]])
    np.testing.assert_array_equal(embedded("scarena-fm", bare), embedded("scarena-fm", human))


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_cell_and_unknown_genes_are_no_error(name, human):
    human.X.data[: human.X.indptr[1]] = 0
    human.X.eliminate_zeros()
    human.var_names = [f"unknown{i}" if i % 2 else gene for i, gene in enumerate(human.var_names)]
    assert np.isfinite(embedded(name, human)).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_set_without_a_known_gene_is_refused(name, cells):
    cells.var_names = [f"unknown{i}" for i in range(cells.n_vars)]
    with pytest.raises(ModelError, match="no gene in common"):
        find_model(name)().embed(cells, Context())


def test_one_cell_with_one_known_gene_is_enough():
    data = AnnData(csr_matrix(np.array([[3]], dtype=np.int32)))
    data.var_names = read_genes()[:1]
    assert embedded("scarena-fm", data).shape == (1, load().config.embedding)
