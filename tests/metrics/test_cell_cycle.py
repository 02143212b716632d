"""Cell-cycle conservation is the change of a regression's explained variance; phase scores are those of scanpy."""

import anndata
import numpy as np
import pytest
import scanpy as sc
from scipy.sparse import csr_matrix, random_array
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from scarena.base.errors import DataError
from scarena.base.phases import G2M_GENES, S_GENES
from scarena.metrics.cell_cycle import cell_cycle, phase_scores
from scarena.metrics.measured import Undefined
from scarena.metrics.resampling import Resampling


def cycling(n, seed, kept=0.6):
    """A cycle in two of six dimensions, less of it after integration, two batches."""
    rng = np.random.default_rng(seed)
    scores, batch = rng.normal(size=(n, 2)), rng.integers(0, 2, n)
    pre = np.hstack([scores + rng.normal(size=(n, 2)), rng.normal(size=(n, 4))]) + batch[:, None]
    after = np.hstack([kept * scores + rng.normal(size=(n, 2)), rng.normal(size=(n, 4))])
    return pre, after, scores, batch


def by_components(x, scores):
    """Σ var·R² / Σ var over principal components, as scIB does it."""
    components = PCA().fit_transform(x)
    fits = [LinearRegression().fit(scores, c).score(scores, c) for c in components.T]
    return (components.var(axis=0) * fits).sum() / components.var(axis=0).sum()


def test_agrees_with_regressions_on_principal_components():
    pre, after, scores, batch = cycling(200, 0)
    expected = []
    for b in (0, 1):
        first, then = (by_components(x[batch == b], scores[batch == b]) for x in (pre, after))
        expected.append(1 - abs(then - first) / first)
    assert cell_cycle(pre, after, scores, batch).value == pytest.approx(np.mean(expected), abs=1e-10)


def test_what_is_unchanged_turned_scaled_or_shifted_is_conserved():
    pre, after, scores, batch = cycling(200, 0)
    rng = np.random.default_rng(0)
    rotation, order = np.linalg.qr(rng.normal(size=(6, 6)))[0], rng.permutation(200)
    assert cell_cycle(pre, 9 * pre @ rotation + 100, scores, batch).value == pytest.approx(1.0)
    first = cell_cycle(pre, after, scores, batch).value
    found = cell_cycle(pre[order], 3 * after[order] @ rotation, 2 - 5 * scores[order, ::-1], 1 - batch[order])
    assert found.value == pytest.approx(first)
    assert 0.2 < first < 0.9


def test_a_cycle_lost_or_more_than_doubled_scores_zero():
    pre, _, scores, batch = cycling(200, 0)
    assert cell_cycle(pre, np.ones((200, 3)), scores, batch).value == 0.0
    assert cell_cycle(pre, np.full((200, 3), 1e6 / 3), scores, batch).value == 0.0
    assert cell_cycle(pre, scores, scores, batch).value == 0.0
    assert cell_cycle(pre, np.random.default_rng(0).normal(size=(200, 3)), scores, batch).value < 0.2


def test_scores_that_say_the_same_are_one_covariate():
    pre, after, scores, batch = cycling(200, 0)
    twice = np.repeat(scores[:, :1], 2, axis=1)
    expected = cell_cycle(pre, after, np.column_stack([scores[:, 0], np.zeros(200)]), batch).value
    assert cell_cycle(pre, after, twice, batch).value == pytest.approx(expected)


def test_batches_of_few_cells_are_left_out_and_said_to_be():
    pre, after, scores, batch = cycling(200, 0)
    few = np.where(np.arange(200) < 9, 2, batch)
    rest = few < 2
    found = cell_cycle(pre, after, scores, few)
    assert found.value == cell_cycle(pre[rest], after[rest], scores[rest], batch[rest]).value
    assert found.note == "1 of 3 batches left out"


def test_no_cycle_is_undefined_and_other_lengths_are_an_error():
    pre, after, scores, batch = cycling(50, 0)
    with pytest.raises(Undefined, match="no batch"):
        cell_cycle(pre, after, np.zeros((50, 2)), batch)
    with pytest.raises(Undefined, match="no batch"):
        cell_cycle(pre, after, scores, np.arange(50))
    with pytest.raises(DataError, match="cell_cycle"):
        cell_cycle(pre, after[1:], scores, batch)


def test_replicates_move_as_refitted_regressions_and_spread_as_fresh_samples_do():
    fresh = np.std([cell_cycle(*cycling(400, seed)).value for seed in range(80)])
    pre, after, scores, batch = cycling(400, 1000)
    drawn = Resampling.stratified(batch)
    measured = cell_cycle(pre, after, scores, batch, resampling=drawn)
    refitted = []
    for counts in drawn.counts[:40]:
        again = np.repeat(np.arange(400), counts)
        refitted.append(cell_cycle(pre[again], after[again], scores[again], batch[again]).value)
    assert np.corrcoef(measured.replicates[:40], refitted)[0, 1] > 0.95
    assert 1 / 1.5 < measured.replicates.std() / fresh < 1.5


def expression(n_genes, seed=0):
    """Log expression whose genes include both lists, at other means."""
    rng = np.random.default_rng(seed)
    names = rng.permutation([*S_GENES, *G2M_GENES, *(f"GENE{i}" for i in range(n_genes - 97))])
    values = random_array((60, n_genes), density=0.3, rng=rng, data_sampler=rng.random).tocsr()
    return csr_matrix(values.multiply(rng.lognormal(size=n_genes))), names


def by_scanpy(x, names, genes):
    data = anndata.AnnData(x.copy())
    data.var_names = names
    sc.tl.score_genes(data, list(genes), ctrl_size=50, n_bins=25)
    return data.obs["score"].to_numpy()


def test_the_lists_are_those_of_tirosh():
    assert (len(S_GENES), len(G2M_GENES), len({*S_GENES, *G2M_GENES})) == (43, 54, 97)


def test_phase_scores_are_those_of_scanpy_where_no_control_is_drawn():
    x, names = expression(1100)  # no bin holds more than 50 genes
    found = phase_scores(x, names)
    assert found[:, 0] == pytest.approx(by_scanpy(x, names, S_GENES), abs=1e-9)
    assert found[:, 1] == pytest.approx(by_scanpy(x, names, G2M_GENES), abs=1e-9)


def test_controls_drawn_at_random_change_little_and_by_the_seed_only():
    x, names = expression(4000)
    found = phase_scores(x, names, seed=1)
    assert (found == phase_scores(x, names, seed=1)).all()
    assert (found != phase_scores(x, names, seed=2)).any()
    assert np.corrcoef(found[:, 0], by_scanpy(x, names, S_GENES))[0, 1] > 0.9


def test_mouse_symbols_new_names_and_repeated_symbols_are_known():
    x, names = expression(1100)
    first = phase_scores(x, names)
    assert phase_scores(x, [name.capitalize() for name in names]) == pytest.approx(first)
    new = {"MLF1IP": "CENPU", "FAM64A": "PIMREG", "HN1": "JPT1"}
    assert phase_scores(x, [new.get(name, name) for name in names]) == pytest.approx(first)
    gene = int(np.flatnonzero(names == "GENE3")[-1])
    repeated = names.astype(object)
    repeated[gene] = "PCNA"
    kept = min(gene, int(np.flatnonzero(names == "PCNA")[0]))
    only = repeated.copy()
    only[max(gene, int(np.flatnonzero(names == "PCNA")[0]))] = "OTHER"
    assert only[kept] == "PCNA"
    assert phase_scores(x, repeated) == pytest.approx(phase_scores(x, only))


def test_too_few_genes_of_a_phase_are_undefined():
    x, names = expression(1100)
    with pytest.raises(Undefined, match="9 genes of G2M"):
        phase_scores(x, np.where(np.isin(names, G2M_GENES[9:]), "none", names))
    with pytest.raises(Undefined, match="0 genes of S"):
        phase_scores(x, [f"g{i}" for i in range(1100)])
