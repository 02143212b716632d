"""Ragged cells end to end, without padding: what the tokeniser writes and the encoders read.

Shapes: B cells, T tokens of all of them, V genes of the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor, device


@dataclass(frozen=True, slots=True)
class Packed:
    """The tokens of B cells, one cell after the other; a cell may have none."""

    genes_T: Tensor
    """int32, place in the vocabulary."""
    values_T: Tensor
    """float32, as the encoding says; below zero where the value is hidden."""
    starts_B1: Tensor
    """int32 [B + 1], where each cell's tokens begin, and the end ("cu_seqlens")."""
    longest: int
    """Tokens of the longest cell, 0 without cells; known on the host, so that asking never waits for a device."""

    @property
    def n_cells(self) -> int:
        """B."""
        return len(self.starts_B1) - 1

    def to(self, where: device | str) -> Packed:
        """Return the same cells on another device."""
        genes_T, values_T = self.genes_T.to(where, non_blocking=True), self.values_T.to(where, non_blocking=True)
        return Packed(genes_T, values_T, self.starts_B1.to(where, non_blocking=True), self.longest)

    def cell_of(self) -> Tensor:
        """Return each token's cell, int64 [T]."""
        import torch

        cells = torch.arange(self.n_cells, device=self.starts_B1.device)
        return torch.repeat_interleave(cells, self.starts_B1.diff(), output_size=len(self.genes_T))


def narrowed(cells: Packed, length: int, generator: Generator | None = None, weights_V: Tensor | None = None) -> Packed:
    """Return at most `length` tokens of each cell, in the order they had.

    Parameters
    ----------
    cells
        As they come.
    length
        Most tokens of a cell.
    generator
        None keeps the highest values, of equals the first. With one, genes win a race in proportion to their value: a
        training that mostly sees what embedding sees, and sometimes the rest.
    weights_V
        What a gene's values are worth: of the *linear* expression times this the highest are kept, as
        `scarena.models.foundation.kernels.pack.pack` keeps them whose medians are its inverse; the race is run by the
        values as they are times this.
    """
    import torch

    if cells.longest <= length:
        return cells
    cell_T = cells.cell_of()
    key_T = cells.values_T.float()
    if weights_V is not None:
        weight_T = weights_V.detach().float()[cells.genes_T]
        key_T = (key_T.expm1() if generator is None else key_T) * weight_T
    if generator is not None:
        key_T = key_T.clamp(min=1e-6) / torch.empty_like(key_T).exponential_(generator=generator)
    order_T = torch.argsort(key_T, descending=True, stable=True)
    order_T = order_T[torch.argsort(cell_T[order_T], stable=True)]
    rank_T = torch.arange(len(order_T), device=order_T.device) - cells.starts_B1[cell_T].long()
    kept_T = torch.sort(order_T[rank_T < length]).values
    sizes_B = cells.starts_B1.diff().clamp(max=length)
    starts_B1 = torch.nn.functional.pad(sizes_B.cumsum(0), (1, 0)).to(torch.int32)
    return Packed(cells.genes_T[kept_T], cells.values_T[kept_T], starts_B1, length)


def encoded(tokens: Packed, encoding: str, n_bins: int = 50) -> Packed:
    """Return tokens of continuous values as an encoder wants them.

    ``continuous``: as they are. ``rank``: each cell's tokens by falling value, the value its position from 0. ``bins``:
    value 1 … `n_bins`, 1 + the part of the cell's other tokens that are lower, in steps of 1 / (n_bins − 1).
    """
    import torch

    if encoding == "continuous":
        return tokens
    cell_T = tokens.cell_of()
    first_T = tokens.starts_B1.long()[cell_T]
    order_T = torch.argsort(tokens.values_T, descending=encoding == "rank", stable=True)
    order_T = order_T[torch.argsort(cell_T[order_T], stable=True)]
    rank_T = torch.arange(len(order_T), device=order_T.device) - first_T
    if encoding == "rank":
        return Packed(tokens.genes_T[order_T], rank_T.float(), tokens.starts_B1, tokens.longest)
    sorted_T = tokens.values_T[order_T]
    # Equal values share the lowest of their ranks: the first place of each run, carried along it.
    new_T = torch.ones_like(sorted_T, dtype=torch.bool)
    new_T[1:] = (sorted_T[1:] != sorted_T[:-1]) | (cell_T[1:] != cell_T[:-1])
    start_T = torch.where(new_T, torch.arange(len(order_T), device=order_T.device), 0).cummax(0).values
    others_T = tokens.starts_B1.diff().long()[cell_T] - 1
    bins_T = 1 + ((start_T - first_T) * (n_bins - 1)) // others_T.clamp(min=1)
    values_T = torch.empty_like(tokens.values_T).index_copy_(0, order_T, bins_T.float())
    return Packed(tokens.genes_T, values_T, tokens.starts_B1, tokens.longest)
