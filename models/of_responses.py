"""Models that predict what perturbations do and have no vectors."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from scarena.models.without_cells import WithoutCells

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.base import Context
    from scarena.models.responses import Seen


class ResponseModel(WithoutCells):
    """One way of predicting responses. A subclass a file.

    Its card says ``offers="response"``; `predict` is all it has to do.
    """

    @abstractmethod
    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return predicted means of log-normalised expression; see `Model.predict`."""
