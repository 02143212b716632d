"""Products of matrices in models whose weights no longer change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x weightᵀ + bias for matrices of one type.

    Without gradients, on a CPU and in single precision through oneDNN, which uses AVX-512 also where MKL does not.
    """
    frozen = not torch.is_grad_enabled() and x.device.type == "cpu" and x.dtype == torch.float32
    if frozen and len(x) and torch.backends.mkldnn.is_available():
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return F.linear(x, weight, bias)
