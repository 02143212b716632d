"""What models of responses are made of: effects by name, axes as NumPy's, folds that hold together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import NotApplicable
from scarena.models.perturbations.axes import axes_of, reduced, scores
from scarena.models.perturbations.inner import held_together, inner_folds, least_error
from scarena.models.perturbations.lessons import answered, generator, lessons
from scarena.models.perturbations.vectors import MOST_AXES, narrow, of_perturbations


def test_an_effect_is_a_profile_less_the_control_of_its_own_context(make_seen):
    seen, ask = make_seen("gene")
    for lesson in lessons(seen, ask):
        for row, name in enumerate(lesson.items.index):
            own = seen.controls.loc[seen.items.loc[name, "context"]]
            np.testing.assert_allclose(lesson.effects[row], seen.profiles.loc[name] - own, atol=1e-12)


def test_a_question_learns_from_its_own_context_where_that_has_profiles_and_else_from_all(make_seen):
    seen, ask = make_seen("gene")
    told = list(lessons(seen, ask))
    assert [set(lesson.items["context"]) for lesson in told] == [{"x"}, {"y"}]
    assert sorted(name for lesson in told for name in lesson.ask.index) == sorted(ask.index)
    only = replace(seen, profiles=seen.profiles[(seen.items["context"] == "x").to_numpy()])
    assert [set(lesson.items["context"]) for lesson in lessons(only, ask)] == [{"x"}, {"x"}]


def test_an_unseen_context_learns_from_all_others_at_once(make_seen):
    (lesson,) = lessons(*make_seen("context"))
    assert set(lesson.items["context"]) == {"x"} and set(lesson.ask["context"]) == {"y"}


def test_the_mean_counts_a_perturbation_once_however_many_contexts_it_is_in(make_seen):
    seen, ask = make_seen("context")
    both = replace(
        seen, profiles=pd.concat([seen.profiles, seen.duplicates.iloc[:1]]), items=pd.concat([seen.items, ask])
    )
    (lesson,) = lessons(both, ask)
    each = pd.DataFrame(lesson.effects).groupby(lesson.items["perturbation"].to_numpy()).mean()
    np.testing.assert_allclose(lesson.mean, each.mean(), atol=1e-12)
    assert np.abs(lesson.mean - lesson.effects.mean(axis=0)).max() > 1e-4


def test_where_nothing_is_known_of_anything_it_is_said(make_seen):
    seen, ask = make_seen("gene")
    with pytest.raises(NotApplicable, match="nothing is known"):
        answered(seen, ask, lambda lesson: {})


@pytest.mark.parametrize("shape", [(9, 30), (30, 9), (12, 12)])
def test_axes_are_numpys(shape):
    rows = np.random.default_rng(0).normal(size=shape)
    left, lengths, right = axes_of(rows, 5)
    expected = np.linalg.svd(rows)
    np.testing.assert_allclose(lengths, expected[1][:5], atol=1e-9)
    np.testing.assert_allclose(np.abs(left), np.abs(expected[0][:, :5]), atol=1e-7)
    np.testing.assert_allclose(np.abs(right), np.abs(expected[2][:5].T), atol=1e-7)
    whole = axes_of(rows, min(shape))
    np.testing.assert_allclose(whole[0] * whole[1] @ whole[2].T, rows, atol=1e-9)


def test_axes_stop_at_the_rank_and_there_are_none_of_nothing():
    rows = np.outer(np.arange(1.0, 7), np.arange(1.0, 5))
    assert axes_of(rows, 4)[1].shape == (1,)
    assert [each.shape for each in axes_of(np.zeros((0, 4)), 3)] == [(0, 0), (0,), (4, 0)]
    assert axes_of(np.zeros((3, 4)), 3)[1].shape == (0,)


def test_scores_are_scikit_learns():
    from sklearn.decomposition import PCA

    rows = np.random.default_rng(0).normal(size=(40, 12))
    np.testing.assert_allclose(np.abs(scores(rows, 4)), np.abs(PCA(4).fit_transform(rows)), atol=1e-8)


def test_narrow_vectors_keep_their_distances_and_do_not_depend_on_the_order_of_genes():
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 300)), index=[f"g{i:02d}" for i in range(20)])
    found = narrow(rows.sample(frac=1, random_state=1))
    assert found.shape[1] <= MOST_AXES
    gaps = [np.linalg.norm(each[:, None] - each, axis=2) for each in (rows.to_numpy(), found.to_numpy())]
    np.testing.assert_allclose(*gaps, atol=1e-8)
    np.testing.assert_array_equal(found, narrow(rows))
    assert reduced(rows.to_numpy()[:, :5], 8).shape == (20, 5)


def test_a_perturbation_has_a_vector_where_all_its_genes_have_one():
    table = pd.DataFrame([[1.0, 2], [3, 5]], index=["a", "b"])
    items = pd.DataFrame({"targets": ["b", "a+b", "", "a+c", "c"]})
    for summed, expected in ((True, [[3, 5], [4, 7]]), (False, [[3, 5], [2, 3.5]])):
        rows, found = of_perturbations(table, items, summed=summed)
        assert rows.tolist() == [0, 1] and found.tolist() == expected


def test_inner_folds_hold_groups_together_and_do_not_depend_on_the_order_of_rows():
    groups = np.array([f"g{i % 13}" for i in range(40)])
    order = np.random.default_rng(0).permutation(40)
    first, again = list(inner_folds(groups, 3)), list(inner_folds(groups[order], 3))
    assert len(first) == 5 and sorted(np.concatenate([held for _, held in first])) == list(range(40))
    for (learn, held), (_, moved) in zip(first, again, strict=True):
        assert not set(groups[learn]) & set(groups[held])
        assert set(groups[held]) == set(groups[order][moved])
    assert list(inner_folds(["one"] * 4, 0)) == list(inner_folds([], 0)) == []


def test_inner_folds_hold_out_what_the_question_holds_out(make_seen):
    (lesson,) = lessons(*make_seen("context"))
    assert set(held_together(lesson)) == set(lesson.items["perturbation"])
    both = replace(lesson, items=lesson.items.assign(context=["x", "z"] * (len(lesson.items) // 2)))
    assert set(held_together(both)) == {"x", "z"}


def test_the_setting_of_least_error_is_chosen_and_the_most_cautious_of_equals():
    errors = {0: [3.0, 1, 2], 1: [0, 1, 2]}
    calls = iter(range(2))
    assert least_error(["a", "b"], 0, lambda learn, held: np.array(errors[next(calls)])) == 1
    assert least_error(["a", "b"], 0, lambda learn, held: np.ones(3)) == 0
    assert least_error(["a", "a"], 0, lambda learn, held: np.array([2.0, 1])) == 0


def test_a_generator_is_of_its_words_alone():
    one, same, other = (generator("m", 0, word).normal() for word in ("p", "p", "q"))
    assert one == same != other
