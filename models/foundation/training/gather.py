"""Embeddings of all processes in each, with gradients, for losses that compare every cell with every other.

Shapes: B cells of one process, W processes, Z width of the embedding.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from scarena.base.errors import ModelError


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z_BZ: Tensor) -> Tensor:
        found = [torch.empty_like(z_BZ) for _ in range(dist.get_world_size())]
        dist.all_gather(found, z_BZ.contiguous())
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # Every process's loss depends on these rows, so their gradients add up; averaging over processes is DDP's.
        total_WBZ = gradients[0].contiguous().clone()
        dist.all_reduce(total_WBZ)
        return total_WBZ.chunk(dist.get_world_size())[dist.get_rank()]


def gather_with_grad(z_BZ: Tensor) -> Tensor:
    """Return the embeddings of all processes, so that each cell meets the cells of all others in a contrastive loss.

    Parameters
    ----------
    z_BZ
        Of this process's cells; every process has as many.

    Returns
    -------
    [W·B, Z], process after process in the order of their ranks; `z_BZ` itself where there are no others. With losses
    averaged over processes the gradients are those of the mean loss.

    Raises
    ------
    ModelError
        If the processes have different numbers of cells.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return z_BZ
    sizes = torch.tensor([len(z_BZ), -len(z_BZ)], device=z_BZ.device)
    dist.all_reduce(sizes, dist.ReduceOp.MAX)
    most, least = int(sizes[0]), -int(sizes[1])
    if most != least:
        what = f"processes have between {least} and {most} cells"
        raise ModelError(what, where="gather_with_grad", fix="draw equal parts of a step")
    return _Gather.apply(z_BZ)
