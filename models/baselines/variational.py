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


def latent_of(model: Any, seen: np.ndarray) -> np.ndarray:
    """Return the posterior means, float32 [n_cells, n_latent]; a cell that was not `seen` keeps a zero vector."""
    latent = np.asarray(model.get_latent_representation(), dtype=np.float32)
    embedding = np.zeros((len(seen), latent.shape[1]), dtype=np.float32)
    embedding[seen] = latent
    return embedding
