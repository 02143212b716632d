"""What the board says of its metrics: how the rankings that they make agree with each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from scarena.board.ranked import overall_of

Json = dict[str, Any]
_FEWEST = 4


def agreement(board: Json, keys: tuple[str, ...]) -> tuple[list[str], np.ndarray]:
    """Return the metrics that can be compared, and Spearman's correlation of the ranks they give the ranked models.

    Positive where two metrics agree on which models are better, whichever direction each has. NaN between two that
    have fewer than four models in common, or where one gives all the same.
    """
    from scipy.stats import spearmanr

    from scarena.metrics.registry import METRICS

    rows = overall_of(board)
    models = [card["name"] for card in board["models"] if card["family"] != "control"]
    sign = {"higher": 1.0, "lower": -1.0}
    shown = [key for key in keys if METRICS[key].better in sign]
    values = np.full((len(shown), len(models)), np.nan)
    for i, key in enumerate(shown):
        for j, model in enumerate(models):
            row = rows.get((model, key))
            if row is not None and row["value"] is not None and row["coverage"] == 1:
                values[i, j] = sign[METRICS[key].better] * row["value"]
    found = np.full((len(shown), len(shown)), np.nan)
    for i in range(len(shown)):
        for j in range(i, len(shown)):
            both = np.isfinite(values[i]) & np.isfinite(values[j])
            if both.sum() >= _FEWEST and np.ptp(values[i, both]) > 0 and np.ptp(values[j, both]) > 0:
                found[i, j] = found[j, i] = spearmanr(values[i, both], values[j, both]).statistic
    return shown, found


def companions(keys: list[str], found: np.ndarray, headline: str = "total") -> dict[str, Json]:
    """Return, by metric, its agreement with the headline and the metrics that agree with it most and least."""
    told: dict[str, Json] = {}
    for i, key in enumerate(keys):
        others = [(found[i, j], keys[j]) for j in range(len(keys)) if j != i and np.isfinite(found[i, j])]
        if others:
            first = found[i, keys.index(headline)] if headline in keys else np.nan
            told[key] = {
                "headline": float(first) if np.isfinite(first) else None,
                "most": max(others, key=lambda pair: (pair[0], pair[1])),
                "least": min(others, key=lambda pair: (pair[0], pair[1])),
            }
    return told
