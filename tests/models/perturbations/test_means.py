"""Baselines of means, and controls, against loops over names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import NotApplicable
from scarena.models.base import Context
from scarena.models.perturbations.additive import Additive
from scarena.models.perturbations.duplicate import Duplicate
from scarena.models.perturbations.matching_mean import MatchingMean
from scarena.models.perturbations.mean_shift import MeanShift
from scarena.models.perturbations.no_change import NoChange
from scarena.models.perturbations.random_response import RandomResponse
from scarena.models.perturbations.shuffled_response import ShuffledResponse
from scarena.models.perturbations.train_mean import TrainMean

CTX = Context()


def same_context(seen, context):
    """Return the names of what was seen in a context."""
    return seen.items.index[seen.items["context"] == context]


def single(seen, gene, context):
    """Return the effect of one gene alone in a context; None where it was not seen."""
    for name in same_context(seen, context):
        if seen.items.loc[name, "targets"] == gene:
            return seen.profiles.loc[name] - seen.controls.loc[context]
    return None


@pytest.mark.parametrize("setting", ["gene", "pair", "context"])
def test_no_change_is_the_control_of_the_context(make_seen, setting):
    seen, ask = make_seen(setting)
    found = NoChange().predict(seen, ask, CTX)
    for name in ask.index:
        np.testing.assert_array_equal(found.loc[name], seen.controls.loc[ask.loc[name, "context"]])


@pytest.mark.parametrize("setting", ["gene", "pair"])
@pytest.mark.parametrize("model", [TrainMean, MeanShift])
def test_means_over_perturbations_are_of_the_context_that_is_asked_about(make_seen, setting, model):
    seen, ask = make_seen(setting)
    found = model().predict(seen, ask, CTX)
    for name in ask.index:
        expected = seen.profiles.loc[same_context(seen, ask.loc[name, "context"])].mean()
        np.testing.assert_allclose(found.loc[name], expected, atol=1e-12)


def three_contexts(make_seen):
    """Return two contexts to learn from and one to be asked about, with a perturbation that was not seen."""
    one, ask = make_seen("context")
    items = pd.concat([one.items, ask.iloc[1:]])
    profiles = pd.concat([one.profiles, one.duplicates.iloc[1:]]).drop(index=one.items.index[0])
    controls = pd.concat([one.controls, pd.DataFrame(2.5, index=["z"], columns=one.controls.columns)])
    asked = ask.assign(context="z").rename(index=lambda name: name.replace("in y", "in z"))
    return replace(one, profiles=profiles, items=items.loc[profiles.index], controls=controls, duplicates=None), asked


def test_in_an_unseen_context_the_training_mean_is_the_published_one_and_the_shift_adds_to_the_control(make_seen):
    seen, ask = three_contexts(make_seen)
    treated, shifted = (model().predict(seen, ask, CTX) for model in (TrainMean, MeanShift))
    effects = seen.profiles - seen.controls.loc[seen.items["context"]].to_numpy()
    unseen = 0
    for name in ask.index:
        mine = (seen.items["perturbation"] == ask.loc[name, "perturbation"]).to_numpy()
        if not mine.any():
            unseen += 1
            continue
        np.testing.assert_allclose(treated.loc[name], seen.profiles[mine].mean(), atol=1e-12)
        np.testing.assert_allclose(shifted.loc[name], seen.controls.loc["z"] + effects[mine].mean(), atol=1e-12)
    assert unseen == 1
    lost = ask.index[~ask["perturbation"].isin(seen.items["perturbation"])]
    for found, rows in ((treated, seen.profiles), (shifted - seen.controls.loc["z"], effects)):
        overall = rows.groupby(seen.items["perturbation"].to_numpy()).mean().mean()
        np.testing.assert_allclose(found.loc[lost[0]], overall, atol=1e-12)


def test_the_matching_mean_is_of_singles_and_of_the_overall_mean_for_a_gene_that_is_none(make_seen):
    seen, ask = make_seen("pair")
    found = MatchingMean().predict(seen, ask, CTX)
    missing = 0
    for name in ask.index:
        context = ask.loc[name, "context"]
        overall = (seen.profiles.loc[same_context(seen, context)] - seen.controls.loc[context]).mean()
        parts = [single(seen, gene, context) for gene in ask.loc[name, "targets"].split("+")]
        missing += sum(part is None for part in parts)
        expected = np.mean([overall if part is None else part for part in parts], axis=0) + seen.controls.loc[context]
        np.testing.assert_allclose(found.loc[name], expected, atol=1e-12)
    assert missing


def test_additive_adds_two_singles_and_says_nothing_where_one_is_missing(make_seen):
    seen, ask = make_seen("pair")
    found = Additive().predict(seen, ask, CTX)
    for name in ask.index:
        context = ask.loc[name, "context"]
        parts = [single(seen, gene, context) for gene in ask.loc[name, "targets"].split("+")]
        if any(part is None for part in parts):
            assert name not in found.index
            continue
        np.testing.assert_allclose(found.loc[name], seen.controls.loc[context] + sum(parts), atol=1e-12)
    assert 0 < len(found) < len(ask)


def test_additive_has_no_answer_to_single_genes(make_seen):
    with pytest.raises(NotApplicable, match="no pair"):
        Additive().predict(*make_seen("gene"), CTX)


def test_random_is_as_wide_as_effects_and_depends_on_name_and_seed_alone(make_seen):
    seen, ask = make_seen("gene")
    found = pd.concat([RandomResponse().predict(seen, ask, Context(seed=seed)) for seed in range(60)])
    effects = found - seen.controls.loc[ask["context"].tolist() * 60].to_numpy()
    true = seen.profiles - seen.controls.loc[seen.items["context"]].to_numpy()
    assert np.sqrt((effects**2).to_numpy().mean()) == pytest.approx(np.sqrt((true**2).to_numpy().mean()), rel=0.03)
    one, few = (RandomResponse().predict(seen, some, CTX) for some in (ask, ask.iloc[::-2]))
    np.testing.assert_array_equal(one.loc[few.index], few)


def test_shuffled_is_the_effect_of_another_perturbation_of_the_context(make_seen):
    seen, ask = make_seen("gene")
    found = ShuffledResponse().predict(seen, ask, CTX)
    for name in ask.index:
        gaps = np.abs(seen.profiles.loc[same_context(seen, ask.loc[name, "context"])] - found.loc[name]).max(axis=1)
        assert gaps.min() < 1e-12
    drawn = {tuple(ShuffledResponse().predict(seen, ask, Context(seed=seed)).iloc[0]) for seed in range(20)}
    assert len(drawn) > 5


def test_shuffled_is_never_the_perturbation_itself_in_another_context(make_seen):
    seen, ask = make_seen("context")
    effects = seen.profiles - seen.controls.loc[seen.items["context"]].to_numpy()
    for seed in range(20):
        found = ShuffledResponse().predict(seen, ask, Context(seed=seed)) - seen.controls.loc["y"]
        for name, what in ask["perturbation"].items():
            own = effects[(seen.items["perturbation"] == what).to_numpy()]
            assert np.abs(own - found.loc[name]).max(axis=1).min() > 1e-6


def test_the_replicate_is_what_it_was_handed_and_nothing_where_there_is_none(make_seen):
    seen, ask = make_seen("gene")
    found = Duplicate().predict(seen, ask.iloc[::-1], CTX)
    pd.testing.assert_frame_equal(found, seen.duplicates.iloc[::-1])
    with pytest.raises(NotApplicable, match="no cells"):
        Duplicate().predict(replace(seen, duplicates=None), ask, CTX)
    assert (Duplicate.card.control, Duplicate.card.holds) == ("positive", ("target",))
