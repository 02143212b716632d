"""The bilinear form against its formula and a Kronecker product; G and P as published; what controls change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import NotApplicable
from scarena.models.base import Context
from scarena.models.perturbations.bilinear import Bilinear
from scarena.models.perturbations.bilinear_form import N_AXES, PENALTY, bilinear, own_scores
from scarena.models.perturbations.bilinear_random_g import BilinearRandomG
from scarena.models.perturbations.bilinear_random_p import BilinearRandomP
from scarena.models.perturbations.lessons import lessons

CTX = Context()


def test_the_form_is_the_published_formula_to_the_letter():
    rng = np.random.default_rng(0)
    g, p, y, asked = (rng.normal(size=shape) for shape in ((30, 4), (9, 3), (9, 30), (5, 3)))
    b = y.mean(axis=0)
    inverse = [np.linalg.inv(each.T @ each + 0.1 * np.eye(each.shape[1])) for each in (g, p)]
    w = inverse[0] @ g.T @ (y - b).T @ p @ inverse[1]
    expected = np.array([g @ w @ each + b for each in asked])
    np.testing.assert_allclose(bilinear(g, p, y, asked), expected, atol=1e-12)


def test_without_a_penalty_it_is_least_squares_on_the_kronecker_product():
    rng = np.random.default_rng(1)
    g, p, y = rng.normal(size=(12, 3)), rng.normal(size=(8, 2)), rng.normal(size=(8, 12))
    centred = y - y.mean(axis=0)
    w = np.linalg.lstsq(np.kron(p, g), centred.ravel(), rcond=None)[0].reshape(2, 3)
    np.testing.assert_allclose(bilinear(g, p, y, p, penalty=0.0), p @ w @ g.T + y.mean(axis=0), atol=1e-9)


def literally(seen, ask, context):
    """Return what response-bilinear predicts in one context, written again over genes × conditions."""
    mine = seen.items[seen.items["context"] == context]
    control = seen.controls.loc[context].to_numpy()
    x = np.column_stack([seen.profiles.loc[name] for name in mine.index] + [control])
    left, lengths, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    g = pd.DataFrame((left * lengths)[:, :N_AXES], index=seen.measured)
    names = [name for name in mine.index if mine.loc[name, "targets"] in g.index]
    y = np.column_stack([seen.profiles.loc[name] - control for name in names] + [np.zeros(len(g))])
    p = np.column_stack([g.loc[mine.loc[name, "targets"]] for name in names] + [np.zeros(N_AXES)])
    b, eye = y.mean(axis=1, keepdims=True), PENALTY * np.eye(N_AXES)
    left, right = np.linalg.inv(g.to_numpy().T @ g.to_numpy() + eye), np.linalg.inv(p @ p.T + eye)
    w = left @ g.to_numpy().T @ (y - b) @ p.T @ right
    return {
        name: g.to_numpy() @ w @ g.loc[told].to_numpy() + b[:, 0] + control
        for name, told in ask.loc[ask["context"] == context, "targets"].items() if told in g.index
    }  # fmt: skip


def test_it_is_the_published_model_on_genes_by_conditions_with_the_control_as_a_column_of_zeros(make_seen):
    seen, ask = make_seen("gene")
    found = Bilinear().predict(seen, ask, CTX)
    expected = literally(seen, ask, "x") | literally(seen, ask, "y")
    assert set(found.index) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found.loc[name], values, atol=1e-6)


def test_a_gene_that_is_not_measured_has_no_row_and_is_not_learned_from(make_seen):
    seen, ask = make_seen("gene")
    found = Bilinear().predict(seen, ask, CTX)
    unmeasured = ~ask["targets"].isin(seen.measured)
    assert unmeasured.any() and set(found.index) == set(ask.index[~unmeasured])


def test_a_pair_is_the_sum_of_its_genes(make_seen):
    seen, ask = make_seen("pair")
    lesson = next(iter(lessons(seen, ask)))
    own = own_scores(lesson)
    rows, found = Bilinear().perturbations(lesson, lesson.ask, own, seen, CTX)
    expected = [own.loc[told.split("+")].sum() for told in lesson.ask["targets"]]
    assert len(rows) == len(lesson.ask)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_random_genes_leave_perturbations_and_random_perturbations_leave_genes_as_they_are(make_seen):
    seen, ask = make_seen("gene")
    lesson = next(iter(lessons(seen, ask)))
    own = own_scores(lesson)
    real, genes, perturbed = Bilinear(), BilinearRandomG(), BilinearRandomP()
    assert genes.genes(lesson, own, CTX).shape == (60, N_AXES)
    np.testing.assert_array_equal(perturbed.genes(lesson, own, CTX), real.genes(lesson, own, CTX))
    told = [each.perturbations(lesson, lesson.ask, own, seen, CTX)[1] for each in (real, genes)]
    np.testing.assert_array_equal(*told)
    rows, _ = perturbed.perturbations(lesson, lesson.ask, own, seen, CTX)
    assert len(rows) == len(lesson.ask)


def test_a_compound_has_no_gene_to_be_known_by_but_may_be_known_by_noise(make_seen):
    seen, ask = make_seen("context")
    drugs, asked = replace(seen, items=seen.items.assign(targets="")), ask.assign(targets="")
    with pytest.raises(NotApplicable, match="no perturbed gene"):
        Bilinear().predict(drugs, asked, CTX)
    assert len(BilinearRandomP().predict(drugs, asked, CTX)) == len(asked)
