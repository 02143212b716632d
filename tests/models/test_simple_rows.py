"""What a probe is compared with: each simple model holds what its card says, and nothing else."""

import hashlib

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import NotApplicable, NotAvailable
from scarena.base.phases import G2M_GENES, S_GENES
from scarena.models.base import Context
from scarena.models.baselines.copy_number import WINDOW, along, binned, smoothed
from scarena.models.embedding import check_embedding, hand_over
from scarena.models.registry import find_model

NAMES = ("random-1", "batches", "depth", "pca-centred", "proliferation", "copy-number")
PLACES = {f"ENSG{i:011d}": (f"chr{1 + i // 200}", 1000 * i) for i in range(400)}


@pytest.fixture(autouse=True)
def made_up_places(monkeypatch):
    """The made-up genes lie on two chromosomes, in the order of their names."""
    monkeypatch.setattr("scarena.models.baselines.copy_number.gene_positions", lambda *, cache: PLACES)


@pytest.fixture
def cycling(cells):
    """The same cells with twenty genes of either phase by name."""
    symbols = cells.var["symbol"].to_list()
    symbols[:40] = [*S_GENES[:20], *G2M_GENES[:20]]
    cells.var["symbol"] = symbols
    return cells


def embedded(name, cells, seed=0):
    model = find_model(name)
    return check_embedding(model().embed(hand_over(cells, model.card), Context(seed=seed)), cells.n_obs, name)


@pytest.mark.parametrize("name", NAMES)
def test_two_runs_are_equal_and_the_input_is_left_alone(name, cycling):
    before = cycling.copy()
    np.testing.assert_array_equal(embedded(name, cycling), embedded(name, cycling))
    assert (cycling.X != before.X).nnz == 0 and cycling.obs.equals(before.obs)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_cells_and_of_genes_does_not_matter(name, cycling):
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(cycling.n_obs), rng.permutation(cycling.n_vars)
    found, wanted = embedded(name, cycling[rows][:, columns].copy()), embedded(name, cycling)[rows]
    # The last components of noise are nearly as long as each other, and rounding turns them.
    kept = slice(5) if name == "pca-centred" else slice(None)
    np.testing.assert_allclose(found[:, kept], wanted[:, kept], atol=2e-3 * wanted.std())


@pytest.mark.parametrize("name", sorted({*NAMES} - {"batches"}))
def test_one_batch_and_a_cell_without_counts_are_no_error(name, cycling):
    cycling.obs["batch"] = "only"
    cycling.X.data[: cycling.X.indptr[1]] = 0
    cycling.X.eliminate_zeros()
    embedded(name, cycling)


@pytest.mark.parametrize("n_cells", [1, 2, 3, 12])
@pytest.mark.parametrize("name", NAMES)
def test_few_cells_are_vectors_or_one_line_that_says_why_not(name, n_cells, cycling):
    few = cycling[:n_cells].copy()
    try:
        embedded(name, few)
    except NotApplicable as error:
        assert "none needed" in str(error)


@pytest.mark.parametrize("name", ["proliferation", "copy-number"])
def test_genes_that_nobody_knows_are_no_vectors(name, cells):
    cells.var_names = [f"ENSG9{i:010d}" for i in range(cells.n_vars)]
    with pytest.raises(NotApplicable, match=r"genes .*needed"):
        embedded(name, cells)


def test_the_number_of_random_1_belongs_to_the_name_and_the_seed(cells):
    whole = embedded("random-1", cells)
    np.testing.assert_array_equal(embedded("random-1", cells[7:20].copy()), whole[7:20])
    assert not np.array_equal(embedded("random-1", cells, seed=1), whole)


def test_the_numbers_of_random_1_are_normal(make_cells):
    from scipy.stats import kstest

    cells = make_cells(n_cells=2000, n_genes=2)
    assert kstest(embedded("random-1", cells)[:, 0], "norm").pvalue > 0.01


def test_batches_are_one_hot_and_donors_go_before_them(cells):
    found = embedded("batches", cells)
    assert found.shape == (240, 2) and (found.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(found[:, 1], (cells.obs["batch"] == "batch1").astype(float))
    cells.obs["donor"] = [f"donor{i % 5}" for i in range(cells.n_obs)]
    assert embedded("batches", cells).shape == (240, 5)


@pytest.mark.parametrize("donor", ["unknown", "one"])
def test_batches_are_taken_where_no_two_donors_are_known(donor, cells):
    cells.obs["donor"] = "unknown"
    cells.obs.loc[cells.obs_names[:9], "donor"] = donor
    assert embedded("batches", cells).shape == (240, 2)


def test_one_batch_is_nothing_to_leak(cells):
    cells.obs["batch"] = "only"
    with pytest.raises(NotApplicable, match="one batch"):
        embedded("batches", cells)


def test_depth_is_the_standardised_logs_and_blind_to_which_genes_they_are(cells):
    found = embedded("depth", cells)
    counts = cells.X.toarray()
    wanted = np.log1p(np.stack([counts.sum(axis=1), (counts > 0).sum(axis=1)], axis=1))
    np.testing.assert_allclose(found, (wanted - wanted.mean(axis=0)) / wanted.std(axis=0), atol=1e-5)
    rng = np.random.default_rng(0)
    cells.X = csr_matrix(rng.permuted(counts, axis=1))
    np.testing.assert_allclose(embedded("depth", cells), found, atol=1e-6)


def test_equal_depth_tells_nothing_apart(cells):
    cells.X = csr_matrix(np.ones(cells.shape, np.int32))
    with pytest.raises(NotApplicable, match="as many counts"):
        embedded("depth", cells)


def test_proliferation_is_high_where_the_phases_genes_are(cycling):
    counts = cycling.X.toarray()
    counts[:60, 20:40] += 20
    cycling.X = csr_matrix(counts)
    s, g2m = embedded("proliferation", cycling).T
    assert g2m[:60].min() > g2m[60:].max()
    assert s[:60].mean() < s[60:].mean() + 0.1


def test_centring_leaves_no_mean_of_a_batch_and_one_batch_is_pca_but_for_sign(cells):
    found = embedded("pca-centred", cells).astype(float)
    for batch in ("batch0", "batch1"):
        assert np.abs(found[(cells.obs["batch"] == batch).to_numpy()].mean(axis=0)).max() < 1e-3
    cells.obs["batch"] = "only"
    one, pca = (embedded(name, cells).astype(float)[:, :2] for name in ("pca-centred", "pca"))
    np.testing.assert_allclose(np.abs(one), np.abs(pca), atol=1e-3)


def test_batches_of_one_cell_leave_nothing_to_centre(cells):
    cells.obs["batch"] = cells.obs_names
    with pytest.raises(NotApplicable, match="nothing within batches"):
        embedded("pca-centred", cells)


def gained(cells, rate):
    """Cells like others, but for half of them a chromosome's genes times a rate."""
    counts = np.random.default_rng(0).poisson(1.0, cells.shape)
    half = cells.n_obs // 2
    counts[:half, :200] = np.random.default_rng(1).poisson(rate, (half, 200))
    return AnnData(csr_matrix(counts.astype(np.int32)), obs=cells.obs, var=cells.var)


def test_a_gained_chromosome_is_seen_in_its_bins_and_in_its_bins_only(cells):
    found = embedded("copy-number", gained(cells, 2.0))[:, 1:]
    assert found.shape == (240, 8)
    apart = found[:120].mean(axis=0) - found[120:].mean(axis=0)
    # Centred in each cell, so that a gain of one half of the genes is a loss of the other.
    assert (apart[:4] > 0.1).all() and (apart[4:] < -0.1).all()


def test_the_score_is_that_of_the_few_cells_with_a_gain(cells):
    counts = np.random.default_rng(0).poisson(1.0, cells.shape)
    counts[:24, :100] += np.random.default_rng(1).poisson(2.0, (24, 100))
    score = embedded("copy-number", AnnData(csr_matrix(counts.astype(np.int32)), obs=cells.obs, var=cells.var))[:, 0]
    assert score[:24].min() > score[24:].max()


def test_running_means_are_those_of_their_definition_and_cross_no_chromosome():
    rng = np.random.default_rng(0)
    level, chromosomes = rng.normal(size=(3, 300)), np.repeat([0, 1, 2], [180, 20, 100])
    found = smoothed(level, chromosomes)
    for gene in range(300):
        near = (np.abs(np.arange(300) - gene) <= WINDOW // 2) & (chromosomes == chromosomes[gene])
        np.testing.assert_allclose(found[:, gene], level[:, near].mean(axis=1))


def test_bins_share_the_genes_of_a_chromosome_evenly_and_are_means():
    matrix = binned(np.repeat([0, 1, 2], [180, 20, 101]))
    sizes = (matrix > 0).sum(axis=0)
    assert sizes.tolist() == [45, 45, 45, 45, 20, 51, 50]
    np.testing.assert_allclose(matrix.sum(axis=0), 1)


def test_genes_stand_by_chromosome_and_start_without_those_of_sex_chromosomes():
    places = {"a": ("chr2", 5), "b": ("chr1", 9), "c": ("chrX", 1), "d": ("chr1", 2), "e": ("chrM", 1)}
    columns, chromosomes = along(np.array(["a", "b", "unknown", "c", "d", "e"]), places)
    assert columns.tolist() == [4, 1, 0] and chromosomes.tolist() == [0, 0, 1]


def test_without_the_table_the_model_is_not_available(cells, monkeypatch, tmp_path):
    from scarena.base.errors import SourceError
    from scarena.models.baselines import copy_number

    def offline(*, cache):
        raise SourceError("no connection", where="the table", fix="set SCARENA_MIRROR")

    monkeypatch.setattr(copy_number, "gene_positions", offline)
    with pytest.raises(NotAvailable, match="set SCARENA_MIRROR"):
        find_model("copy-number")().embed(cells, Context(cache=tmp_path))


def test_no_simple_row_knows_a_label(cycling):
    before = {name: hashlib.sha256(embedded(name, cycling).tobytes()).digest() for name in NAMES}
    cycling.obs["cell_type"] = cycling.obs["cell_type"].to_numpy()[::-1]
    assert before == {name: hashlib.sha256(embedded(name, cycling).tobytes()).digest() for name in NAMES}
