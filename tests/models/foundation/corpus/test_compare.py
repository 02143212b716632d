"""The search against brute force, and the number of matching bins against the binomial distribution."""

import numpy as np
import pytest
from scipy.stats import binom

from scarena.models.foundation.corpus import compare
from scarena.models.foundation.corpus.compare import Cells, background, informative, required, search, told
from scarena.models.foundation.corpus.minhash import EMPTY, MinHash

GENES = tuple(f"ENSG{i:011d}" for i in range(3000))


@pytest.fixture(scope="module")
def prints():
    """Forty cells of a corpus, of which the dataset has ten with some genes lost, and 31 cells besides."""
    rng = np.random.default_rng(0)
    corpus = [rng.choice(3000, rng.integers(5, 600), replace=False) for _ in range(40)]
    lost = [cell[rng.random(len(cell)) < keep] for cell, keep in zip(corpus[:10], np.linspace(1, 0.6, 10), strict=True)]
    ours = lost + [rng.choice(3000, rng.integers(5, 600), replace=False) for _ in range(30)] + [np.zeros(0, np.int64)]
    among = rng.random(3000) < 0.7
    minhash = MinHash(GENES, 128)

    def of(cells):
        return minhash(np.concatenate(cells), np.concatenate([[0], np.cumsum([len(cell) for cell in cells])]))

    mine = of([cell[among[cell]] for cell in ours])
    return told(of(corpus), among), np.where(mine == EMPTY, -2, mine.astype(np.int32))


def by_brute_force(a_CK, b_QK, level_Q, need):
    found = []
    for q, b in enumerate(b_QK):
        best, rank = -1, -1.0
        for c, a in enumerate(a_CK):
            some = sum(x != -1 and not (x == -2 and y == -2) for x, y in zip(a, b, strict=True))
            same = sum(x == y and x >= 0 for x, y in zip(a, b, strict=True))
            if some and same >= need[level_Q[q], some] and same / some > rank:
                best, rank = c, same / some
        found.append(best)
    return found


@pytest.mark.parametrize("threshold", [0.3, 0.7, 0.95])
@pytest.mark.parametrize("n_pairs", [1, 1640, 10**9])
def test_the_search_finds_the_best_of_all_pairs_that_match(prints, threshold, n_pairs):
    a_CK, b_QK = prints
    level_Q = np.random.default_rng(0).integers(0, len(compare.LEVELS), len(b_QK))
    need = required(128, n_pairs, threshold)
    assert search(a_CK, b_QK, level_Q, need).row.tolist() == by_brute_force(a_CK, b_QK, level_Q, need)


def test_cells_are_found_again_after_losing_genes_and_nothing_else_is(prints):
    a_CK, b_QK = prints
    found = search(a_CK, b_QK, background(b_QK), required(128, 1640))
    assert found.row[:5].tolist() == [0, 1, 2, 3, 4]
    assert (found.row[10:] == -1).all()


def test_what_is_required_is_the_share_and_more_than_chance():
    need = required(128, 10**6, 0.7)
    for level, n in ((0, 128), (10, 60), (20, 128), (10, 20), (34, 100)):
        chance = compare.LEVELS[level]
        enough = [m for m in range(n + 1) if m >= 0.7 * n and binom.sf(m - 1, n, chance) * 10**6 < 0.05]
        assert need[level, n] == (enough[0] if enough else 129)
    assert (np.diff(need[:, 1:], axis=0) >= 0).all()
    assert (required(128, 10**12) >= required(128, 10)).all()


def test_a_bin_tells_nothing_where_its_gene_was_not_measured():
    among = np.zeros(4, bool)
    among[[1, 2]] = True
    minhash = np.array([[0, 1, EMPTY, 3]], np.uint16)
    found = told(minhash, among)
    assert found.tolist() == [[-1, 1, -2, -1]]
    assert [int(x[0]) for x in informative(found, np.array([[2, 1, -2, -2]], np.int32))] == [1, 1]
    assert [int(x[0]) for x in informative(found, np.array([[2, 2, 1, -2]], np.int32))] == [2, 0]


def test_the_background_is_the_similarity_of_the_closest_other_cells():
    rng = np.random.default_rng(0)
    b_QK = rng.integers(0, 3, (60, 128)).astype(np.int32)
    b_QK[:12] = b_QK[0]
    levels = background(b_QK)
    assert (levels[:12] == len(compare.LEVELS) - 1).all()
    alike = np.sort((b_QK[20] == b_QK).mean(axis=1))[:-1][-10:].mean()
    assert levels[20] == np.searchsorted(compare.LEVELS, alike)


def test_a_datasets_cells_are_joined_with_the_vocabulary_by_name(make_sparse):
    data = make_sparse(20, n_genes=50, first_gene=2990)
    cells = Cells.of(data, GENES)
    assert cells.measured.sum() == 10
    assert np.array_equal(cells.counts.toarray()[:, 2990:], data.X.toarray()[:, :10])
    turned = Cells.of(data[:, ::-1], GENES)
    assert (turned.counts != cells.counts).nnz == 0
