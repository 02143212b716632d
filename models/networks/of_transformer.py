"""What scArena-FM's three networks have in common: the shipped transformer, and a sample of the cells."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from scarena.models.base import Context
from scarena.models.foundation.checkpoint import SHIPPED, load, read_genes
from scarena.models.of_networks import NetworkModel, drawn

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from scarena.models.foundation.model import FoundationModel

CODE = ("regulator_scores", "checkpoint")
"""What decides the scores, for the settings of a card."""


class OfTransformer(NetworkModel):
    """A network read from the frozen transformer. A subclass a file; `scores` is all it has to do."""

    n_cells: ClassVar[int]
    """Cells that are read at most, drawn without regard to anything."""

    def network(self, data: AnnData, regulators: Sequence[str], ctx: Context) -> pd.DataFrame:
        """Return the scores over the drawn cells."""
        import torch

        torch.set_num_threads(ctx.threads)
        some = data[drawn(data.n_obs, self.n_cells, ctx.seed)]
        return self.scores(load(SHIPPED), some, read_genes(SHIPPED), regulators, ctx)

    @abstractmethod
    def scores(
        self, model: FoundationModel, data: AnnData, genes: Sequence[str], regulators: Sequence[str], ctx: Context
    ) -> pd.DataFrame:
        """Return a row a regulator, a column a gene, of some cells; see `Model.network`."""
