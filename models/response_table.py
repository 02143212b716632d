"""What a model says of responses, checked before anything is scored: names join, missing is not zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scarena.base.errors import ModelError
from scarena.models.said_table import joined

MOST = 50.0
"""No mean of log1p of counts per 10,000, or per any other number that is in use, is as high: log1p of 1e21 is 48."""
NEGATIVE = 0.25
"""Share of the sum of values above 0 that those below 0 may sum to. Linear models of screens at hand stay below 0.002,
effects of the same screens lie above 0.6."""
_FIX = "return means of log-normalised expression, a row a profile that is asked about (see Model.predict)"


def checked_responses(table: Any, ask: Sequence[str], measured: Sequence[str], model: str) -> np.ndarray:
    """Return a model's predictions of what was asked about, over the measured genes.

    Parameters
    ----------
    table
        What `scarena.models.base.Model.predict` returned: a row a profile, a column a gene, in any order.
    ask
        Names of the profiles that are asked about; other rows are left out.
    measured
        Ensembl ids; other columns are left out.
    model
        Its name, for errors.

    Returns
    -------
    float32 [n_ask, G], NaN where the model says nothing.

    Raises
    ------
    ModelError
        If it is no table, a name stands twice, a value is no number or infinite, nothing is said of anything that is
        asked about, or the values are no means of log-normalised expression: as high as counts, or as negative as
        effects.
    """
    import pandas as pd

    where = f"{model}: responses"
    if not isinstance(table, pd.DataFrame):
        raise ModelError(f"responses in a {type(table).__name__}, not a DataFrame", where=where, fix=_FIX)
    found = joined(table, ask, measured, where)
    if not np.isfinite(found).any():
        what = f"nothing is said of any of {len(ask)} profiles and {len(measured)} genes"
        raise ModelError(what, where=where, fix="name rows by what is asked about, and columns by Ensembl id")
    _check_scale(found, where)
    return found


def _check_scale(found: np.ndarray, where: str) -> None:
    """Refuse what cannot be means of log-normalised expression, which a metric would score in silence."""
    said = found[np.isfinite(found)].astype(np.float64)
    most, above, below = float(said.max()), float(said[said > 0].sum()), -float(said[said < 0].sum())
    if most > MOST:
        what = f"values up to {most:.4g} are no means of log-normalised expression: counts, or not yet logarithms?"
        raise ModelError(what, where=where, fix=_FIX)
    if below > NEGATIVE * above:
        share = int((said < 0).mean() * 100)
        what = f"{share} % of the values are negative, which no expression is: effects in place of expression?"
        raise ModelError(what, where=where, fix=_FIX)
