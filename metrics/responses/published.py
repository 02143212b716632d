"""Metrics of responses as others publish them, for comparison with their numbers; why none of them ranks models here.

All take profiles, or effects where the name says so; each says whose it is.

Shapes: N perturbations of one context, G genes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.metrics.responses.correlations import correlations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_TOP = 1000
_PSEUDO = 0.1


def pearson_delta(predicted: Floats, truth: Floats, reference: Floats) -> Floats:
    """Return the correlation of effects from one reference, which both share, ``[N]``; 0 where undefined.

    With the control's mean it is that of GEARS (Roohani et al. 2024, doi 10.1038/s41587-023-01905-6), the ``r2_delta``
    of Ahlmann-Eltze et al. 2025 (doi 10.1038/s41592-025-02772-6) and of cell-eval. The control's noise is then in both
    effects, and a prediction of no change correlates with the truth. With the mean of perturbed profiles it is that of
    Systema (Viñas Torné et al. 2025, doi 10.1038/s41587-025-02777-8), where no change scores if most do nothing.

    Parameters
    ----------
    predicted, truth
        Profiles ``[N, G]``.
    reference
        ``[G]`` or ``[N, G]``.
    """
    shared = np.broadcast_to(reference, truth.shape)
    return correlations(predicted, truth, shared, shared)[0]


def discrimination(predicted: Floats, truth: Floats) -> Floats:
    """Return the perturbation discrimination score of cell-eval 0.8.2 (``discrimination_score_l1``) of effects.

    1 − rank / N, the rank from 0 being that of a perturbation's own truth among all by distance from its prediction.

    Among equal ones the order of rows decides, and by chance it is ½ + 1/2N: it is not exact, and N is in it.

    Parameters
    ----------
    predicted, truth
        Effects ``[N, G]``. Distances are sums of absolute differences.

    Returns
    -------
    Array ``[N]``, 1/N to 1, higher is better.
    """
    from scipy.spatial.distance import cdist

    order = np.argsort(cdist(predicted, truth, "cityblock"), axis=1, kind="stable")
    return np.asarray(1 - (order == np.arange(len(truth))[:, None]).argmax(axis=1) / len(truth))


def centroid_accuracy(predicted: Floats, truth: Floats) -> Floats:
    """Return the share of other truths that lie farther than the own one, ties not counting (Systema), ``[N]``.

    A constant prediction of equal truths has 0, where chance is ½.
    """
    from scipy.spatial.distance import cdist

    distance = cdist(predicted, truth)
    return np.asarray((distance > np.diagonal(distance)[:, None]).sum(axis=1) / (len(truth) - 1))


def rank_of_prediction(predicted: Floats, truth: Floats, rng: np.random.Generator) -> Floats:
    """Return the rank of the own prediction among all, by distance from each truth, over N (PerturBench), ``[N]``.

    0 is best, and about ½ random; ties are shuffled. Doi 10.48550/arXiv.2408.10609.
    """
    from scipy.spatial.distance import cdist

    distance = cdist(truth, predicted)
    order = np.lexsort((rng.random(distance.shape), distance), axis=1)
    return np.asarray((order == np.arange(len(truth))[:, None]).argmax(axis=1) / len(truth))


def l2_of_most_expressed(predicted: Floats, truth: Floats, control: Floats) -> Floats:
    """Return the Euclidean distance over the 1,000 genes that the control expresses most (Ahlmann-Eltze et al.)."""
    top = np.argsort(-control, kind="stable")[:_TOP]
    return np.asarray(np.sqrt(((predicted[:, top] - truth[:, top]) ** 2).sum(axis=1)))


def cosine_log_fold(predicted: Floats, truth: Floats, control: Floats) -> Floats:
    """Return the cosine of log2(mean + 0.1) − log2(control + 0.1) of prediction and truth (PerturBench), ``[N]``.

    The logarithm of a mean of logarithms; NaN where either is all 0.
    """
    x, y = (np.log2(np.maximum(each, 0) + _PSEUDO) - np.log2(control + _PSEUDO) for each in (predicted, truth))
    length = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    return np.divide((x * y).sum(axis=1), length, out=np.full(len(x), np.nan), where=length > 0)


def mean_absolute_error(predicted: Floats, truth: Floats) -> Floats:
    """Return the mean absolute error over genes (cell-eval), ``[N]``."""
    return np.asarray(np.abs(predicted - truth).mean(axis=1))


def challenge_score(
    overlap: float, overlap_of_mean: float, pds: float, pds_of_mean: float, mae: float, mae_of_mean: float
) -> float:
    """Return the score of the Virtual Cell Challenge 2025 (cell-eval 0.8.2): a mean of three shares above the mean's.

    Each is clipped at 0, so that what one of them loses is free once it is as bad as the mean; NaN counts as 0.
    """
    shares = (
        (overlap - overlap_of_mean) / (1 - overlap_of_mean),
        (pds - pds_of_mean) / (1 - pds_of_mean),
        1 - mae / mae_of_mean,
    )
    return float(np.mean([max(0.0, share) if np.isfinite(share) else 0.0 for share in shares]))
