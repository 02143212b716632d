"""A model that does not change, and whose vectors tell a learning one which cells are alike.

Shapes: B cells, Z width of the embedding.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch

from scarena.models.foundation.cell_sources import joined
from scarena.models.foundation.embed import encode
from scarena.models.foundation.tokenize import tokens_of

if TYPE_CHECKING:
    from torch import Tensor

    from scarena.models.foundation.cell_sources import CellSource
    from scarena.models.foundation.model import FoundationModel
    from scarena.models.foundation.tokenize import Cells

_CENTRE_FROM = 2048


class Teacher:
    """A model, and the mean of its vectors, without which their cosines say little."""

    def __init__(self, model: FoundationModel, centre_Z: Tensor) -> None:
        self.model, self.centre_Z = model.eval(), centre_Z
        # Then a network, which for a transformer is nearly all of the cost, has nothing to say.
        self._bag_alone = model.only_adds_up()

    @torch.no_grad()
    def __call__(self, cells: Cells) -> Tensor:
        """Return centred vectors of cells, [B, Z], that saw all of their genes and counts."""
        packed = tokens_of(cells, self.model.config.n_genes, "continuous").to(self.centre_Z.device)
        encoder = self.model.encoder
        z_BZ = encoder.bag(packed)[:, : len(self.centre_Z)] if self._bag_alone else encoder(packed)
        return z_BZ.float() - self.centre_Z


def teacher_of(model: FoundationModel, source: CellSource, device: str = "cpu", seed: int = 0) -> Teacher:
    """Return a copy of a model as teacher, its centre a mean over up to some 2,000 cells of a source."""
    sizes = np.array([group.size for group in source.groups], float)
    share = np.ceil(np.minimum(1.0, _CENTRE_FROM / sizes.sum()) * sizes).astype(int)
    cells = joined([source.draw(n, int(k), np.random.default_rng([seed, n])) for n, k in enumerate(share)])
    copied = copy.deepcopy(model)
    centre_Z = torch.from_numpy(encode(copied, cells, device).mean(axis=0)).to(device)
    return Teacher(copied, centre_Z)
