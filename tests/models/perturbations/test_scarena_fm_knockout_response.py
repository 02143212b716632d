"""In-silico knock-out as a response: a direction of the transformer's, about the mean effect, on a fitted scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import NotApplicable
from scarena.models.base import Context
from scarena.models.foundation.checkpoint import SHIPPED, read_genes
from scarena.models.perturbations import scarena_fm_knockout_response as module
from scarena.models.perturbations.lessons import lessons
from scarena.models.perturbations.scarena_fm_knockout_response import KnockoutResponse, fitted_scale

CTX = Context()
GENES = [f"ENSG{i:011d}" for i in range(60)]


@pytest.fixture
def shifts(monkeypatch):
    """Made-up changes of log shares in place of the transformer's; of three genes nothing is known."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(0, 1, (20, 60)), index=GENES[:20], columns=GENES)
    table[GENES[5]] = np.nan
    monkeypatch.setattr(
        KnockoutResponse, "_shifts", lambda self, seen, genes, ctx: table.loc[table.index.intersection(genes)]
    )
    return table


def with_cells(seen):
    return replace(seen, cells=AnnData(np.ones((3, 2), np.float32)))


def test_the_scale_is_that_of_least_squares():
    rng = np.random.default_rng(1)
    shift = rng.normal(size=(8, 30))
    effects = -0.3 * shift + rng.normal(0, 0.1, shift.shape)
    assert fitted_scale(shift, effects) == pytest.approx(np.linalg.lstsq(shift.reshape(-1, 1), effects.ravel())[0][0])
    assert fitted_scale(np.zeros((2, 3)), np.ones((2, 3))) == 0


def test_effects_are_the_mean_one_and_the_scaled_shift_less_the_mean_shift(make_seen, shifts):
    seen, ask = make_seen("gene")
    found = KnockoutResponse().predict(with_cells(seen), ask, CTX)
    lesson = next(iter(lessons(seen, ask)))
    control = lesson.controls.loc["x"].to_numpy()
    share = np.expm1(control) / (1 + np.expm1(control))
    rows = [row for row, gene in enumerate(lesson.items["targets"]) if gene in shifts.index]
    told = shifts.loc[lesson.items["targets"].iloc[rows]].to_numpy() * share
    y = lesson.effects[rows]
    known = [place for place in range(60) if place != 5]
    x, z = (each - each.mean(axis=0) for each in (told, y))
    scale = (x[:, known] * z[:, known]).sum() / (x[:, known] ** 2).sum()
    names = [name for name in lesson.ask.index if ask.loc[name, "targets"] in shifts.index]
    assert names
    for name in names:
        asked = shifts.loc[ask.loc[name, "targets"]].to_numpy() * share
        expected = control + y.mean(axis=0) + scale * (asked - told.mean(axis=0))
        np.testing.assert_allclose(found.loc[name], expected, atol=1e-9)


def test_a_gene_without_a_shift_has_no_row_and_one_that_the_model_does_not_know_no_value(make_seen, shifts):
    seen, ask = make_seen("gene")
    found = KnockoutResponse().predict(with_cells(seen), ask, CTX)
    assert set(found.index) == set(ask.index[ask["targets"].isin(shifts.index)])
    assert found[GENES[5]].isna().all() and found.drop(columns=GENES[5]).notna().all().all()


def test_with_nothing_to_fit_a_scale_on_the_shift_is_taken_as_it_is(make_seen, shifts):
    seen, ask = make_seen("gene")
    nothing = replace(with_cells(seen), profiles=seen.profiles[:0], items=seen.items[:0])
    found = KnockoutResponse().predict(nothing, ask, CTX)
    name = found.index[0]
    control = seen.controls.loc[ask.loc[name, "context"]]
    expected = control + shifts.loc[ask.loc[name, "targets"]] * (1 - np.exp(-control))
    pd.testing.assert_series_equal(found.loc[name], expected, check_names=False)


def test_without_cells_or_genes_it_has_no_answer(make_seen, shifts):
    seen, ask = make_seen("gene")
    with pytest.raises(NotApplicable, match="no control cells"):
        KnockoutResponse().predict(seen, ask, CTX)
    with pytest.raises(NotApplicable, match="no perturbed gene"):
        KnockoutResponse().predict(with_cells(seen), ask.assign(targets=""), CTX)


def test_shifts_are_the_transformers_on_cells_of_the_control_and_are_computed_once(monkeypatch, one_thread):
    known = list(read_genes(SHIPPED))[:40]
    rng = np.random.default_rng(0)
    cells = AnnData(csr_matrix(rng.poisson(2.0, (40, 41)).astype(np.int32)))
    cells.var_names = [*known, "ENSG_NOT_KNOWN"]
    cells.obs["context"] = "x"
    names = [f"loss of {gene}" for gene in known[:4]]
    items = pd.DataFrame({"perturbation": names, "context": "x", "targets": known[:4]}, index=names)
    values = rng.gamma(2, 0.5, (4, 41))
    controls = pd.DataFrame(values[:1] + 0.1, index=["x"], columns=cells.var_names)
    profiles = pd.DataFrame(values, index=names, columns=cells.var_names)
    from scarena.models.responses import Seen

    seen = Seen("gene", profiles[:3], items[:3], controls, pd.DataFrame(index=cells.var_names), cells)
    from scarena.models.foundation import regulator_scores

    real, calls = regulator_scores.knockout_scores, []
    monkeypatch.setattr(
        regulator_scores, "knockout_scores", lambda *told, **more: calls.append(told[3]) or real(*told, **more)
    )
    model = KnockoutResponse()
    one, same = (model.predict(seen, items[3:], CTX) for _ in range(2))
    pd.testing.assert_frame_equal(one, same)
    assert calls == [sorted(known[:4])]
    assert one["ENSG_NOT_KNOWN"].isna().all() and one[known].notna().all().all()
    assert module.N_CELLS >= 40
