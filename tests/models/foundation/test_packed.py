"""Ragged cells keep their tokens apart: what is kept of a cell, and what its values become, is its own affair."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from scarena.models.foundation.packed import Packed, encoded, narrowed

RAGGED = st.lists(st.lists(st.integers(1, 6), max_size=9), max_size=6)


def ragged(values):
    sizes = [len(cell) for cell in values]
    flat = [float(value) for cell in values for value in cell]
    return Packed(
        torch.arange(len(flat), dtype=torch.int32), torch.tensor(flat),
        torch.tensor(np.cumsum([0, *sizes]), dtype=torch.int32), max(sizes, default=0),
    )  # fmt: skip


def by_cell(cells, what):
    starts = cells.starts_B1.tolist()
    return [what[first:last].tolist() for first, last in pairwise(starts)]


@settings(deadline=None)
@given(RAGGED, st.integers(1, 10))
def test_the_highest_tokens_are_kept_of_equals_the_first_in_the_order_they_had(values, length):
    cells = ragged(values)
    found = narrowed(cells, length)
    expected = []
    for cell in values:
        best = sorted(range(len(cell)), key=lambda place, cell=cell: (-cell[place], place))[:length]
        expected.append(sorted(best))
    first = cells.starts_B1.tolist()
    assert by_cell(found, found.genes_T) == [
        [start + place for place in kept] for start, kept in zip(first, expected, strict=False)
    ]
    assert by_cell(found, found.values_T) == [
        [float(cell[place]) for place in kept] for cell, kept in zip(values, expected, strict=True)
    ]
    assert found.longest == max((len(kept) for kept in expected), default=0)
    assert found.starts_B1.dtype == torch.int32


@settings(deadline=None, max_examples=30)
@given(RAGGED, st.integers(1, 10), st.integers(0, 5))
def test_a_draw_has_as_many_tokens_of_every_cell_none_twice_in_their_order_and_the_seed_decides(values, length, seed):
    cells = ragged(values)
    found, again = (narrowed(cells, length, torch.Generator().manual_seed(seed)) for _ in range(2))
    assert torch.equal(found.genes_T, again.genes_T)
    own = by_cell(cells, cells.genes_T)
    for kept, genes in zip(by_cell(found, found.genes_T), own, strict=True):
        assert len(kept) == min(length, len(genes))
        assert kept == sorted(set(kept))
        assert set(kept) <= set(genes)
    assert torch.equal(found.values_T, cells.values_T[found.genes_T.long()])


def test_one_token_is_drawn_in_proportion_to_its_value(make_packed):
    n_cells, values = 20_000, [1.0, 2.0, 5.0]
    cells = make_packed([([0, 1, 2], values)] * n_cells)
    drawn = narrowed(cells, 1, torch.Generator().manual_seed(0)).genes_T.numpy()
    expected = n_cells * np.array(values) / sum(values)
    assert chisquare(np.bincount(drawn, minlength=3), expected).pvalue > 1e-3
    assert not np.array_equal(drawn, narrowed(cells, 1, torch.Generator().manual_seed(1)).genes_T.numpy())


def test_two_tokens_are_drawn_one_after_the_other_without_putting_back(make_packed):
    n_cells, values = 20_000, np.array([1.0, 2.0, 5.0])
    cells = make_packed([([0, 1, 2], values.tolist())] * n_cells)
    drawn = narrowed(cells, 2, torch.Generator().manual_seed(0)).genes_T.reshape(n_cells, 2).numpy()
    left_out = np.bincount(3 - drawn.sum(axis=1), minlength=3)
    share = values / values.sum()
    chance = [
        sum(share[a] * share[3 - out - a] / (1 - share[a]) for a in range(3) if a != out) for out in range(3)
    ]  # fmt: skip
    assert chisquare(left_out, n_cells * np.array(chance)).pvalue > 1e-3


def test_cells_that_are_short_enough_stay_as_they_are(make_random):
    cells = make_random([3, 0, 5], 20)
    assert narrowed(cells, 5) is cells


@settings(deadline=None)
@given(RAGGED)
def test_ranks_are_places_by_falling_value(values):
    cells = ragged(values)
    found = encoded(cells, "rank")
    for genes, ranks, cell, first in zip(
        by_cell(found, found.genes_T), by_cell(found, found.values_T), values, cells.starts_B1.tolist(), strict=False
    ):
        assert ranks == list(range(len(cell)))
        assert genes == [first + p for p in sorted(range(len(cell)), key=lambda p, cell=cell: (-cell[p], p))]


@settings(deadline=None)
@given(RAGGED, st.integers(2, 60))
def test_bins_are_the_part_of_the_other_tokens_that_are_lower(values, n_bins):
    cells = ragged(values)
    found = encoded(cells, "bins", n_bins)
    assert torch.equal(found.genes_T, cells.genes_T)
    expected = [
        [1 + (n_bins - 1) * sum(other < value for other in cell) // max(1, len(cell) - 1) for value in cell]
        for cell in values
    ]
    assert by_cell(found, found.values_T) == expected


@pytest.mark.parametrize("encoding", ["continuous", "rank", "bins"])
def test_what_a_cell_becomes_does_not_depend_on_its_company(encoding, make_random):
    cells = make_random([4, 0, 7, 1], 30)
    together = encoded(cells, encoding)
    for cell, (first, last) in enumerate(zip(cells.starts_B1[:-1].tolist(), cells.starts_B1[1:].tolist(), strict=True)):
        alone = encoded(
            Packed(
                cells.genes_T[first:last], cells.values_T[first:last], torch.tensor([0, last - first]), last - first
            ),
            encoding,
        )
        assert by_cell(together, together.genes_T)[cell] == alone.genes_T.tolist()
        assert by_cell(together, together.values_T)[cell] == alone.values_T.tolist()


def test_every_token_knows_its_cell(make_random):
    assert make_random([2, 0, 3], 9).cell_of().tolist() == [0, 0, 2, 2, 2]
