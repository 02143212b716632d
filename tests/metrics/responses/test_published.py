"""Published forms are what others print: recorded numbers, files of theirs, and their flaws."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scarena.metrics.responses import published

MIRROR = Path(os.environ.get("SCARENA_MIRROR", "."))
THEIRS = MIRROR / "ivcbench_reference_predictions"
SPLIT = "C3_true_lo_gene_50"


def profiles(seed=0, n=9, g=40):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, g)), rng.normal(size=(n, g)), rng.normal(size=g)


@pytest.mark.skipif(not THEIRS.is_dir(), reason="needs the published files: set SCARENA_MIRROR")
@pytest.mark.parametrize("model", ["scGPT", "scFoundation", "GEARS", "cell-mean"])
def test_deposited_predictions_have_their_published_correlation(model):
    """ivcbench@d5b6122, Schmidt, half of the genes held out; the perturbed genes of all held-out ones are left out."""
    folder = MIRROR / "ivcbench_schmidt" if model == "cell-mean" else THEIRS
    with np.load(folder / f"C3_LO_gene__{model}__{SPLIT}__schmidt.npz") as file:
        names = ("pred_means", "obs_means", "control_mean", "exclude_gene_idx")
        predicted, truth, control, targets = (file[name] for name in names)
    kept = np.setdiff1d(np.arange(truth.shape[1]), targets)
    table = pd.read_csv(THEIRS / "C3_results_raw.csv")
    (row,) = table[(table.baseline == model) & (table.split == SPLIT) & (table.dataset == "schmidt")].itertuples()
    whole = (each.astype(np.float64) for each in (predicted, truth, control))
    predicted, truth, control = whole
    ours = published.pearson_delta(predicted[:, kept], truth[:, kept], control[kept]).mean()
    assert ours == pytest.approx(row.pearson_delta, abs=1e-6)
    with_targets = published.pearson_delta(predicted, truth, control).mean()
    assert with_targets == pytest.approx(row.pearson_delta_ontarget, abs=1e-6)


def test_discrimination_is_above_a_half_by_chance_and_the_order_of_rows_decides_ties():
    rng = np.random.default_rng(0)
    found = [published.discrimination(*rng.normal(size=(2, 5, 30))).mean() for _ in range(2000)]
    assert np.mean(found) == pytest.approx(0.5 + 1 / 10, abs=4 * np.std(found) / np.sqrt(2000))
    same = np.zeros((4, 3))
    np.testing.assert_array_equal(published.discrimination(same, same), [1, 0.75, 0.5, 0.25])


def test_centroid_accuracy_counts_strictly_farther_truths():
    predicted, truth, _ = profiles()
    brute = [
        np.mean([np.linalg.norm(p - t) > np.linalg.norm(p - truth[i]) for j, t in enumerate(truth) if j != i])
        for i, p in enumerate(predicted)
    ]
    np.testing.assert_allclose(published.centroid_accuracy(predicted, truth), brute)
    assert not published.centroid_accuracy(predicted, np.ones_like(truth)).any()


def test_the_rank_of_a_prediction_is_among_predictions():
    predicted, truth, _ = profiles(1)
    brute = [
        np.mean([np.linalg.norm(p - t) < np.linalg.norm(predicted[i] - t) for p in predicted])
        for i, t in enumerate(truth)
    ]
    found = published.rank_of_prediction(predicted, truth, np.random.default_rng(0))
    np.testing.assert_allclose(found, brute)
    ties = [published.rank_of_prediction(truth * 0, truth, np.random.default_rng(s)).mean() for s in range(400)]
    assert np.mean(ties) == pytest.approx(0.5 - 1 / 18, abs=0.02)


def test_errors_over_the_most_expressed_genes_and_in_folds():
    rng = np.random.default_rng(2)
    control = rng.gamma(1, 1, 1200)
    truth, predicted = rng.gamma(1, 1, (2, 3, 1200))
    top = sorted(range(1200), key=lambda g: -control[g])[:1000]
    brute = [sum((predicted[i, g] - truth[i, g]) ** 2 for g in top) ** 0.5 for i in range(3)]
    np.testing.assert_allclose(published.l2_of_most_expressed(predicted, truth, control), brute)
    assert published.cosine_log_fold(truth, truth, control) == pytest.approx(1)
    assert np.isnan(published.cosine_log_fold(np.tile(control, (3, 1)), truth, control)).all()


def test_the_challenge_score_forgives_an_error_without_bound():
    even = published.challenge_score(0.1, 0.1, 0.55, 0.55, 0.2, 0.2)
    assert even == 0
    as_bad = published.challenge_score(0.4, 0.1, 0.9, 0.55, 0.2, 0.2)
    far_off = published.challenge_score(0.4, 0.1, 0.9, 0.55, 1e6, 0.2)
    assert as_bad == far_off == pytest.approx((0.3 / 0.9 + 0.35 / 0.45) / 3)
    assert published.challenge_score(float("nan"), 0.1, 0.9, 0.55, 0.1, 0.2) == pytest.approx((0.35 / 0.45 + 0.5) / 3)
