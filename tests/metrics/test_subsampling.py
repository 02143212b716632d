"""The cells that a metric takes of many are a plain draw, and its note says so."""

import numpy as np
import pytest

from scarena.metrics.subsampling import subsample, subsample_note


def test_cells_are_drawn_once_each_in_their_order_and_by_the_seed():
    taken = subsample(1000, 30, 3)
    assert len(set(taken.tolist())) == 30 and (np.diff(taken) > 0).all()
    assert (taken == subsample(1000, 30, 3)).all() and (taken != subsample(1000, 30, 4)).any()
    assert (taken == np.sort(np.random.default_rng(3).choice(1000, 30, replace=False))).all()


@pytest.mark.parametrize("most", [30, 31])
def test_all_of_few_cells_are_taken_and_a_generator_is_left_as_it_was(most):
    rng = np.random.default_rng(0)
    assert subsample(30, most, rng).tolist() == list(range(30))
    assert rng.random() == np.random.default_rng(0).random()


def test_the_note_is_of_subsamples_only():
    assert subsample_note(30, 1000, 3) == "30 of 1000 cells, drawn with seed 3"
    assert subsample_note(30, 30, 3) == ""
