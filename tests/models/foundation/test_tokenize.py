"""Tokens are the cell's own genes, chosen the same way on every machine."""

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.models.foundation.tokenize import PAD, highest, over_vocabulary, sampled


def counted(rows, names="abcde"):
    data = AnnData(csr_matrix(np.array(rows, dtype=np.int32)))
    data.var_names = list(names)
    return data


def test_values_are_log1p_of_counts_per_ten_thousand_of_all_genes_known_or_not():
    expression = over_vocabulary(counted([[1, 0, 3, 0, 4]]), ["c", "a"])
    np.testing.assert_allclose(expression.values.toarray(), np.log1p([[3 / 8 * 1e4, 1 / 8 * 1e4]]), rtol=1e-6)
    assert expression.depth.tolist() == [8]


def test_the_highest_genes_come_first_and_ties_go_to_the_lower_place_in_the_vocabulary():
    tokens = highest(over_vocabulary(counted([[2, 5, 2, 0, 2]]), list("abcde")).values, 3)
    assert tokens.genes.tolist() == [[1, 0, 2]]
    assert (np.diff(tokens.values) <= 0).all()


def test_the_order_of_genes_and_of_cells_in_the_file_does_not_matter(cells):
    vocabulary, rng = sorted(cells.var_names), np.random.default_rng(0)
    rows, columns = rng.permutation(cells.n_obs), rng.permutation(cells.n_vars)
    plain = highest(over_vocabulary(cells, vocabulary).values, 50)
    mixed = highest(over_vocabulary(cells[rows][:, columns].copy(), vocabulary).values, 50)
    np.testing.assert_array_equal(mixed.genes, plain.genes[rows])
    np.testing.assert_array_equal(mixed.values, plain.values[rows])


def test_cells_without_a_known_gene_are_padding_only():
    tokens = highest(over_vocabulary(counted([[0, 0, 0, 0, 7], [0] * 5, [1, 0, 0, 0, 0]]), list("ab")).values, 4)
    assert tokens.genes.tolist() == [[PAD], [PAD], [0]]
    assert tokens.values[:2].tolist() == [[0], [0]]


def test_no_cells_give_no_tokens():
    empty = highest(csr_matrix((0, 5), dtype=np.float32), 3)
    assert empty.genes.shape == empty.values.shape == (0, 1)


def test_a_sample_holds_different_genes_of_the_cell_and_depends_on_the_seed_alone(cells):
    values = over_vocabulary(cells, sorted(cells.var_names)).values
    first, again, other = (sampled(values, 30, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.genes, again.genes)
    assert not np.array_equal(first.genes, other.genes)
    for cell in range(10):
        genes = first.genes[cell][first.genes[cell] != PAD]
        assert len(set(genes)) == len(genes)
        np.testing.assert_array_equal(values[cell].toarray()[0][genes], first.values[cell][: len(genes)])


def test_a_gene_is_sampled_first_in_proportion_to_its_value():
    values = csr_matrix(np.tile(np.float32([1, 3]), (20_000, 1)))
    first = sampled(values, 1, np.random.default_rng(0)).genes[:, 0]
    assert first.mean() == pytest.approx(0.75, abs=0.01)
