"""Negative control: one number a cell that says nothing of it, drawn by the cell's name.

What a probe makes of it is what a constant would give: the most frequent class, the mean. A constant itself is no
embedding, since nothing about cells that are all equal can be scored. The name decides and not the row, so that a cell
has the same number wherever it stands and whichever cells are with it.
"""

from __future__ import annotations

import hashlib

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard


class Random1(Model):
    """One standard normal number a cell."""

    card = ModelCard(
        name="random-1",
        title="Random 1-d",
        family="control",
        control="negative",
        out_of_core=True,
        uses_device=False,
        description="one Gaussian number a cell, drawn by its name: a probe on it predicts the majority, or the mean",
        source="models/controls",
        licence="MIT",
        settings={"dimension": 1},
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the numbers, float32 [n_cells, 1]."""
        from scipy.special import ndtri

        drawn = np.array([_of_name(name, ctx.seed) for name in data.obs_names.astype(str)])
        return ndtri(drawn)[:, None].astype(np.float32)


def _of_name(name: str, seed: int) -> float:
    """Return a number between 0 and 1, neither included, uniform over names and seeds."""
    digest = hashlib.blake2b(f"{seed} {name}".encode(), digest_size=6).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2**48
