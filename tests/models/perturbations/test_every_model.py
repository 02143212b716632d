"""What is true of every model of responses: it learns from what it may, joins by names, and answers from nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import NotApplicable
from scarena.models.base import Context
from scarena.models.offered import lacks_product
from scarena.models.perturbations import go_forest, other_screens
from scarena.models.perturbations.screens import Screen
from scarena.models.registry import all_models
from scarena.models.response_table import checked_responses

CTX = Context()
# One with an environment of its own has packages that these tests lack, and tests of its own.
MODELS = {
    name: model for name, model in all_models().items()
    if name.startswith("response-") and model.card.environment is None
}  # fmt: skip
LEARNING = {name: model for name, model in MODELS.items() if name != "response-duplicate"}
SETTINGS = ("gene", "pair", "context")


@pytest.fixture(autouse=True)
def quick(annotated, monkeypatch):
    """Small forests, and one made-up screen of the same genes."""

    def screens(study, n_axes, ctx):
        genes = pd.DataFrame(index=[f"ENSG{i:011d}" for i in range(60)])
        return (Screen("other", annotated(genes), np.zeros(7)),)

    monkeypatch.setattr(go_forest, "N_TREES", 10)
    monkeypatch.setattr(other_screens, "other_screens", screens)


def predicted(model, seen, ask, ctx=CTX):
    """Return predictions; nothing where a model has none here."""
    try:
        return model().predict(seen, ask, ctx)
    except NotApplicable:
        return None


def test_there_are_sixteen():
    assert len(MODELS) == 16


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", MODELS)
def test_predictions_pass_the_check_and_are_the_same_again(name, setting, make_seen):
    seen, ask = make_seen(setting)
    one, same = (predicted(MODELS[name], seen, ask) for _ in range(2))
    if one is None:
        assert name == "response-additive" and setting != "pair"
        return
    assert checked_responses(one, list(ask.index), list(seen.measured), name).shape == (len(ask), 60)
    pd.testing.assert_frame_equal(one, same)
    assert set(one.index) <= set(ask.index)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", LEARNING)
def test_no_profile_that_is_asked_about_reaches_a_model(name, setting, make_seen):
    seen, ask = make_seen(setting)
    first = predicted(LEARNING[name], seen, ask)
    # Rows of these names with other values would be told to a model that looked there.
    spoilt = replace(seen, duplicates=seen.duplicates * -7, items=pd.concat([seen.items, ask]))
    again = predicted(LEARNING[name], spoilt, ask)
    assert (first is None) == (again is None)
    if first is not None:
        pd.testing.assert_frame_equal(first, again)


@pytest.mark.parametrize("name", MODELS)
def test_names_join_in_any_order(name, make_seen):
    seen, ask = make_seen("pair")
    first = predicted(MODELS[name], seen, ask)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(len(seen.items)), rng.permutation(60)
    turned = replace(
        seen, profiles=seen.profiles.iloc[rows, columns], items=seen.items.iloc[::-1],
        controls=seen.controls.iloc[::-1, columns], genes=seen.genes.iloc[::-1],
        duplicates=seen.duplicates.iloc[::-1, columns],
    )  # fmt: skip
    again = predicted(MODELS[name], turned, ask.iloc[::-1])
    assert set(again.index) == set(first.index)
    np.testing.assert_allclose(again.loc[first.index, first.columns], first, atol=1e-6)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", LEARNING)
def test_what_learned_nothing_predicts_the_control_or_says_nothing(name, setting, make_seen):
    seen, ask = make_seen(setting)
    found = predicted(LEARNING[name], replace(seen, profiles=seen.profiles.iloc[:0], items=seen.items.iloc[:0]), ask)
    if found is None:
        assert name == "response-additive"
        return
    expected = seen.controls.loc[ask.loc[found.index, "context"]].to_numpy()
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("n_profiles", [1, 2, 3])
@pytest.mark.parametrize("name", LEARNING)
def test_few_profiles_are_enough(name, n_profiles, make_seen):
    seen, ask = make_seen("gene")
    few = replace(seen, profiles=seen.profiles.iloc[:n_profiles], items=seen.items.iloc[:n_profiles])
    found = predicted(LEARNING[name], few, ask)
    assert found is None or np.isfinite(found.to_numpy()).all()


@pytest.mark.parametrize("name", MODELS)
def test_a_model_changes_nothing_that_it_is_handed(name, make_seen):
    seen, ask = make_seen("pair")
    tables = (seen.profiles, seen.items, seen.controls, seen.genes, ask)
    before = [table.copy() for table in tables]
    predicted(MODELS[name], seen, ask)
    assert all(one.equals(other) for one, other in zip(before, tables, strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_they_are_asked_about_responses_and_nothing_else(name):
    model = MODELS[name]
    assert model.card.offers == "response" and not lacks_product(model, "response")
    assert all(lacks_product(model, kind) for kind in ("cells", "genes", "network"))
    with pytest.raises(NotApplicable, match="no vectors of cells"):
        model().embed(None, CTX)
