"""Genes are found by name, and the same cell gives the same tokens on every machine and in any company."""

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csc_matrix, csr_matrix

from scarena.base.errors import ModelError
from scarena.models.foundation.tokenize import Cells, gene_medians, over_vocabulary, places, tokens_of


def counted(rows, names="abcde"):
    data = AnnData(csr_matrix(np.array(rows, dtype=np.int32)))
    data.var_names = list(names)
    return data


def dense(cells: Cells, n_genes: int) -> np.ndarray:
    found = np.zeros((len(cells), n_genes))
    found[np.repeat(np.arange(len(cells)), np.diff(cells.starts_B1)), cells.genes_N] = cells.counts_N
    return found


def test_counts_are_joined_by_name_and_depth_counts_genes_outside_too():
    cells = over_vocabulary(counted([[1, 0, 3, 0, 4], [0, 7, 0, 0, 0]]), ["c", "x", "a"])
    np.testing.assert_array_equal(dense(cells, 3), [[3, 0, 1], [0, 0, 0]])
    assert cells.depth_B.tolist() == [8, 7]
    assert (cells.genes_N.dtype, cells.counts_N.dtype, cells.starts_B1.dtype) == (np.int32, np.float32, np.int64)


@pytest.mark.parametrize("kind", [csr_matrix, csc_matrix])
def test_any_order_of_genes_and_form_of_the_matrix_gives_the_same_cells(cells, kind):
    rng = np.random.default_rng(0)
    vocabulary = [*sorted(cells.var_names)[50:], "ENSGX"]
    columns = rng.permutation(cells.n_vars)
    mixed = cells[:, columns].copy()
    mixed.X = kind(mixed.X)
    found, plain = over_vocabulary(mixed, vocabulary), over_vocabulary(cells, vocabulary)
    for name in ("starts_B1", "genes_N", "counts_N", "depth_B"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))
    truth = cells.to_df().reindex(columns=vocabulary, fill_value=0).to_numpy()
    np.testing.assert_array_equal(dense(plain, len(vocabulary)), truth)
    within = [np.diff(plain.genes_N[a:b]) for a, b in zip(plain.starts_B1[:-1], plain.starts_B1[1:], strict=True)]
    assert all((steps > 0).all() for steps in within)


def test_stored_zeros_are_no_genes_of_a_cell_and_the_data_stays_as_it_was():
    data = counted([[1, 2, 3, 0, 4]])
    data.X.data[1] = 0
    before = data.X.copy()
    cells = over_vocabulary(data, list("edcba"))
    assert cells.genes_N.tolist() == [0, 2, 4]
    assert (cells.counts_N > 0).all()
    assert np.array_equal(before.data, data.X.data)
    assert np.array_equal(before.indices, data.X.indices)


def test_a_vocabulary_without_a_common_gene_is_refused_and_places_say_which_are_known():
    assert places(["b", "x", "a"], ["a", "b"]).tolist() == [1, -1, 0]
    with pytest.raises(ModelError, match="no gene in common"):
        over_vocabulary(counted([[1, 0, 3, 0, 4]]), ["x", "y"])


def test_rows_are_the_cells_asked_for_in_that_order(make_counts):
    counts = np.random.default_rng(0).poisson(0.7, (12, 9))
    counts[4] = 0
    whole = make_counts(counts, depth=np.arange(100, 112))
    for rows in ([], [3], [4, 0, 11], [5, 5], list(range(12))):
        found = whole.rows(np.array(rows, int))
        np.testing.assert_array_equal(dense(found, 9), counts[rows])
        assert found.depth_B.tolist() == [100 + row for row in rows]


def test_tokens_are_log1p_of_counts_per_ten_thousand_of_the_depth(make_counts):
    counts = np.array([[2, 0, 5], [0, 0, 0], [0, 1, 0]])
    tokens = tokens_of(make_counts(counts, depth=np.array([20, 0, 4])), 3, "continuous")
    assert tokens.starts_B1.tolist() == [0, 2, 2, 3]
    assert tokens.genes_T.tolist() == [0, 2, 1]
    np.testing.assert_allclose(tokens.values_T.numpy(), np.log1p([1000, 2500, 2500]), rtol=1e-6)


def test_of_tokens_too_many_the_highest_are_taken(make_counts):
    tokens = tokens_of(make_counts(np.array([[2, 5, 2, 9, 1]])), 5, "continuous", length=3)
    assert tokens.genes_T.tolist() == [0, 1, 3]


def test_ranks_are_relative_to_the_medians(make_counts):
    tokens = tokens_of(make_counts(np.array([[4, 3, 1]])), 3, "rank", np.array([8, 1, 0.5], np.float32))
    assert tokens.genes_T.tolist() == [1, 2, 0]


def test_a_genes_median_is_that_of_the_cells_that_express_it(make_counts):
    rng = np.random.default_rng(1)
    counts = rng.poisson(0.6, (41, 30))
    counts[:, 7] = 0
    counts[:, 8] = 0
    counts[3, 8] = 2
    counts[5] = 0
    depth = counts.sum(axis=1) + rng.integers(0, 50, 41)
    parts = [make_counts(counts[a:b], depth[a:b]) for a, b in ((0, 10), (10, 10), (10, 41))]
    share = counts * 1e4 / np.maximum(depth, 1)[:, None]
    expected = [np.median(share[counts[:, gene] > 0, gene]) if counts[:, gene].any() else 1.0 for gene in range(30)]
    found = gene_medians(parts, 30)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)
