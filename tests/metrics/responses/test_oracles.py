"""Numbers that scperteval 0.2.0 and cell-eval 0.8.2 (with pdex) printed for the inputs that are made here."""

import numpy as np
import pytest

from scarena.metrics.responses import published
from scarena.metrics.responses.cells import e_distance, overlap_of_effects
from scarena.metrics.responses.correlations import correlations
from scarena.metrics.responses.retrieval import inverse_rank
from scarena.metrics.responses.value import squared
from scarena.metrics.responses.weighted import weighted_error, weighted_r2, weights

SCPERTEVAL = {
    "nir": (0.833333333, 0.166666667, 1, 0.666666667, 1, 0.666666667, 1),
    "pearson": (0.146172202, 0.082836136, 0.356605842, 0.101663393, 0.516255754, 0.133054355, 0.361498398),
    "pearson_pert": (0.0718509847, -0.132594418, 0.309456769, 0.188595962, 0.485726303, 0.0334165907, 0.23530631),
    "mse": (0.336747023, 0.529273743, 0.607251029, 0.447472256, 0.352372577, 0.422145578, 0.236116328),
    "wmse": (0.466981814, 0.623871359, 0.351192712, 0.425128034, 0.400454285, 0.331770004, 0.155880761),
    "r2w": (-5.08870591, -7.45678757, -4.49196254, -2.67260017, -6.26861193, -4.22095361, -1.86219638),
}
"""By perturbation: nir, pearson from the control and from the mean, mse, weighted_mse, weighted_r2 from the mean."""
CELL_EVAL = {
    "pds": (0.857142857, 0.571428571, 1, 0.857142857, 1, 0.714285714, 0.857142857),
    "pearson": (0.173872648, 0.107007915, 0.380869522, 0.118555006, 0.545125046, 0.119833609, 0.355069537),
    "mse": (0.336747023, 0.529273743, 0.607251029, 0.447472256, 0.352372577, 0.422145578, 0.236116328),
    "mae": (0.462927053, 0.56343417, 0.628420023, 0.514437864, 0.49531341, 0.447502034, 0.401012912),
}
"""By perturbation: discrimination_score_l1, pearson_delta, mse, mae, of a prediction with a control of its own."""
OVERLAPS = (0.230769231, 0.25, 0.25, 0.181818182)
"""overlap_at_N of cells from seeds 0 to 3."""
ENERGY_DISTANCE = 1.102377
"""scperteval's energy_distance, unbiased, of the first two groups of cells from seed 0."""


def means(seed=0, n=7, g=23):
    rng = np.random.default_rng(seed)
    control = rng.gamma(1.0, 0.5, g)
    truth = control + rng.normal(0, 0.3, (n, g))
    predicted = control + 0.4 * (truth - control) + rng.normal(0, 0.6, (n, g))
    return control, truth, predicted, np.abs(rng.normal(0, 3, (n, g)))


def cells(seed=0, n=60, g=40):
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.0, 0.5, g) + 0.1
    up = np.where(np.arange(g) < 14, 2.5, 1.0)
    said = np.where((np.arange(g) > 6) & (np.arange(g) < 30), 3.0, 1.0)
    return [np.log1p(rng.poisson(r, (n, g)).astype(float)) for r in (rate * up, rate * said, rate, rate)]


def test_scores_of_means_are_scpertevals():
    control, truth, predicted, strength = means()
    mean, weight = np.tile(truth.mean(axis=0), (len(truth), 1)), weights(strength)
    found = {
        "nir": inverse_rank(predicted - control, truth - control),
        "pearson": published.pearson_delta(predicted, truth, control),
        "pearson_pert": published.pearson_delta(predicted, truth, mean),
        "mse": squared(predicted, truth),
        "wmse": weighted_error(predicted, truth, weight),
        "r2w": weighted_r2(predicted, truth, mean, weight)[0],
    }
    for name, values in SCPERTEVAL.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-7, err_msg=name)


def test_scores_of_means_are_cell_evals():
    control, truth, predicted, _ = means()
    own = control + np.random.default_rng(9).normal(0, 0.05, len(control))
    shown, scored = (np.tile(each, (len(truth), 1)) for each in (own, control))
    found = {
        "pds": published.discrimination(predicted - own, truth - control),
        "pearson": correlations(predicted, truth, shown, scored)[0],
        "mse": squared(predicted, truth),
        "mae": published.mean_absolute_error(predicted, truth),
    }
    for name, values in CELL_EVAL.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-7, err_msg=name)


@pytest.mark.parametrize("seed", range(4))
def test_the_overlap_of_changed_genes_is_cell_evals(seed):
    truth, predicted, control, own = cells(seed)
    assert overlap_of_effects(truth, predicted, control, own) == pytest.approx(OVERLAPS[seed], abs=1e-8)


def test_the_distance_of_cells_is_scpertevals():
    truth, predicted, *_ = cells()
    assert e_distance(truth, predicted) == pytest.approx(ENERGY_DISTANCE, abs=1e-6)
