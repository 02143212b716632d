"""Vectors of genes as a published encoder's last layer has them, averaged over the cells of a sample.

Shapes: T tokens of some cells, V rows of the checkpoint's table of genes, D model width.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.base import Context
from scarena.models.of_genes import GeneModel

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from scarena.models.adapters.shared.gene_rows import GeneRows
    from scarena.models.foundation.packed import Packed
    from scarena.models.foundation.tokenize import Cells

FEWEST = 5
"""Cells that must read a gene: of fewer the mean is that of single cells."""


class Reads(Protocol):
    """A loaded checkpoint, whose network has ``inputs`` of tokens and an ``encoder`` of these."""

    net: Any

    def gene_rows(self) -> GeneRows:
        """Return the table of genes, whose rows are the numbers of tokens."""

    def cells(self, data: AnnData) -> Cells:
        """Return the cells over the vocabulary."""

    def tokens(self, cells: Cells) -> Packed:
        """Return what the network reads of some cells."""


class InCells(GeneModel, Adapter):
    """The genes of a published model's last layer. A subclass names the model beside it."""

    by: ClassVar[str] = "ensembl"
    """What the checkpoint's vocabulary calls genes by, as `GeneRows.by`."""

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the means, computed once for a checkpoint.

        Raises
        ------
        NotAvailable
            If no checkpoint is named.
        ModelError
            If the checkpoint cannot be read.
        """
        from scarena.models.genes.kept import kept_table

        table = kept_table(type(self), ctx, lambda: self._means(ctx), _code())
        names = genes.index if self.by == "ensembl" else genes["symbol"].astype(str)
        known = names.isin(table.index)
        return table.loc[np.asarray(names)[known]].set_axis(genes.index[known])

    def _means(self, ctx: Context) -> pd.DataFrame:
        import pandas as pd
        import torch

        from scarena.models.genes.corpus import parts, sample

        torch.set_num_threads(ctx.threads)
        # The protocol of adapters says nothing of networks; both classes that are mixed with this one read so.
        loaded: Any = self._read(self.load)
        means_VD, cells_V = last_layer_means(loaded, sample(parts(ctx.cache)), ctx.device, self.piece)
        place = {name: row for name, row in loaded.gene_rows().place.items() if cells_V[row] >= FEWEST}
        return pd.DataFrame(means_VD[list(place.values())], index=list(place))


def last_layer_means(
    loaded: Reads, data: AnnData, device: str = "cpu", piece: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of each gene's token after the last layer that is loaded, and how many cells read it.

    Parameters
    ----------
    loaded
        The checkpoint.
    data
        Cells.
    device
        Where the network runs.
    piece
        Cells that go through it together.

    Returns
    -------
    float32 [V, D], NaN where no cell reads a gene; int64 [V].
    """
    import torch

    net, cells = loaded.net.to(device), loaded.cells(data)
    n_rows = len(loaded.gene_rows().table)
    sum_VD, cells_V = torch.zeros(0), torch.zeros(n_rows, dtype=torch.int64, device=device)
    order = np.argsort(np.diff(cells.starts_B1), kind="stable")
    with torch.inference_mode():
        for first in range(0, len(order), piece):
            tokens = loaded.tokens(cells.rows(order[first : first + piece])).to(device)
            hidden_TD, at_T = net.encoder(net.inputs(tokens), tokens), tokens.genes_T.long()
            if not len(sum_VD):
                sum_VD = torch.zeros(n_rows, hidden_TD.shape[1], dtype=torch.float64, device=device)
            sum_VD.index_add_(0, at_T, hidden_TD.double())
            cells_V += torch.bincount(at_T, minlength=n_rows)
        means_VD = (sum_VD / cells_V[:, None]).float()
    return means_VD.cpu().numpy(), cells_V.cpu().numpy()


def _code() -> str:
    """Return a hash of the adapters' sources, which no card has."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
