"""GEARS: its graphs are those of its authors' definition, and its network learns from cells, where it is installed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import NotApplicable
from scarena.models.base import Context
from scarena.models.perturbations.gears import Gears
from scarena.models.perturbations.gears_lesson import cells_of
from scarena.models.perturbations.go_graph import closest, coexpression_graph, jaccard_graph
from scarena.models.responses import Seen
from scarena.testing.cells import asked_responses

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def asked() -> tuple[Seen, pd.DataFrame]:
    """Sixteen responses to learn from, with cells, and four to ask about."""
    return asked_responses()


def gears(seen: Seen, unknown: str = "") -> Gears:
    """Return the model with made-up terms in place of annotations: five of thirty for each gene but one."""
    rng, model = np.random.default_rng(3), Gears()
    terms = {gene: frozenset(rng.choice(30, 5, replace=False).tolist()) for gene in sorted(seen.genes.index)}
    vars(model)["_kept"] = {gene: each for gene, each in terms.items() if gene != unknown}
    return model


def test_an_edge_of_the_graph_is_the_share_of_terms_that_two_genes_have_in_common() -> None:
    terms = {"a": frozenset({1, 2, 3}), "b": frozenset({2, 3, 4}), "c": frozenset({9})}
    edges, weights = jaccard_graph(["a", "b", "c"], terms)
    found = dict(zip(map(tuple, edges.T.tolist()), weights.tolist(), strict=True))
    assert found == {(0, 0): 1.0, (1, 1): 1.0, (2, 2): 1.0, (0, 1): 0.5, (1, 0): 0.5}


def test_a_gene_has_itself_and_twenty_neighbours_at_most() -> None:
    likeness = np.random.default_rng(0).uniform(0.5, 0.9, (40, 40))
    np.fill_diagonal(likeness, 1)
    edges, weights = closest(likeness, 0.1)
    assert np.bincount(edges[1]).tolist() == [21] * 40
    np.testing.assert_allclose(weights, likeness[edges[1], edges[0]].astype(np.float32))


def test_coexpression_is_an_absolute_correlation_and_a_gene_without_spread_has_no_edge() -> None:
    values = np.random.default_rng(0).normal(size=(50, 3))
    values = np.column_stack([values[:, 0], -values[:, 0], np.zeros(50)])
    edges, weights = coexpression_graph(values)
    assert sorted(map(tuple, edges.T.tolist())) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    np.testing.assert_allclose(weights, 1, rtol=1e-6)


def test_without_cells_or_with_contexts_held_out_it_is_not_applicable(asked: tuple[Seen, pd.DataFrame]) -> None:
    seen, ask = asked
    for other, why in (
        (replace(seen, training_cells=None), "no cells"),
        (replace(seen, setting="context"), "contexts"),
    ):
        with pytest.raises(NotApplicable, match=why):
            gears(seen).predict(other, ask, Context())


def test_a_perturbed_cell_is_paired_with_a_control_of_its_own_context(asked: tuple[Seen, pd.DataFrame]) -> None:
    seen, _ = asked
    cells = cells_of(seen, set(seen.genes.index))
    assert len(cells.perturbations) == 16 and (cells.perturbation < 0).sum() == 16
    context = np.arange(len(cells.context)) % 2
    rows = np.arange(len(context))
    found = replace(cells, context=context).control_for(rows, np.random.default_rng(0))
    treated = cells.perturbation >= 0
    assert (cells.perturbation[found] < 0).all() and (context[found] == context).all()
    assert (found[~treated] == rows[~treated]).all()


def test_cells_of_a_gene_without_annotations_are_not_learned_from(asked: tuple[Seen, pd.DataFrame]) -> None:
    seen, _ = asked
    gone = seen.items["targets"].iloc[0]
    assert (gone,) not in cells_of(seen, set(seen.genes.index) - {gone}).perturbations


def test_it_predicts_the_same_twice_in_any_order_and_no_row_of_an_unknown_gene(
    asked: tuple[Seen, pd.DataFrame],
) -> None:
    pytest.importorskip("gears", reason="response-gears runs in an environment of its own")
    seen, ask = asked
    unknown = ask["targets"].iloc[1]
    first = gears(seen, unknown).predict(seen, ask, Context())
    assert list(first.index) == [name for name in ask.index if ask["targets"][name] != unknown]
    assert list(first.columns) == list(seen.measured) and np.isfinite(first.to_numpy()).all()
    again = gears(seen, unknown).predict(seen, ask, Context())
    assert first.to_numpy().tobytes() == again.to_numpy().tobytes()
    turned = replace(seen, controls=seen.controls.iloc[:, ::-1], items=seen.items.iloc[::-1])
    other = gears(seen, unknown).predict(turned, ask, Context())
    np.testing.assert_allclose(other[first.columns], first, atol=1e-5)


def test_it_learns_what_all_perturbations_have_in_common(asked: tuple[Seen, pd.DataFrame]) -> None:
    pytest.importorskip("gears", reason="response-gears runs in an environment of its own")
    seen, ask = asked
    assert seen.training_cells is not None
    cells = seen.training_cells()
    obs = pd.concat([cells.obs] * 12).set_axis([f"cell{i:04d}" for i in range(12 * cells.n_obs)])
    values = np.tile(cells.X.toarray(), (12, 1))
    values[(obs["profile"] != "").to_numpy(), :10] += 2
    shifted = AnnData(csr_matrix(values), obs=obs, var=cells.var)
    found = gears(seen).predict(replace(seen, training_cells=lambda: shifted), ask, Context())
    change = (found - seen.controls.iloc[0]).mean()
    assert change.iloc[:10].mean() > 3 * abs(change.iloc[10:].mean())


def test_no_prediction_lies_below_nothing(asked: tuple[Seen, pd.DataFrame], monkeypatch: pytest.MonkeyPatch) -> None:
    seen, ask = asked
    added = np.linspace(-9, 9, len(ask) * len(seen.measured)).reshape(len(ask), -1)
    monkeypatch.setattr(Gears, "_trained", lambda *_: added)
    found = gears(seen).predict(seen, ask, Context())
    expected = seen.controls.loc[ask["context"], seen.measured.sort_values()].to_numpy() + added
    order = [list(seen.measured.sort_values()).index(gene) for gene in seen.measured]
    np.testing.assert_allclose(found, np.maximum(expected, 0)[:, order])
    assert (found.to_numpy() == 0).any() and (found.to_numpy() > 0).any()
