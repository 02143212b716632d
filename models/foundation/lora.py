"""Low-rank adapters: a linear layer W learns no more than a product of two thin matrices that is added to it.

W x becomes W x + (alpha / r) B A x (Hu et al. 2021, arXiv:2106.09685). B is zero at the start, so that a model with new
adapters is the model it was; merged, the product is part of W and the model is an ordinary one again.

Shapes: I and O widths in and out of a layer, R rank of its adapter.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from scarena.base.errors import ConfigError


class LoraConfig(BaseModel):
    """Adapters of a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(8, ge=1)
    alpha: float = Field(16.0, gt=0)
    layers: tuple[str, ...] = ("q", "kv", "out", "up", "down", "hidden", "bottleneck")
    """Last parts of the names of the layers that get one: attention and feed-forward of a transformer's blocks and
    readout, the two layers of a bag. A name that a kind of model does not have is passed over."""


class LowRank(nn.Linear):
    """A linear layer and its adapter; weight and bias are those of the layer it replaces, not copies."""

    def __init__(self, linear: nn.Linear, config: LoraConfig, generator: torch.Generator) -> None:
        # Made without memory, and so without a draw from the global generator.
        super().__init__(linear.in_features, linear.out_features, bias=linear.bias is not None, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.scale = config.alpha / config.rank
        uniform_RI = torch.rand(config.rank, linear.in_features, generator=generator)
        self.a_RI = nn.Parameter(((2 * uniform_RI - 1) * linear.in_features**-0.5).to(linear.weight))
        self.b_OR = nn.Parameter(linear.weight.new_zeros(linear.out_features, config.rank))

    def forward(self, x: Tensor) -> Tensor:
        """Return W x + bias + (alpha / r) B A x."""
        return super().forward(x) + self.scale * F.linear(F.linear(x, self.a_RI), self.b_OR)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return the plain layer that computes the same, exact to rounding."""
        plain = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device="meta")
        whole_OI = self.weight.double() + self.scale * self.b_OR.double() @ self.a_RI.double()
        plain.weight, plain.bias = nn.Parameter(whole_OI.to(self.weight.dtype)), self.bias
        return plain


def add_adapters(model: nn.Module, config: LoraConfig, seed: int, *, skip: Collection[str] = ()) -> list[str]:
    """Give layers of a model adapters, in place, and freeze all of its other parameters.

    Parameters
    ----------
    model
        A FoundationModel, its encoder, or any other module.
    config
        See `LoraConfig`.
    seed
        Of the matrices A.
    skip
        Names of modules, as in `nn.Module.named_modules`, none of whose layers gets one.

    Returns
    -------
    The names of the layers that got one, sorted.

    Raises
    ------
    ConfigError
        If there is no such layer, or one has an adapter already.
    """
    found = {name: layer for name, layer in _linears(model, config.layers).items() if not _below(name, skip)}
    if not found:
        known = ", ".join(sorted({name.rpartition(".")[2] for name in _linears(model, None)}))
        what = f"no linear layer is called {' or '.join(config.layers) or '(nothing)'}"
        raise ConfigError(what, where="lora: layers", fix=f"one of: {known}")
    twice = [name for name, layer in found.items() if isinstance(layer, LowRank)]
    if twice:
        raise ConfigError("has an adapter already", where=f"lora: {twice[0]}", fix="merge it first")
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name in sorted(found):
        model.set_submodule(name, LowRank(found[name], config, generator))
    return sorted(found)


def merge_adapters(model: nn.Module) -> list[str]:
    """Make the adapters of a model part of its weights, in place; return the names of the layers that had one."""
    found = {name: layer for name, layer in model.named_modules() if isinstance(layer, LowRank)}
    for name, layer in found.items():
        model.set_submodule(name, layer.merged())
    return sorted(found)


def _linears(model: nn.Module, names: Collection[str] | None) -> dict[str, nn.Linear]:
    return {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and (names is None or name.rpartition(".")[2] in names)
    }


def _below(name: str, modules: Collection[str]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in modules)
