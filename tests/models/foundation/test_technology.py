import numpy as np
import pytest

from scarena.models.foundation.technology import technology

N_GENES, TERMS = 40, ["CL:1", "CL:2", "CL:3", "CL:4", ""]


@pytest.fixture
def atlas():
    """Two studies of the same types, of which the second sees some genes eight times as well; a third shares two."""
    rng = np.random.default_rng(0)
    types = rng.lognormal(3, 1, (5, N_GENES))
    factor = np.where(np.arange(N_GENES) < 10, 8.0, 1.0)
    values = np.vstack([types, types * factor * rng.lognormal(0, 0.1, (5, N_GENES)), types[:2]])
    measured = np.ones(values.shape, bool)
    measured[5:10, 30:] = False
    values[~measured] = 0
    return values, measured, np.repeat([0, 1, 2], [5, 5, 2]), [*TERMS, *TERMS, *TERMS[:2]]


def test_what_two_studies_differ_in_is_found_on_the_genes_of_both(atlas):
    found = technology(*atlas)
    assert found.shape == (1, N_GENES)
    row = found[0]
    assert (row[30:] == 0).all()
    assert row[:10].mean() - row[10:30].mean() == pytest.approx(-np.log(8), abs=0.15)
    assert row[:30].mean() == pytest.approx(0, abs=1e-5)


def test_the_order_of_profiles_and_those_without_a_term_do_not_matter(atlas):
    values, measured, source, term = atlas
    order = np.random.default_rng(1).permutation(12)
    mixed = technology(values[order], measured[order], source[order], [term[at] for at in order])
    np.testing.assert_allclose(mixed, technology(*atlas), atol=1e-5)
    values[4] = 1e6
    np.testing.assert_allclose(technology(*atlas), mixed, atol=1e-5)


def test_studies_that_share_too_few_types_say_nothing(atlas):
    values, measured, source, _ = atlas
    assert technology(values, measured, source, [""] * 12).shape == (0, N_GENES)
