"""Comparisons of cells, for a model that emits some; none is on the board, where predictions are means.

Shapes: N and M cells, G genes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FDR = 0.05


def e_distance(x: Floats, y: Floats) -> float:
    """Return 2 E‖X − Y‖ − E‖X − X'‖ − E‖Y − Y'‖, unbiased.

    After scperturb (Peidli et al. 2024, doi 10.1038/s41592-023-02144-y) with Euclidean distances. Pairs of a cell and
    itself are left out of the means (U-statistic), so that it is 0 on average, and may be negative, where both are
    drawn from one distribution. cell-eval 0.8.2 keeps them: there it is positive, and grows as cells become fewer.

    Parameters
    ----------
    x, y
        Cells ``[N, G]`` and ``[M, G]``, two or more each; usually principal components.

    Raises
    ------
    ValueError
        With fewer than two cells on a side.
    """
    from scipy.spatial.distance import cdist, pdist

    if min(len(x), len(y)) < 2:
        raise ValueError("the distance of two groups of cells needs two cells of each")
    return float(2 * cdist(x, y).mean() - pdist(x).mean() - pdist(y).mean())


def overlap_of_effects(truth: Floats, predicted: Floats, control: Floats, control_predicted: Floats) -> float:
    """Return the share of truly changed genes that prediction finds: DES of cell-eval 0.8.2 (``overlap_at_N``).

    Changed are genes with an adjusted Wilcoxon p below .05 against the control. The n that change most by the logarithm
    of the fold change are compared, n being the number of truly changed ones.

    A prediction that emits more cells finds more: give it as many as there are true ones. One that emits one cell many
    times finds everything or nothing.

    Parameters
    ----------
    truth, predicted, control, control_predicted
        Log-normalised cells (natural logarithm of 1 + value) ``[cells, G]``.

    Returns
    -------
    From 0 to 1, higher is better; 0 where nothing truly changes, as published.
    """
    true, said = _changed(truth, control), _changed(predicted, control_predicted)
    if not len(true):
        return 0.0
    return len(np.intersect1d(true, said[: len(true)])) / len(true)


def _changed(cells: Floats, control: Floats) -> NDArray[np.intp]:
    """Return genes with a significant difference, the most changed first."""
    from scipy.stats import false_discovery_control, mannwhitneyu

    p = np.nan_to_num(mannwhitneyu(cells, control, axis=0, method="asymptotic").pvalue, nan=1.0)
    fold = np.abs(_log_fold(cells, control))
    significant = np.flatnonzero(false_discovery_control(p) < FDR)
    return significant[np.argsort(-fold[significant], kind="stable")]


def _log_fold(cells: Floats, control: Floats) -> Floats:
    """Return log2 of the fold change; infinite for a gene that one side lacks, 0 where both do."""
    up, down = np.expm1(cells.mean(axis=0)), np.expm1(control.mean(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.log2(up) - np.log2(down), nan=0.0, posinf=np.inf, neginf=-np.inf)
