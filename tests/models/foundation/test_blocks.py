"""Blocks hold every cell whole, and rows see their own cell alone."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scarena.models.foundation.blocks import _BLOCK, _STEP, Blocks


@settings(deadline=None)
@given(st.lists(st.integers(0, 2 * _BLOCK), max_size=30), st.booleans())
def test_every_cell_has_its_own_rows_of_one_block_and_sees_them_alone(sizes, causal):
    blocks = Blocks.of(np.cumsum([0, *sizes]), causal=causal)
    ends = [0, *(last for _, last in blocks.bounds)]
    assert [(a, b) for a, b in itertools.pairwise(ends)] == blocks.bounds
    assert len(blocks.first_R) == len(blocks.last_R) == ends[-1]
    assert all((b - a) % _STEP == 0 for a, b in blocks.bounds)
    assert len(set(blocks.row_T.tolist())) == sum(sizes)
    empty = np.setdiff1d(np.arange(ends[-1]), blocks.row_T)
    assert not blocks.last_R[empty].any()
    for cell, size in enumerate(sizes):
        row = int(blocks.start_B[cell])
        own = np.arange(row, row + size)
        assert blocks.row_T[sum(sizes[:cell]) :][:size].tolist() == own.tolist()
        if size:
            block = next((a, b) for a, b in blocks.bounds if a <= row < b)
            assert row + size <= block[1]
            assert (blocks.first_R[own] + block[0] == row).all()
            assert (blocks.last_R[own] + block[0] == (own + 1 if causal else row + size)).all()


@settings(deadline=None)
@given(st.lists(st.integers(1, 2 * _BLOCK), max_size=30))
def test_no_two_neighbouring_blocks_would_fit_into_one(sizes):
    blocks = Blocks.of(np.cumsum([0, *sizes]), causal=False)
    held = [
        sum(size for size, row in zip(sizes, blocks.start_B, strict=True) if a <= row < b) for a, b in blocks.bounds
    ]
    for (a, _), mine in zip(blocks.bounds[1:], held[:-1], strict=True):
        first = sizes[blocks.start_B.tolist().index(a)]
        assert mine + first > _BLOCK


@settings(deadline=None)
@given(st.lists(st.integers(0, 2 * _BLOCK), max_size=30), st.integers(1, 5 * _BLOCK), st.booleans())
def test_pieces_are_the_blocks_in_runs_as_long_as_they_may_be(sizes, n_rows, causal):
    whole = Blocks.of(np.cumsum([0, *sizes]), causal=causal)
    pieces, row, token = list(whole.pieces(n_rows)), 0, 0
    for number, piece in enumerate(pieces):
        length = len(piece.first_R)
        assert length <= n_rows or len(piece.bounds) == 1
        if number + 1 < len(pieces):
            assert length + pieces[number + 1].bounds[0][1] > n_rows
        assert piece.tokens.start == token
        np.testing.assert_array_equal(piece.row_T + row, whole.row_T[piece.tokens])
        np.testing.assert_array_equal(piece.first_R, whole.first_R[row : row + length])
        np.testing.assert_array_equal(piece.last_R, whole.last_R[row : row + length])
        np.testing.assert_array_equal(piece.start_B + row, whole.start_B[piece.cells])
        np.testing.assert_array_equal(piece.size_B, whole.size_B[piece.cells])
        assert piece.size_B.sum() == len(piece.row_T)
        row, token = row + length, piece.tokens.stop
    lengths = [b - a for piece in pieces for a, b in piece.bounds]
    assert lengths == [b - a for a, b in whole.bounds]
    assert row == len(whole.first_R)
    assert token == sum(sizes)
