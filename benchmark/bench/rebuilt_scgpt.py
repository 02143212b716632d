"""How scGPT embeds cells, rebuilt from its definitions: what `scarena bench fm` measures against.

Rebuilt: `scgpt/tasks/cell_emb.py` (a dataset that hands out a cell at a time, ``<cls>`` before its genes, batches of 64
in order, the vector at position 0 scaled to length one), `scgpt/data_collator.py` and `scgpt/preprocess.py` (bins of
each cell's own values, a random sample of the genes of cells that have too many, padding to the longest of the batch)
and `scgpt/model/model.py` (gene and value encoders, a post-norm encoder with ReLU), as it runs where flash-attn is not
installed, so on every machine without a GPU: `torch.nn.TransformerEncoder` in single precision with all of its
defaults. Upstream's mixed precision is CUDA's alone.

Not rebuilt: the decoders, which embedding does not use, and reading a checkpoint; weights are random. Two things differ
in its favour or in nothing: non-zero values are read from CSR rows rather than from a dense matrix that is searched for
them, and random numbers come from generators that are passed in.

Cui et al. 2024, doi:10.1038/s41592-024-02201-0.

Shapes: B cells of a batch, L positions of the longest, n positions of one cell, D width.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from scarena.base.errors import DataError

PAD_VALUE = -2.0
N_BINS = 51
BATCH = 64
_MOST = 512


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the model; those of the published one but for `n_genes` are the defaults."""

    n_genes: int
    width: int = 512
    heads: int = 8
    layers: int = 12
    feed_forward: int = 512
    length: int = 1200
    """Positions of a cell at most, ``<cls>`` among them."""

    @property
    def cls(self) -> int:
        """The token before the genes of a cell; genes are 0 … `n_genes` − 1."""
        return self.n_genes

    @property
    def pad(self) -> int:
        """The token after them."""
        return self.n_genes + 1


def binned(values: np.ndarray, rng: np.random.Generator, n_bins: int = N_BINS) -> np.ndarray:
    """Return the bins of a cell's non-zero values, integers from 1 to `n_bins` − 1.

    The edges are `n_bins` − 1 quantiles of the values, the lowest and the highest among them. A bin is the number of
    edges up to a value. On several equal edges, where counts often are, it is a random one of those that begin there.

    Parameters
    ----------
    values
        [n], above zero.
    rng
        One number in [0, 1) is drawn for every value.
    n_bins
        Bins, that of zero among them.
    """
    edges = np.quantile(values, np.linspace(0, 1, n_bins - 1))
    up_to, below = np.digitize(values, edges), np.digitize(values, edges, right=True)
    return np.ceil(up_to - rng.random(len(values)) * (up_to - below)).astype(np.int64)


class CellRows(Dataset[dict[str, Tensor]]):
    """Cells one at a time, from CSR: ``<cls>`` and a padding value before the genes and their counts.

    Raises
    ------
    DataError
        If a cell has no counts, where upstream's binning fails.
    """

    def __init__(self, starts: np.ndarray, genes: np.ndarray, counts: np.ndarray, shape: Shape) -> None:
        if (np.diff(starts) == 0).any():
            raise DataError("a cell without counts", where="rebuilt scGPT", fix="leave such cells out")
        self.starts, self.genes, self.counts, self.cls = starts, genes, counts, shape.cls

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return ``genes``, int64 [n], and ``values``, float32 [n]."""
        row = slice(self.starts[index], self.starts[index + 1])
        genes, values = np.insert(self.genes[row], 0, self.cls), np.insert(self.counts[row], 0, PAD_VALUE)
        return {"genes": torch.from_numpy(genes).long(), "values": torch.from_numpy(values).float()}


class Collator:
    """Cells to a padded batch: bins, a sample where there are too many genes, padding to the longest."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.length, self.pad = shape.length, shape.pad
        self.rng, self.generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)

    def __call__(self, cells: list[dict[str, Tensor]]) -> tuple[Tensor, Tensor]:
        """Return genes, int64 [B, L], and binned values, float32 [B, L]; ``<cls>`` stays first."""
        length = min(self.length, max(len(cell["genes"]) for cell in cells))
        rows = [self._row(cell, length) for cell in cells]
        return torch.stack([genes for genes, _ in rows]), torch.stack([values for _, values in rows])

    def _row(self, cell: dict[str, Tensor], length: int) -> tuple[Tensor, Tensor]:
        genes, values = cell["genes"], cell["values"]
        values[1:] = torch.from_numpy(binned(values[1:].numpy(), self.rng))
        if len(genes) > length:
            drawn = torch.randperm(len(genes) - 1, generator=self.generator)[: length - 1]
            kept = torch.cat([torch.zeros(1, dtype=torch.int64), drawn + 1])
            return genes[kept], values[kept]
        spare = length - len(genes)
        return (
            torch.cat([genes, torch.full((spare,), self.pad, dtype=genes.dtype)]),
            torch.cat([values, torch.full((spare,), PAD_VALUE)]),
        )


class RebuiltScGPT(nn.Module):
    """The encoder."""

    def __init__(self, shape: Shape, dropout: float = 0.2) -> None:
        super().__init__()
        self.shape, width = shape, shape.width
        self.genes, self.norm_genes = nn.Embedding(shape.n_genes + 2, width), nn.LayerNorm(width)
        nn.init.uniform_(self.genes.weight, -0.1, 0.1)
        self.value_in, self.value_out = nn.Linear(1, width), nn.Linear(width, width)
        self.norm_values, self.dropout = nn.LayerNorm(width), nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(width, shape.heads, shape.feed_forward, dropout, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, shape.layers)

    def forward(self, genes_BL: Tensor, values_BL: Tensor) -> Tensor:
        """Return the outputs at all positions, [B, L, D]; those of padding mean nothing."""
        genes_BLD = self.norm_genes(self.genes(genes_BL))
        hidden_BLD = torch.relu(self.value_in(values_BL.clamp(max=_MOST)[..., None].to(self.genes.weight)))
        values_BLD = self.dropout(self.norm_values(self.value_out(hidden_BLD)))
        with warnings.catch_warnings():
            # Frozen, PyTorch takes the padding out by itself, and says that the way it does so may change.
            warnings.filterwarnings("ignore", message=".*nested tensors", category=UserWarning)
            return self.layers(genes_BLD + values_BLD, src_key_padding_mask=genes_BL == self.shape.pad)


def initialised(shape: Shape, seed: int) -> RebuiltScGPT:
    """Return a frozen model with random weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return RebuiltScGPT(shape).eval()


def loader(rows: CellRows, shape: Shape, *, seed: int, workers: int = 0) -> DataLoader[Any]:
    """Return batches of 64 cells in order. With `workers`, upstream's as many as there are cores, made in processes."""
    return DataLoader(rows, BATCH, collate_fn=Collator(shape, seed), num_workers=workers)


@torch.no_grad()
def embed(
    model: RebuiltScGPT, starts: np.ndarray, genes: np.ndarray, counts: np.ndarray,
    *, seed: int = 0, device: str = "cpu", workers: int = 0,
) -> np.ndarray:  # fmt: skip
    """Return float32 [n_cells, D], each row of length one.

    Parameters
    ----------
    model
        Moved to the device; on a GPU under mixed precision, as upstream.
    starts, genes, counts
        CSR: where each cell begins and the end, places in the vocabulary, counts above zero.
    seed
        Of the sampling of genes and the bins of ties; with `workers`, each process begins anew from it.
    device
        Where the model runs.
    workers
        Processes that make batches.

    Raises
    ------
    DataError
        If a cell has no counts.
    """
    model.to(device)
    on_gpu = torch.device(device).type == "cuda"
    rows = CellRows(starts, genes, counts, model.shape)
    result, at = np.zeros((len(rows), model.shape.width), np.float32), 0
    for genes_BL, values_BL in loader(rows, model.shape, seed=seed, workers=workers):
        with torch.autocast("cuda", enabled=on_gpu):
            z_BD = model(genes_BL.to(device), values_BL.to(device))[:, 0].float().cpu().numpy()
        result[at : at + len(z_BD)] = z_BD
        at += len(z_BD)
    return result / np.linalg.norm(result, axis=1, keepdims=True)
