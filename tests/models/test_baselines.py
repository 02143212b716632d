"""Every baseline and control keeps the promises of the model protocol."""

import inspect
from pathlib import Path

import numpy as np
import pytest

from scarena.base.errors import NotApplicable, state_of
from scarena.models.base import Context
from scarena.models.embedding import check_embedding, hand_over
from scarena.models.registry import all_models, find_model, fingerprint

NAMES = [
    "hvg", "pca", "harmony", "scvi", "random-2", "random-64", "random-512", "shuffled", "labels", "labels-noisy",
    "centroids",
]  # fmt: skip
QUICK = [name for name in NAMES if name != "scvi"]


def embedded(name, cells, seed=0):
    model = find_model(name)
    data = hand_over(cells, model.card)
    return check_embedding(model().embed(data, Context(seed=seed)), cells.n_obs, name)


@pytest.mark.parametrize("name", NAMES)
def test_two_runs_with_one_seed_are_equal_and_the_input_is_left_alone(name, cells):
    before = cells.copy()
    np.testing.assert_array_equal(embedded(name, cells), embedded(name, cells))
    assert (cells.X != before.X).nnz == 0
    assert cells.obs.equals(before.obs)


@pytest.mark.parametrize("name", QUICK)
def test_one_batch_is_no_error(name, cells):
    cells.obs["batch"] = "only"
    embedded(name, cells)


@pytest.mark.parametrize("name", ["hvg", "pca", "harmony", "scvi"])
def test_an_empty_cell_is_no_error(name, cells):
    cells.X.data[: cells.X.indptr[1]] = 0
    cells.X.eliminate_zeros()
    assert cells.X[0].nnz == 0
    embedded(name, cells)


@pytest.mark.parametrize(("name", "dimension"), [("random-2", 2), ("random-512", 512), ("scvi", 30), ("labels", 3)])
def test_the_dimension_is_the_one_the_card_states(name, dimension, cells):
    assert embedded(name, cells).shape[1] == dimension


def test_another_seed_gives_other_noise(cells):
    assert not np.array_equal(embedded("random-2", cells), embedded("random-2", cells, seed=1))


def test_shuffled_holds_the_rows_of_pca_in_another_order(cells):
    pca, shuffled = embedded("pca", cells), embedded("shuffled", cells)
    assert not np.array_equal(pca, shuffled)
    np.testing.assert_array_equal(np.sort(pca[:, 0]), np.sort(shuffled[:, 0]))


def test_harmony_brings_the_batches_closer(cells):
    def gap(embedding):
        first = (cells.obs["batch"] == "batch0").to_numpy()
        return np.linalg.norm(embedding[first].mean(0) - embedding[~first].mean(0)) / embedding.std()

    assert gap(embedded("harmony", cells)) < 0.5 * gap(embedded("pca", cells))


def test_names_are_those_of_the_contract_and_the_labels_are_seen_by_positive_controls_and_scanvi_only():
    models = all_models()
    assert set(NAMES) | {"scarena-fm", "scarena-fm-random"} <= set(models)
    seeing = {name for name, model in models.items() if model.card.uses_labels}
    predicting = {name for name, model in models.items() if model.card.offers == "labels"}
    assert seeing - predicting == {"labels", "labels-noisy", "centroids", "scanvi", "response-duplicate"}
    assert seeing >= predicting


def test_the_fingerprint_tells_models_of_one_file_apart():
    assert fingerprint(find_model("random-2")) != fingerprint(find_model("random-64"))


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("pca", {"expression.py", "expression_stored.py"}),
        ("scanvi", {"scanvi.py", "variational.py", "expression.py"}),
        ("seurat-cca", {"seurat.R"}),
        ("shuffled", {"expression.py"}),
        ("centroids", {"expression.py", "expression_stored.py"}),
        ("random-2", set()),
    ],
)
def test_a_helper_that_changes_makes_the_runs_of_the_models_that_need_it_stale(name, needs):
    from scarena.models import registry

    file = Path(inspect.getfile(find_model(name)))
    found = {path.name for path in registry._beside(file)}
    assert needs - {file.name} <= found and not found & {"base.py", "registry.py", file.name}
    if name == "random-2":
        assert found == set()


@pytest.mark.parametrize("name", ["labels", "labels-noisy", "centroids"])
def test_labels_of_one_type_are_no_control(name, cells):
    cells.obs["cell_type"] = "unknown"
    with pytest.raises(NotApplicable, match="fewer than two cell types") as raised:
        embedded(name, cells)
    assert state_of(raised.value) == "not applicable"
