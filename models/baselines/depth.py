"""Depth: how many molecules and how many genes were counted in a cell, and nothing of which ones."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.base.errors import NotApplicable
from scarena.datasets.stored import blocks
from scarena.models.base import Context, Model, ModelCard


class Depth(Model):
    """Log counts and log detected genes, standardised."""

    card = ModelCard(
        name="depth",
        title="Depth",
        family="baseline",
        draws=False,
        uses_device=False,
        out_of_core=True,
        description="log1p of a cell's counts and of its detected genes, both standardised over the dataset",
        trains_on_target=True,
        source="models/baselines",
        licence="MIT",
        settings={"n_dimensions": 2},
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the two numbers, float32 [n_cells, 2]; one that is the same for all cells is 0.

        Raises
        ------
        NotApplicable
            If both are the same for all cells.
        """
        depth = np.concatenate([_of_cells(part) for _, _, part in blocks(data.X)])
        spread = depth.std(axis=0)
        # What is left of equal numbers after their mean is rounding.
        varies = spread > 1e-9
        if not varies.any():
            fix = "none needed: depth tells nothing apart here"
            raise NotApplicable("all cells have as many counts, of as many genes", where="counts", fix=fix)
        return ((depth - depth.mean(axis=0)) * varies / np.where(varies, spread, 1)).astype(np.float32)


def _of_cells(counts: np.ndarray) -> np.ndarray:
    """Return log1p of the sum and of the number of positive entries of each row, float64 [n_cells, 2]."""
    both = [np.asarray(each.sum(axis=1), np.float64).ravel() for each in (counts, counts > 0)]
    return np.log1p(np.stack(both, axis=1))
