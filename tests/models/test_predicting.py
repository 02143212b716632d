"""A model that is given labels sees those of the known cells, and of the hidden ones nothing."""

import numpy as np
import pytest

from scarena.base.errors import DataError, ModelError, NotApplicable, NotAvailable
from scarena.models.base import Context
from scarena.models.baselines.pca import PCA
from scarena.models.embedding import hand_over
from scarena.models.predicting import Predictor, variable_expression
from scarena.models.predictors import celltypist
from scarena.models.predictors.celltypist import CellTypist
from scarena.models.predictors.forest import HVGForest
from scarena.models.predictors.logistic import HVGLogistic
from scarena.models.predictors.scanvi_labels import ScANVILabels
from scarena.models.predictors.scarena_fm_tuned import ScarenaFMFull, ScarenaFMHead, ScarenaFMLora
from scarena.models.registry import all_models

KINDS = (HVGLogistic, HVGForest, CellTypist)
TRAINED = (ScANVILabels, ScarenaFMHead, ScarenaFMLora, ScarenaFMFull)
"""By gradients, on known cells and, without labels, on others: some seconds each."""


@pytest.fixture(params=KINDS, ids=lambda kind: kind.card.name)
def model(request):
    if request.param is CellTypist and celltypist.missing():
        pytest.skip(celltypist.missing())
    return request.param()


@pytest.fixture
def known(cells):
    """The labels of every cell but each fourth."""
    labels = cells.obs["cell_type"].to_numpy(object).copy()
    labels[::4] = None
    return labels


def test_hidden_cells_are_told_apart(model, cells, known):
    found = model.predict_types(cells, known, Context())
    assert list(found.columns) == ["type0", "type1", "type2"] and list(found.index) == list(cells.obs_names)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert (found.idxmax(axis=1) == cells.obs["cell_type"])[::4].mean() > 0.9


def test_what_hidden_cells_truly_are_changes_nothing(model, cells, known):
    first = model.predict_types(cells, known, Context())
    cells.obs["cell_type"] = np.where(np.arange(cells.n_obs) % 4 == 0, "another", cells.obs["cell_type"])
    cells.obs["cell_type_id"] = cells.obs["cell_type"]
    np.testing.assert_array_equal(first, model.predict_types(cells, known, Context()))


def test_a_model_is_handed_no_column_of_types(cells, known):
    class Looking(HVGForest):
        def probabilities(self, data, labels, classes, ctx):
            assert list(data.obs) == ["batch"] and not len(data.uns) and not len(data.obsm)
            assert [each for each in labels[::4] if each is not None] == []
            return super().probabilities(data, labels, classes, ctx)

    Looking().predict_types(cells, known, Context())


def test_a_prediction_does_not_depend_on_which_other_cells_are_asked_for(model, cells, known):
    first = model.predict_types(cells, known, Context())
    kept = np.arange(cells.n_obs) % 8 != 0
    again = model.predict_types(cells[kept].copy(), known[kept], Context())
    np.testing.assert_allclose(again, first[kept], atol=1e-6)


def test_the_labels_of_known_cells_matter(model, cells, known):
    others = known.copy()
    others[known == "type0"], others[known == "type1"] = "type1", "type0"
    first, swapped = (model.predict_types(cells, each, Context()) for each in (known, others))
    assert (first["type0"] > 0.5).sum() > 50
    assert np.corrcoef(first["type0"], swapped["type1"])[0, 1] > 0.9


def test_two_labels_and_a_cell_without_counts_are_no_error(model, cells, known):
    known[known == "type2"] = None
    cells.X.data[: cells.X.indptr[2]] = 0
    cells.X.eliminate_zeros()
    assert model.predict_types(cells, known, Context()).shape == (240, 2)


def test_one_label_is_nothing_to_tell_apart(model, cells, known):
    known[known != "type0"] = None
    with pytest.raises(NotApplicable, match="1 known labels"):
        model.predict_types(cells, known, Context())


def test_labels_of_other_cells_are_refused(cells, known):
    with pytest.raises(DataError, match="239 entries for 240 cells"):
        HVGForest().predict_types(cells, known[1:], Context())


@pytest.mark.parametrize("returned", [np.ones((240, 3)), np.full((240, 3), np.nan), np.ones((240, 2)) / 2])
def test_what_is_no_probability_is_refused(returned, cells, known):
    class Wrong(HVGForest):
        def probabilities(self, data, labels, classes, ctx):
            return returned

    with pytest.raises(ModelError):
        Wrong().predict_types(cells, known, Context())


def test_genes_are_chosen_by_known_cells_alone(make_cells):
    cells = make_cells(n_genes=300)
    labels = np.array(["a", None] * 120, dtype=object)
    first = variable_expression(cells, labels, 50)
    counts = cells.X.toarray()
    counts[1::2] = counts[1::2][:, ::-1]
    cells.X = type(cells.X)(counts)
    np.testing.assert_array_equal(variable_expression(cells, labels, 50)[::2], first[::2])


def test_predictors_are_models_and_say_what_they_offer():
    found = {model for model in all_models().values() if issubclass(model, Predictor)}
    assert {*KINDS, *TRAINED} <= found
    assert found == {model for model in all_models().values() if model.card.offers == "labels"}
    assert all(kind.card.uses_labels and kind.card.licence for kind in found)


def test_a_card_that_offers_vectors_does_not_say_so():
    assert PCA.card.offers == "vectors" and "offers" not in PCA.card.model_dump(mode="json")
    assert HVGForest.card.model_dump(mode="json")["offers"] == "labels"


class Spy(HVGForest):
    """Notes which labels it was told, and says of every cell that it is of the first type."""

    def __init__(self):
        self.told = []

    def probabilities(self, data, labels, classes, ctx):
        self.told.append(labels)
        return np.tile(np.eye(len(classes))[0], (data.n_obs, 1))


def run_of(model, cells, seed=0):
    return model.embed(hand_over(cells, model.card), Context(seed))


@pytest.fixture
def donors(make_cells):
    """Cells of eight donors, each half in one batch and half in the other; the fourth type is of one donor alone."""
    cells = make_cells()
    cells.obs["donor"] = [f"d{i % 8}" for i in range(cells.n_obs)]
    cells.obs["batch"] = [f"b{i // 8 % 2}" for i in range(cells.n_obs)]
    lone = (cells.obs["donor"] == "d0") & (cells.obs["batch"] == "b0")
    cells.obs["cell_type"] = np.where(lone, "a rare one", cells.obs["cell_type"].astype(str))
    return cells


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("known_of", ["donor", "batch"])
def test_no_label_of_a_test_group_is_told_and_each_group_is_asked_once(donors, known_of, seed):
    if known_of == "batch":
        donors.obs["donor"] = np.where(np.arange(donors.n_obs) == 0, "unknown", donors.obs["donor"])
    spy, group = Spy(), donors.obs[known_of].astype(str).to_numpy()
    run_of(spy, donors, seed)
    truth = donors.obs["cell_type"].astype(str).to_numpy()
    asked = np.array([[each is None for each in labels] for labels in spy.told])
    assert len(asked) == min(5, len(set(group))) and (asked.sum(axis=0) == 1).all()
    for hidden, labels in zip(asked, spy.told, strict=True):
        assert not set(group[hidden]) & set(group[~hidden])
        assert (labels[~hidden] == truth[~hidden]).all()


def test_the_folds_are_those_of_the_probe(donors):
    from scarena.base.folds import grouped_folds

    spy = Spy()
    run_of(spy, donors, 7)
    classes, groups = (np.unique(donors.obs[key], return_inverse=True)[1] for key in ("cell_type", "donor"))
    folds = grouped_folds(classes, groups, seed=7)
    found = [{number for number, each in zip(folds, labels, strict=True) if each is None} for labels in spy.told]
    assert found == [{number} for number in range(5)]


def test_columns_are_the_types_sorted_and_a_type_of_the_asked_donor_alone_has_no_chance(donors):
    found = run_of(HVGForest(), donors)
    names, classes = np.unique(donors.obs["cell_type"], return_inverse=True)
    assert found.shape == (donors.n_obs, len(names)) and found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    mine = donors.obs["donor"] == "d0"
    assert names[0] == "a rare one" and not found[mine, 0].any()
    common = classes > 0
    assert (found.argmax(axis=1) == classes)[common].mean() > 0.9


def test_a_fold_whose_others_have_one_type_is_told_that_type(make_cells):
    cells = make_cells()
    cells.obs["batch"] = np.where(cells.obs["cell_type"] == "type0", "b0", "b1")
    cells.obs["cell_type"] = np.where(cells.obs["batch"] == "b0", "type0", cells.obs["cell_type"].astype(str))
    found = run_of(HVGForest(), cells)
    assert (found[cells.obs["batch"] == "b1"] == [1, 0, 0]).all()


@pytest.mark.parametrize(("column", "why"), [("batch", "none to hold out"), ("cell_type", "nothing to tell apart")])
def test_one_group_or_one_type_is_no_question(cells, column, why):
    cells.obs[column] = "one"
    with pytest.raises(NotApplicable, match=why):
        run_of(HVGForest(), cells)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TRAINED, ids=lambda kind: kind.card.name)
def test_trained_predictors_name_hidden_cells_and_what_these_truly_are_changes_nothing(kind, cells, known, monkeypatch):
    from scarena.models.predictors import scarena_fm_tuned
    from scarena.testing.cells import gene_names

    monkeypatch.setattr(scarena_fm_tuned, "STEPS", 30)
    cells = cells[:, : min(cells.n_vars, 600)].copy()
    cells.var_names = gene_names()[0][: cells.n_vars]
    # A type whose name is empty is a type like others.
    known[known == "type0"] = ""
    cells.X.data[: cells.X.indptr[1]] = 0
    cells.X.eliminate_zeros()
    model = kind()
    first = model.predict_types(cells, known, Context())
    assert list(first.columns) == ["", "type1", "type2"]
    np.testing.assert_allclose(first.iloc[0], 1 / 3, atol=1e-6)
    truth = cells.obs["cell_type"].astype(str).replace("type0", "")
    assert (first.idxmax(axis=1) == truth)[::4].mean() > 0.8
    cells.obs["cell_type"] = "another"
    np.testing.assert_array_equal(first, model.predict_types(cells, known, Context()))


def test_without_its_package_celltypist_is_not_available(cells, known, monkeypatch):
    monkeypatch.setattr(celltypist, "missing", lambda: "its package")
    with pytest.raises(NotAvailable, match="its package"):
        CellTypist().predict_types(cells, known, Context())
