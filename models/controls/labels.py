"""Positive controls: the cell types themselves, one-hot, exact and with noise."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.base.errors import NotApplicable
from scarena.models.base import Context, Model, ModelCard

NOISE_SD = 0.3


def _one_hot(data: AnnData) -> np.ndarray:
    codes = data.obs["cell_type"].astype("category").cat.codes.to_numpy()
    if codes.max() < 1:
        # A constant embedding has no variance to share out and no neighbours: most metrics would fail on it.
        fix = "none needed: other models are scored by what the dataset can answer"
        raise NotApplicable("fewer than two cell types, so labels tell nothing apart", where="cell_type", fix=fix)
    return np.eye(int(codes.max()) + 1, dtype=np.float32)[codes]


class Labels(Model):
    """One-hot cell types."""

    card = ModelCard(
        name="labels",
        title="One-hot labels",
        family="control",
        draws=False,
        control="positive",
        holds=("types",),
        out_of_core=True,
        description="the cell types one-hot: what a perfect, batch-free annotation would give",
        uses_labels=True,
        source="models/controls",
        licence="MIT",
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the one-hot matrix."""
        return _one_hot(data)


class LabelsNoisy(Model):
    """One-hot cell types with Gaussian noise."""

    card = ModelCard(
        name="labels-noisy",
        title="Noisy labels",
        family="control",
        control="positive",
        out_of_core=True,
        description=f"the cell types one-hot, with Gaussian noise of standard deviation {NOISE_SD}",
        uses_labels=True,
        source="models/controls",
        licence="MIT",
        settings={"noise_sd": NOISE_SD},
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the one-hot matrix with noise."""
        exact = _one_hot(data)
        noise = np.random.default_rng(ctx.seed).standard_normal(exact.shape, dtype=np.float32)
        return exact + np.float32(NOISE_SD) * noise
