"""Models that know perturbed genes by annotations: against scikit-learn on the same rows, and loops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import ElasticNet, Ridge
from sklearn.metrics.pairwise import cosine_similarity

from scarena.base.errors import NotApplicable
from scarena.models.base import Context
from scarena.models.perturbations import go_elastic_net, go_forest, go_neighbours, penalised
from scarena.models.perturbations.go_elastic_net import GOElasticNet
from scarena.models.perturbations.go_forest import GOForest
from scarena.models.perturbations.go_neighbours import GONeighbours
from scarena.models.perturbations.go_ridge import GORidge
from scarena.models.perturbations.inner import inner_folds
from scarena.models.perturbations.penalised import Compressed, ridge, ridge_paths

CTX = Context()
MODELS = [GORidge, GONeighbours, GOForest, GOElasticNet]


@pytest.fixture
def told():
    """Vectors and effects of thirty perturbations, and the vectors of five more; the effects are linear, with noise."""
    rng = np.random.default_rng(3)
    x, weights = rng.normal(size=(35, 8)), rng.normal(size=(8, 20))
    y = x @ weights + rng.normal(0, 2.0, (35, 20)) + 1
    return x[:30], y[:30], x[30:], np.array([f"p{i:02d}" for i in range(30)])


def unit(x):
    return ((x - x.mean(axis=0)) ** 2).sum() / len(x)


def test_ridge_is_scikit_learns_at_every_penalty(told):
    x, y, asked, _ = told
    for penalty, found in zip(penalised.PENALTIES, ridge_paths(x, y, asked), strict=True):
        expected = Ridge(alpha=penalty * unit(x)).fit(x, y).predict(asked)
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("n_axes", [None, 3])
def test_the_penalty_is_the_one_that_a_loop_over_inner_folds_finds(told, n_axes):
    x, y, asked, groups = told

    def fitted(x, y, asked, penalty):
        mean = y.mean(axis=0)
        axes = np.eye(y.shape[1]) if n_axes is None else np.linalg.svd(y - mean)[2][:n_axes].T
        found = Ridge(alpha=penalty * unit(x)).fit(x, (y - mean) @ axes).predict(asked)
        return mean + found @ axes.T

    errors = [
        sum(((fitted(x[a], y[a], x[b], penalty) - y[b]) ** 2).sum() for a, b in inner_folds(groups, 4))
        for penalty in penalised.PENALTIES
    ]
    best = penalised.PENALTIES[int(np.argmin(errors))]
    assert best not in (penalised.PENALTIES[0], penalised.PENALTIES[-1])
    np.testing.assert_allclose(ridge(x, y, asked, groups, 4, n_axes), fitted(x, y, asked, best), atol=1e-6)


def test_where_vectors_say_nothing_the_largest_penalty_leaves_the_mean(told):
    _, y, _, groups = told
    noise = np.random.default_rng(0).normal(size=(35, 8))
    found = ridge(noise[:30], y, noise[30:], groups, 0)
    assert np.abs(found - y.mean(axis=0)).max() < 0.05 * np.abs(y - y.mean(axis=0)).max()


def test_effects_along_all_axes_are_the_effects(told):
    _, y, _, _ = told
    own = Compressed.of(y, 20)
    np.testing.assert_allclose(own.back(own.scores), y, atol=1e-9)
    np.testing.assert_allclose(own.along(y), own.scores, atol=1e-9)


def test_neighbours_are_those_of_largest_cosine(told):
    x, y, asked, _ = told
    near = np.argsort(-cosine_similarity(asked, x), axis=1)
    for n_near, found in zip((1, 4, 200), go_neighbours.neighbour_means(x, y, asked, (1, 4, 200)), strict=True):
        expected = [y[row[:n_near]].mean(axis=0) for row in near]
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_forest_is_scikit_learns_on_scores(told, monkeypatch):
    x, y, asked, groups = told
    monkeypatch.setattr(go_forest, "N_TREES", 20)
    own = Compressed.of(y, go_forest.N_AXES)
    twin = RandomForestRegressor(20, max_features=go_forest.SHARE, random_state=0).fit(x, own.scores)
    found = GOForest().fitted(x, y, asked, groups, CTX)
    np.testing.assert_allclose(found, own.back(twin.predict(asked)), atol=1e-6)


def test_the_elastic_net_is_scikit_learns_axis_by_axis(told):
    x, y, asked, _ = told
    scores = Compressed.of(y, 4).scores
    found = go_elastic_net.net_paths(x, scores, asked, (1.0, 0.3, 0.05))
    for axis, target in enumerate(scores.T):
        most = np.abs((x - x.mean(axis=0)).T @ (target - target.mean())).max() / len(x) / go_elastic_net.RATIO
        for place, penalty in enumerate((1.0, 0.3, 0.05)):
            twin = ElasticNet(alpha=most * penalty, l1_ratio=go_elastic_net.RATIO, tol=1e-10, max_iter=100_000)
            expected = twin.fit(x, target).predict(asked)
            np.testing.assert_allclose(found[place, :, axis], expected, atol=2e-3)


def test_the_largest_penalty_of_the_elastic_net_leaves_the_mean(told):
    x, y, asked, _ = told
    scores = Compressed.of(y, 4).scores
    np.testing.assert_allclose(go_elastic_net.net_paths(x, scores, asked, (1.0,))[0], 0, atol=1e-9)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("setting", ["gene", "pair", "context"])
def test_what_annotations_decide_is_predicted_better_than_by_the_mean(
    model, setting, make_seen, annotated, monkeypatch
):
    monkeypatch.setattr(go_forest, "N_TREES", 40)
    seen, ask = make_seen(setting)
    found = model().predict(seen, ask, CTX)
    true = seen.duplicates.loc[found.index]
    train = seen.items["context"].to_numpy()
    mean = {c: seen.controls.loc[c] + (seen.profiles - seen.controls.loc[train].to_numpy()).mean() for c in ("x", "y")}
    of_mean = pd.DataFrame([mean[c] for c in ask.loc[found.index, "context"]], index=found.index)
    assert ((found - true) ** 2).to_numpy().mean() < 0.9 * ((of_mean - true) ** 2).to_numpy().mean()


@pytest.mark.parametrize("model", MODELS)
def test_a_gene_without_annotations_has_no_row(model, make_seen, annotated, monkeypatch):
    monkeypatch.setattr(go_forest, "N_TREES", 5)
    seen, ask = make_seen("gene")
    found = model().predict(seen, ask, CTX)
    known = annotated(seen.genes).index
    assert set(found.index) == set(ask.index[ask["targets"].isin(known)]) and len(found) < len(ask)


@pytest.mark.parametrize("model", MODELS)
def test_compounds_are_no_question_for_annotations(model, make_seen, annotated):
    seen, ask = make_seen("context")
    with pytest.raises(NotApplicable, match="no perturbed gene"):
        model().predict(seen, ask.assign(targets=""), CTX)


def test_vectors_are_asked_for_once_a_run(make_seen, annotated, monkeypatch):
    calls, model = [], GORidge()
    monkeypatch.setattr(GORidge, "features", lambda self, genes, ctx: calls.append(1) or annotated(genes))
    for setting in ("gene", "pair", "gene"):
        model.predict(*make_seen(setting), CTX)
    assert len(calls) == 1
