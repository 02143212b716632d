"""The overlap of highly variable genes is that of scanpy's lists."""

import anndata
import numpy as np
import pytest
import scanpy as sc
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.metrics.hvg_overlap import hvg_overlap
from scarena.metrics.measured import Undefined
from scarena.metrics.resampling import Resampling


def expression(n, seed, n_genes=400, noise=0.5, genes_seed=0):
    """Log expression before and after a correction that adds noise, two batches."""
    genes = np.random.default_rng(genes_seed)
    mean, spread = genes.lognormal(sigma=0.8, size=n_genes), genes.lognormal(sigma=0.7, size=n_genes)
    rng = np.random.default_rng(seed)
    before = np.log1p(rng.poisson(mean * rng.gamma(1 / spread, spread, size=(n, n_genes)))).astype(np.float32)
    after = before + noise * genes.random(n_genes) * rng.normal(size=before.shape)
    return before, after.astype(np.float32), np.arange(n) % 2


def by_scanpy(before, after, batch, n_top):
    """As scIB: genes expressed in the batch, half of them at most."""
    found = []
    for code in np.unique(batch):
        chosen, wanted = [], n_top
        for x in (before[batch == code], after[batch == code]):
            data = anndata.AnnData(x.copy())
            sc.pp.filter_genes(data, min_cells=1)
            wanted = min(wanted, data.n_vars // 2) if not chosen else wanted
            sc.pp.highly_variable_genes(data, flavor="cell_ranger", n_top_genes=wanted)
            chosen.append(set(data.var_names[data.var["highly_variable"]]))
        found.append(len(chosen[0] & chosen[1]) / min(map(len, chosen)))
    return np.mean(found)


@pytest.mark.parametrize("n_top", [50, 150, 500])
def test_agrees_with_scanpy(n_top):
    before, after, batch = expression(120, 0)
    before[batch == 1, :7] = 0  # not expressed in one batch
    expected = by_scanpy(before, after, batch, n_top)
    assert 0.3 < expected < 1
    assert hvg_overlap(before, after, batch, n_top=n_top).value == pytest.approx(expected, abs=1e-12)


def test_sparse_and_dense_agree_and_order_does_not_matter():
    before, after, batch = expression(120, 0)
    first = hvg_overlap(before, after, batch).value
    rng = np.random.default_rng(0)
    cells, genes = rng.permutation(120), rng.permutation(400)
    assert hvg_overlap(csr_matrix(before), csr_matrix(after), batch).value == first
    assert hvg_overlap(before[cells][:, genes], after[cells][:, genes], 1 - batch[cells]).value == first


def test_unchanged_expression_keeps_all_and_noise_alone_keeps_what_chance_does():
    before, _, batch = expression(120, 0)
    assert hvg_overlap(before, before, batch).value == 1.0
    noise = np.random.default_rng(0).normal(5, 1, before.shape)
    assert hvg_overlap(before, noise, batch, n_top=100).value == pytest.approx(0.25, abs=0.1)


def test_one_batch_and_duplicated_cells_are_scored():
    before, after, _ = expression(60, 0)
    one = hvg_overlap(before, after, np.zeros(60, int)).value
    twice = hvg_overlap(np.repeat(before, 2, axis=0), np.repeat(after, 2, axis=0), np.zeros(120, int)).value
    assert twice == one


def test_batches_without_cells_enough_are_left_out():
    before, after, batch = expression(60, 0)
    small = np.where(np.arange(60) < 2, 2, batch)
    assert hvg_overlap(before, after, small).note == "1 of 3 batches left out"
    with pytest.raises(Undefined, match="no batch"):
        hvg_overlap(before, after, np.arange(60))
    with pytest.raises(Undefined, match="no batch"):
        hvg_overlap(np.zeros((60, 5)), np.zeros((60, 5)), batch)


def test_an_embedding_is_not_expression_and_shapes_must_agree():
    before, after, batch = expression(20, 0)
    with pytest.raises(Undefined, match="embedding, not expression"):
        hvg_overlap(before, None, batch)
    with pytest.raises(DataError, match="hvg_overlap"):
        hvg_overlap(before, after[:, 1:], batch)
    with pytest.raises(DataError, match="hvg_overlap"):
        hvg_overlap(before, after, batch[1:])


def test_a_replicate_is_the_overlap_of_the_cells_drawn():
    before, after, batch = expression(100, 0)
    drawn = Resampling.stratified(batch, n_replicates=4)
    found = hvg_overlap(csr_matrix(before), csr_matrix(after), batch, n_top=80, resampling=drawn)
    for value, counts in zip(found.replicates, drawn.counts, strict=True):
        again = np.repeat(np.arange(100), counts)
        # A gene that no drawn cell expresses is ranked last rather than left out: one more or less of the bins.
        expected = hvg_overlap(before[again], after[again], batch[again], n_top=80).value
        assert value == pytest.approx(expected, abs=0.03)


def test_replicates_spread_as_fresh_samples_do():
    fresh = np.std([hvg_overlap(*expression(150, seed), n_top=80).value for seed in range(60)])
    before, after, batch = expression(150, 1000)
    drawn = Resampling.stratified(batch)
    ratio = hvg_overlap(before, after, batch, n_top=80, resampling=drawn).replicates.std() / fresh
    assert 1 / 1.5 < ratio < 1.5, ratio
