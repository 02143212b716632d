"""Each objective has a case whose value is known in closed form."""

import math

import pytest
import torch

from scarena.models.foundation.objectives import DisjointPanels, MaskedValue
from scarena.models.foundation.tokenize import PAD


def test_masked_value_weighs_expressed_genes_and_zeros_alike_and_skips_padding():
    predicted, true = torch.tensor([[3.0, 0.0, 1.0, 9.0]]), torch.tensor([[1.0, 2.0, 0.0, 0.0]])
    genes = torch.tensor([[0, 1, 2, PAD]])
    # Expressed: (4 + 4) / 2; zeros: 1; their mean.
    assert float(MaskedValue()(predicted, true, genes)) == pytest.approx(2.5)


def test_masked_value_of_a_perfect_prediction_is_zero_also_without_zeros():
    values = torch.tensor([[1.0, 2.0]])
    assert float(MaskedValue()(values, values, torch.tensor([[0, 1]]))) == 0


def test_panels_that_say_nothing_cost_the_log_of_the_number_of_cells():
    same = torch.ones(8, 4)
    assert float(DisjointPanels()(same, same)) == pytest.approx(math.log(8))


def test_panels_that_agree_cost_what_the_temperature_gives():
    z = torch.eye(4)
    expected = math.log(1 + 3 * math.exp(-1 / 0.2))
    assert float(DisjointPanels(0.2)(z, 5 * z)) == pytest.approx(expected, rel=1e-5)


def test_panels_that_point_to_other_cells_cost_more_than_silence():
    z = torch.eye(4)
    assert float(DisjointPanels()(z, z.roll(1, 0))) > math.log(4)
