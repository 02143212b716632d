"""A model that is given labels sees those of the known cells, and of the hidden ones nothing."""

import numpy as np
import pytest

from scarena.base.errors import DataError, ModelError, NotApplicable, NotAvailable
from scarena.models.base import Context, Model
from scarena.models.baselines.pca import PCA
from scarena.models.predicting import Predictor, offers_labels, variable_expression
from scarena.models.predictors.celltypist import CellTypist
from scarena.models.predictors.forest import HVGForest
from scarena.models.predictors.logistic import HVGLogistic

KINDS = (HVGLogistic, HVGForest, CellTypist)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.card.name)
def model(request):
    if request.param.lacks():
        pytest.skip(request.param.lacks())
    return request.param()


@pytest.fixture
def known(cells):
    """The labels of every cell but each fourth."""
    labels = cells.obs["cell_type"].to_numpy(object).copy()
    labels[::4] = None
    return labels


def test_hidden_cells_are_told_apart(model, cells, known):
    found = model.predict(cells, known, Context())
    assert list(found.columns) == ["type0", "type1", "type2"] and list(found.index) == list(cells.obs_names)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert (found.idxmax(axis=1) == cells.obs["cell_type"])[::4].mean() > 0.9


def test_what_hidden_cells_truly_are_changes_nothing(model, cells, known):
    first = model.predict(cells, known, Context())
    cells.obs["cell_type"] = np.where(np.arange(cells.n_obs) % 4 == 0, "another", cells.obs["cell_type"])
    cells.obs["cell_type_id"] = cells.obs["cell_type"]
    np.testing.assert_array_equal(first, model.predict(cells, known, Context()))


def test_a_model_is_handed_no_column_of_types(cells, known):
    class Looking(HVGForest):
        def probabilities(self, data, labels, classes, ctx):
            assert list(data.obs) == ["batch"] and not len(data.uns) and not len(data.obsm)
            assert [each for each in labels[::4] if each is not None] == []
            return super().probabilities(data, labels, classes, ctx)

    Looking().predict(cells, known, Context())


def test_a_prediction_does_not_depend_on_which_other_cells_are_asked_for(model, cells, known):
    first = model.predict(cells, known, Context())
    kept = np.arange(cells.n_obs) % 8 != 0
    again = model.predict(cells[kept].copy(), known[kept], Context())
    np.testing.assert_allclose(again, first[kept], atol=1e-6)


def test_the_labels_of_known_cells_matter(model, cells, known):
    others = known.copy()
    others[known == "type0"], others[known == "type1"] = "type1", "type0"
    first, swapped = (model.predict(cells, each, Context()) for each in (known, others))
    assert (first["type0"] > 0.5).sum() > 50
    assert np.corrcoef(first["type0"], swapped["type1"])[0, 1] > 0.9


def test_two_labels_and_a_cell_without_counts_are_no_error(model, cells, known):
    known[known == "type2"] = None
    cells.X.data[: cells.X.indptr[2]] = 0
    cells.X.eliminate_zeros()
    assert model.predict(cells, known, Context()).shape == (240, 2)


def test_one_label_is_nothing_to_tell_apart(model, cells, known):
    known[known != "type0"] = None
    with pytest.raises(NotApplicable, match="1 known labels"):
        model.predict(cells, known, Context())


def test_labels_of_other_cells_are_refused(cells, known):
    with pytest.raises(DataError, match="239 entries for 240 cells"):
        HVGForest().predict(cells, known[1:], Context())


@pytest.mark.parametrize("returned", [np.ones((240, 3)), np.full((240, 3), np.nan), np.ones((240, 2)) / 2])
def test_what_is_no_probability_is_refused(returned, cells, known):
    class Wrong(HVGForest):
        def probabilities(self, data, labels, classes, ctx):
            return returned

    with pytest.raises(ModelError):
        Wrong().predict(cells, known, Context())


def test_genes_are_chosen_by_known_cells_alone(make_cells):
    cells = make_cells(n_genes=300)
    labels = np.array(["a", None] * 120, dtype=object)
    first = variable_expression(cells, labels, 50)
    counts = cells.X.toarray()
    counts[1::2] = counts[1::2][:, ::-1]
    cells.X = type(cells.X)(counts)
    np.testing.assert_array_equal(variable_expression(cells, labels, 50)[::2], first[::2])


def test_predictors_say_so_and_are_no_models_of_a_board():
    assert all(offers_labels(kind) and issubclass(kind, Predictor) and not issubclass(kind, Model) for kind in KINDS)
    assert not offers_labels(PCA)
    assert all(kind.card.uses_labels and kind.card.licence for kind in KINDS)


def test_without_its_package_celltypist_is_not_available(cells, known, monkeypatch):
    monkeypatch.setattr(CellTypist, "lacks", classmethod(lambda cls: "its package"))
    with pytest.raises(NotAvailable, match="its package"):
        CellTypist().predict(cells, known, Context())
