"""A knock-out is what one gets by hand: counts set to zero, the cell embedded again, the angle between."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from scarena.base.errors import ConfigError, DataError
from scarena.models.foundation.embed import embed
from scarena.models.foundation.knockout import knockout, multiplied
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.tokenize import over_vocabulary

SIZES = {"gene_width": 8, "width": 32, "layers": 1, "feed_forward": 32, "embedding": 8, "length": 300}


def model_of(kind):
    return initialised(FoundationConfig(kind=kind, n_genes=300, n_groups=1, **SIZES), 0).eval()


@pytest.fixture
def data(make_cells):
    return make_cells(n_cells=30)


@pytest.fixture
def genes(data):
    return sorted(data.var_names)[::-1][100:]


def edited(data, change):
    """Return a copy whose dense counts were changed in place."""
    counts = data.X.toarray().astype(np.float32)
    change(counts)
    copied = data.copy()
    copied.X = csr_matrix(counts)
    return copied


def times(column, factor):
    def change(counts):
        counts[:, column] *= factor

    return change


def cosine(a, b):
    a, b = a.astype(float), b.astype(float)
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


@pytest.mark.parametrize("kind", ["bag", "transformer"])
@pytest.mark.parametrize("factor", [0.0, 5.0])
def test_a_shift_is_that_of_the_cell_changed_by_hand(kind, factor, data, genes):
    model, targets = model_of(kind), genes[5:8]
    found = knockout(model, data, genes, targets, factor=factor)
    before = embed(model, data, genes)
    for gene in targets:
        express = np.flatnonzero(data[:, gene].X.toarray().ravel() > 0)
        assert 0 < len(express) < data.n_obs
        for cell in (express[0], express[-1]):
            changed = edited(data[cell], times(data.var_names.get_loc(gene), factor))
            shift = 1 - cosine(embed(model, changed, genes)[0], before[cell])
            assert found.shifts[gene].iloc[cell] == pytest.approx(shift, abs=1e-6)
            assert shift > 1e-6
        assert np.array_equal(np.flatnonzero(found.shifts[gene].notna()), express)
        assert found.genes.loc[gene, "cells"] == len(express)
        assert found.genes.loc[gene, "shift"] == pytest.approx(found.shifts[gene].mean())
    assert found.genes["shift"].is_monotonic_decreasing
    assert list(found.shifts.index) == list(data.obs_names)
    assert sorted(found.genes.index) == sorted(targets)


def test_towards_is_how_much_nearer_cells_outside_a_group_come_to_its_mean(data, genes):
    model, gene = model_of("bag"), genes[5]
    group = (data.obs["cell_type"] == "type1").to_numpy()
    found = knockout(model, data, genes, [gene], toward=group)
    before, changed = embed(model, data, genes), edited(data, times(data.var_names.get_loc(gene), 0))
    after, centre = embed(model, changed, genes), before[group].mean(axis=0, dtype=float)[None]
    outside = (data[:, gene].X.toarray().ravel() > 0) & ~group
    expected = (cosine(after, centre) - cosine(before, centre))[outside].mean()
    assert found.genes.loc[gene, "towards"] == pytest.approx(expected, abs=1e-7)
    assert found.genes.loc[gene, "outside"] == outside.sum()
    assert abs(expected) > 1e-5


def test_counts_of_a_gene_and_depths_change_and_nothing_else(data, genes):
    cells, place = over_vocabulary(data, genes), 7
    for factor in (0.0, 2.5):
        changed = multiplied(cells, place, factor)
        dense = np.zeros((2, len(cells), 300))
        for made, held in zip(dense, (cells, changed), strict=True):
            made[np.repeat(np.arange(len(held)), np.diff(held.starts_B1)), held.genes_N] = held.counts_N
        rest = np.arange(300) != place
        assert np.array_equal(dense[0][:, rest], dense[1][:, rest])
        np.testing.assert_allclose(dense[1][:, place], factor * dense[0][:, place])
        np.testing.assert_allclose(changed.depth_B, cells.depth_B + (factor - 1) * dense[0][:, place], rtol=1e-6)
        assert (changed.counts_N > 0).all()


def test_a_gene_that_no_cell_expresses_has_no_shift(data, genes):
    data = edited(data, times(data.var_names.get_loc(genes[3]), 0))
    found = knockout(model_of("bag"), data, genes, [genes[3], genes[4]])
    assert np.isnan(found.genes.loc[genes[3], "shift"])
    assert found.genes.loc[genes[3], "cells"] == 0
    assert found.genes.index[0] == genes[4], "what is missing comes last"


def test_a_cell_that_loses_its_only_gene_is_no_error(data, genes):
    only = next(gene for gene in genes if data[0, gene].X.sum() > 0)
    data = edited(data[:1], times([gene != only for gene in data.var_names], 0))
    found = knockout(model_of("bag"), data, genes, [only]).genes.loc[only]
    assert found["cells"] == 1
    assert found["shift"] > 0


def test_some_of_the_cells_are_drawn_by_the_seed_and_have_the_shifts_they_have_among_all(data, genes):
    model, gene = model_of("bag"), genes[5]
    whole = knockout(model, data, genes, [gene]).shifts[gene]
    first, again, other = (knockout(model, data, genes, [gene], n_cells=5, seed=s) for s in (1, 1, 2))
    drawn = first.shifts[gene].dropna()
    assert (len(drawn), first.genes.loc[gene, "cells"]) == (5, 5)
    np.testing.assert_allclose(drawn, whole[drawn.index], atol=1e-7)
    assert first.shifts.equals(again.shifts)
    assert not first.shifts.equals(other.shifts)


@pytest.mark.parametrize("factor", [1.0, -1.0, np.nan, np.inf])
def test_factors_that_change_nothing_or_make_no_counts_are_refused(factor, data, genes):
    with pytest.raises(ConfigError, match="a factor of"):
        knockout(model_of("bag"), data, genes, genes[:1], factor=factor)


def test_genes_and_groups_that_there_are_not_are_refused(data, genes):
    outside = next(gene for gene in data.var_names if gene not in genes)
    with pytest.raises(DataError, match=f"not measured, or not known to the model: {outside}, x"):
        knockout(model_of("bag"), data, genes, [genes[0], outside, "x"])
    with pytest.raises(DataError, match="no cell is in the target group"):
        knockout(model_of("bag"), data, genes, genes[:1], toward=np.zeros(30, bool))
    with pytest.raises(ConfigError, match="no gene to change"):
        knockout(model_of("bag"), data, genes, [])
