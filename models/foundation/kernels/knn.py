"""Exact nearest neighbours in Euclidean distance: candidates from a product, their order from their differences.

A product gives |q|² + |x|² − 2 q·x, whose rounding may swap near neighbours. So more candidates than asked for are
kept, their distances taken anew from differences in float64, and a row is accepted only if the rounding of the product
cannot have cost it a neighbour; the other rows are searched again without the product.

Roofline, 100,000 × 100,000 cells at D = 50: 1 TFLOP, three times that in TF32 products, 8 ms at the 400 TFLOP/s of
dense TF32, against 20 MB of input; keeping the nearest reads each block of distances as often as it holds new
candidates, which the arithmetic units bound and the product does not. Not measured yet.

Shapes: N cells, M queries, D dimensions, C candidates, K neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from scarena.base.errors import ModelError
from scarena.models.foundation.kernels.dispatch import use_triton

if TYPE_CHECKING:
    from torch import Tensor

# Candidates beyond those asked for.
_SPARE = 8
# Distances or differences held at once, 8 bytes each.
_HELD = 1 << 25


def nearest(x_ND: Tensor, k: int, *, queries: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return distances float32 and indices int64 [M, min(k, N)] of the nearest rows of x, nearest first.

    Distances equal in float32 are ties, and ties go to the lower index; but without `queries` every row of x is asked
    for its neighbours and comes first itself, at distance zero, whatever duplicates it has.

    Parameters
    ----------
    x_ND
        Finite floating [N, D].
    k
        Neighbours a query, itself included; at least 1.
    queries
        [M, D]; by default `x_ND`.

    Raises
    ------
    ModelError
        If `k` is less than one.
    """
    if k < 1:
        raise ModelError(f"k is {k}", where="nearest", fix="ask for at least one neighbour")
    if not use_triton(x_ND):
        return nearest_twin(x_ND, k, queries=queries)
    from scarena.models.foundation.kernels.knn_triton import candidates

    x_ND = x_ND.detach().float().contiguous()
    asked = x_ND if queries is None else queries.detach().float().contiguous()
    own_M = torch.arange(len(x_ND), device=x_ND.device) if queries is None else None
    near_MC, reach_M = candidates(x_ND, asked, k + _SPARE, own=queries is None)
    distances, indices = _ranked(x_ND, asked, near_MC, own_M, k)
    missing = torch.nonzero(~_certain(x_ND, asked, distances, reach_M))[:, 0]
    if len(missing):
        again = _searched(x_ND, asked[missing], k, None if own_M is None else own_M[missing])
        distances[missing], indices[missing] = again
    return distances, indices


def _certain(x_ND: Tensor, asked_MD: Tensor, distances_MK: Tensor, reach_M: Tensor) -> Tensor:
    """Return for which queries no row outside the candidates, all at `reach` by the product, can be a neighbour."""
    # A sum of D products in float32 is off by at most D units in the last place of what is summed; twice that for TF32
    # in three products.
    off = (x_ND.shape[1] + 4) * 2.0**-22
    error_M = off * (asked_MD.double().norm(dim=1) + x_ND.double().norm(dim=1).max()).square()
    return distances_MK[:, -1].double().square() * (1 + 1e-6) < reach_M.double() - error_M


def _keys(squares: Tensor, index: Tensor, own: Tensor | None) -> Tensor:
    """Return integers that order by distance in float32, then by index, a query's own row before all."""
    # The bits of floats that are not negative are in their order.
    key = squares.sqrt().float().view(torch.int32).to(torch.int64) << 32 | index
    return key if own is None else torch.where(index == own[:, None], -1, key)


def _unpacked(key_MK: Tensor, own: Tensor | None) -> tuple[Tensor, Tensor]:
    distances, indices = (key_MK >> 32).to(torch.int32).view(torch.float32), key_MK & 0xFFFFFFFF
    if own is not None:
        distances[:, 0], indices[:, 0] = 0.0, own
    return distances, indices


def _ranked(x_ND: Tensor, asked_MD: Tensor, near_MC: Tensor, own_M: Tensor | None, k: int) -> tuple[Tensor, Tensor]:
    step = max(1, _HELD // max(1, near_MC.shape[1] * x_ND.shape[1]))
    found = []
    for first in range(0, len(asked_MD), step):
        part = slice(first, first + step)
        gap_MCD = x_ND[near_MC[part]].double() - asked_MD[part, None].double()
        key_MC = _keys(gap_MCD.square().sum(-1), near_MC[part], None if own_M is None else own_M[part])
        found.append(key_MC.sort(dim=1).values[:, :k])
    return _unpacked(torch.cat(found) if found else near_MC[:, :k], own_M)


def _searched(x_ND: Tensor, asked_MD: Tensor, k: int, own_M: Tensor | None) -> tuple[Tensor, Tensor]:
    step, index_N = max(1, _HELD // max(1, len(x_ND))), torch.arange(len(x_ND), device=x_ND.device)
    found = [index_N.new_empty(0, min(k, len(x_ND)))]
    for first in range(0, len(asked_MD), step):
        part = slice(first, first + step)
        gap = torch.cdist(asked_MD[part].double(), x_ND.double(), compute_mode="donot_use_mm_for_euclid_dist")
        key_MN = _keys(gap.square(), index_N, None if own_M is None else own_M[part])
        found.append(key_MN.topk(min(k, len(x_ND)), dim=1, largest=False).values)
    return _unpacked(torch.cat(found), own_M)


def nearest_twin(x_ND: Tensor, k: int, *, queries: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return what `nearest` does, from all differences in float64."""
    x_ND = x_ND.detach()
    own_M = torch.arange(len(x_ND), device=x_ND.device) if queries is None else None
    return _searched(x_ND, x_ND if queries is None else queries.detach(), k, own_M)
