"""What the models of scvi-tools share: one seed and one way of training, and cells put back in order.

Not a model: each states on its own card what it fits.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from scarena.models.base import Context
from scarena.models.expression import N_HVG

# Of a step's time, what does not go with the genes: as much as of so many genes (fitted to runs on 61 to 2,000).
_BESIDE_GENES = 1000


@contextmanager
def seeded(ctx: Context) -> Iterator[None]:
    """Seed scvi-tools, give torch the threads of the run, and keep advice on loaders and pandas out of the log."""
    import scvi
    import torch

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(ctx.threads)
    scvi.settings.seed = ctx.seed
    with warnings.catch_warnings():
        # Lightning's advice on data-loader workers and scvi-tools' pandas idioms: nothing a user can act on.
        warnings.simplefilter("ignore")
        yield


def train(model: Any, ctx: Context, **options: Any) -> None:
    """Train a model of scvi-tools on the device of the run, without progress bar or log files."""
    accelerator = "gpu" if ctx.device.startswith("cuda") else "cpu"
    model.train(accelerator=accelerator, devices=1, enable_progress_bar=False, logger=False, **options)


def heuristic_epochs(cells: int) -> int:
    """Return how often scvi-tools goes over the cells where nobody says: min(400, 20,000 / n_cells · 400)."""
    return max(1, min(400, round(20_000 / max(cells, 1) * 400)))


def work_of(cells: int, genes: int, epochs: int) -> float:
    """Return what the time of a training goes with: passes over the cells, each with its highly variable genes."""
    return float(cells) * epochs * (min(genes, N_HVG) + _BESIDE_GENES)


def latent_of(model: Any, seen: np.ndarray) -> np.ndarray:
    """Return the posterior means, float32 [n_cells, n_latent]; a cell that was not `seen` keeps a zero vector."""
    latent = np.asarray(model.get_latent_representation(), dtype=np.float32)
    embedding = np.zeros((len(seen), latent.shape[1]), dtype=np.float32)
    embedding[seen] = latent
    return embedding
