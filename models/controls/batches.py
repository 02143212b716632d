"""Negative control: whom a cell is from, and nothing else; what a leak of donors or batches alone scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData

from scarena.base.errors import NotApplicable
from scarena.models.base import Context, Model, ModelCard

_UNKNOWN = ("", "unknown", "nan")


class Batches(Model):
    """One-hot donors, or batches where donors are not known."""

    card = ModelCard(
        name="batches",
        title="One-hot batches",
        family="control",
        draws=False,
        control="negative",
        out_of_core=True,
        uses_device=False,
        description="the donor one-hot, or the batch where fewer than two donors are known: what a leak of it scores",
        uses_batch=True,
        source="models/controls",
        licence="MIT",
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the one-hot matrix, columns sorted by name.

        Raises
        ------
        NotApplicable
            If all cells are of one donor and one batch.
        """
        codes = pd.Categorical(_groups(data.obs)).codes.astype(np.int64)
        if codes.max() < 1:
            fix = "none needed: there is no batch that could leak"
            raise NotApplicable("one batch, so batches tell nothing apart", where="batch", fix=fix)
        return np.eye(int(codes.max()) + 1, dtype=np.float32)[codes]


def _groups(obs: pd.DataFrame) -> pd.Series[str]:
    """Return the donor of each cell where two or more are known, else its batch."""
    if "donor" in obs:
        donors = obs["donor"].astype(str)
        if len(set(donors) - set(_UNKNOWN)) > 1:
            return donors
    return obs["batch"].astype(str)
