"""The rate rises, stays and falls, and its area is that of the trapezium."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scarena.models.foundation.training.schedule import progress_of_step, share_of_peak

SHARES = st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda pair: sum(pair) <= 1)


@given(SHARES, st.integers(1, 300))
def test_the_rates_of_a_run_add_up_to_the_trapezium(shares, steps):
    warm_up, decay = shares
    rates = [share_of_peak(progress_of_step(step, steps), warm_up, decay) for step in range(steps)]
    # The midpoint rule is exact on straight lines; a step that holds a bend is off by less than its width.
    assert np.mean(rates) == pytest.approx(1 - (warm_up + decay) / 2, abs=2 / steps)
    assert min(rates) > 0
    assert max(rates) <= 1


def test_the_rate_is_at_its_peak_between_rise_and_fall():
    progress = np.linspace(0, 1, 101)
    rates = np.array([share_of_peak(at, 0.1, 0.2) for at in progress])
    np.testing.assert_allclose(rates[:11], progress[:11] / 0.1)
    np.testing.assert_allclose(rates[10:81], 1)
    np.testing.assert_allclose(rates[80:], (1 - progress[80:]) / 0.2, atol=1e-12)


def test_beyond_the_budget_nothing_is_learnt():
    assert share_of_peak(1.2, 0.1, 0.2) == 0


def test_without_rise_and_fall_the_rate_is_constant():
    assert {share_of_peak(at, 0, 0) for at in (0.0, 0.5, 1.0)} == {1.0}
