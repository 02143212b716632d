"""Label-free adaptation: two passes of the pretraining task over the cells of the dataset to be embedded.

What scVI does from nothing, this does from a pretrained model, in less than two minutes on two cores. The batches are
used, to draw a step's cells from one of them; cell types are not.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from scarena.base.errors import NotApplicable
from scarena.models.foundation.cell_sources import DatasetSource, expressed_share
from scarena.models.foundation.part_of_genes import over_genes, put_back
from scarena.models.foundation.task import TaskConfig, ViewsTask, Weights
from scarena.models.foundation.teacher import teacher_of
from scarena.models.foundation.training.config import EngineConfig
from scarena.models.foundation.training.loop import fit
from scarena.models.foundation.views import ViewConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData

    from scarena.models.foundation.model import FoundationModel
    from scarena.models.foundation.training.task import Report


class AdaptConfig(BaseModel):
    """How a model is adapted. So many steps as there are cells for: a clock would give other vectors at every run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    passes: float = Field(2.0, gt=0)
    """Over the dataset: what overfits is how often a cell is seen, and not how long one trains."""
    most_steps: int = Field(200, ge=1)
    """However many cells there are."""
    steps: int | None = Field(None, ge=1)
    """In place of passes."""
    learning_rate: float = Field(3e-3, gt=0)
    task: TaskConfig = TaskConfig(
        views=ViewConfig(batch_effect=0.8, targets=0, zeros=0), weights=Weights(unseen=0), others=64
    )
    smallest_batch: int = Field(64, ge=2)
    """Smaller ones are taken for one batch together (see `pooled`)."""
    clip: float = 1.0

    def steps_for(self, n_cells: int) -> int:
        """Return how many steps a dataset of so many cells takes."""
        if self.steps is not None:
            return self.steps
        return max(1, min(self.most_steps, math.ceil(self.passes * n_cells / self.task.cells)))


def pooled(batch: np.ndarray, least: int) -> np.ndarray:
    """Return the batch of each cell, str [n_cells], where all batches of fewer than `least` cells are one.

    Among few cells, most of one type, all there is to tell apart is noise: with 10 batches of 24 to 60 cells each on
    its own, bio conservation of a development set (darmanis_brain) fell from .67 to .38.
    """
    names, place, size = np.unique(batch.astype(str), return_inverse=True, return_counts=True)
    return np.where(size < least, "(small batches)", names)[place]


def check_enough(data: AnnData, config: AdaptConfig) -> None:
    """Raise NotApplicable if a dataset has fewer cells than a batch takes."""
    if data.n_obs < config.smallest_batch:
        fix = "use the model as it is"
        raise NotApplicable(f"{data.n_obs} cells; adapting takes {config.smallest_batch}", where="adapt", fix=fix)


def adapt(
    model: FoundationModel, data: AnnData, genes: Sequence[str], config: AdaptConfig, *, seed: int = 0,
    device: str = "cpu", folder: Path | None = None,
) -> tuple[FoundationModel, Report]:  # fmt: skip
    """Return a copy of the model adapted to a dataset, and what the training says of itself.

    Parameters
    ----------
    model
        Stays as it is.
    data
        Prepared: counts, Ensembl ids as ``var_names``, ``obs["batch"]``. Nothing else is looked at.
    genes
        The model's vocabulary.
    config
        See `AdaptConfig`.
    seed
        Of all draws.
    device
        Where to train.
    folder
        For logs and checkpoints, to take an interrupted adaptation up again; temporary where not given.

    Raises
    ------
    ModelError
        If the data has no gene of the vocabulary, training fails, or the folder holds another adaptation.
    NotApplicable
        If there are fewer cells than a batch takes.
    """
    least = config.smallest_batch
    check_enough(data, config)
    rows = np.flatnonzero(np.isin(list(genes), list(data.var_names)))
    measured = [genes[row] for row in rows.tolist()]
    source = DatasetSource.of(data, measured or genes, pooled(data.obs["batch"].to_numpy(), least))
    begun = over_genes(model, rows)
    learning = regrouped(begun, len(source.groups))
    if config.task.weights.unseen or config.task.weights.denoise:
        learning.decoder.start_from(expressed_share(source, 512, seed))
    teacher = teacher_of(begun, source, device, seed) if config.task.others else None
    settings = config.task.model_copy(update={"seed": seed})
    task = ViewsTask(source, settings, learning, teacher=teacher)
    steps = config.steps_for(data.n_obs)
    engine = EngineConfig(
        steps=steps, learning_rate=config.learning_rate, clip=config.clip, validate_every=None,
        checkpoint_every=steps, seed=seed,
    )  # fmt: skip
    identity = {} if folder is None else {"task": settings.model_dump(mode="json"), "from": _digest(model, data, genes)}
    with tempfile.TemporaryDirectory() as temporary:
        report = fit(learning, task, engine, folder or Path(temporary), device=device, identity=identity)
    return put_back(model, learning, rows).to(device), report


def _digest(model: FoundationModel, data: AnnData, genes: Sequence[str]) -> str:
    """Return a checksum of what an adaptation starts from: one of another model or dataset must not be gone on with."""
    from scipy.sparse import csr_matrix

    names = [*genes, *data.var_names, *data.obs["batch"].astype(str)]
    hashed, counts = hashlib.sha256("\n".join(names).encode()), csr_matrix(data.X)
    weights = (value.detach().cpu().numpy() for value in model.state_dict().values())
    for values in (counts.indptr, counts.indices, counts.data, *weights):
        hashed.update(values.tobytes())
    return hashed.hexdigest()


def regrouped(model: FoundationModel, n_groups: int) -> FoundationModel:
    """Return a copy whose decoder knows other groups, about none of which it has learned anything yet."""
    import torch

    from scarena.models.foundation.model import initialised

    copied = initialised(model.config.model_copy(update={"n_groups": n_groups}), 0)
    weights = model.state_dict()
    not_given = weights["decoder.groups.weight"][-1:]
    weights["decoder.groups.weight"] = not_given.expand(n_groups + 1, -1)
    with torch.no_grad():
        copied.load_state_dict(weights)
    return copied
