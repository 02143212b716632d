"""Which optimiser a parameter goes to, and the optimisers: AdamW alone, or Muon for the hidden matrices beside it.

Muon: Jordan 2024, https://kellerjordan.github.io/posts/muon/. Its updates are scaled to the size of AdamW's: Liu 2025,
arXiv:2502.16982.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from scarena.base.errors import ModelError

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from scarena.models.foundation.training.config import EngineConfig

Kind = Literal["hidden", "table", "vector"]


def kind_of(name: str, shape: Sequence[int], tables: Collection[str]) -> Kind:
    """Return what a parameter is, by name and shape.

    Parameters
    ----------
    name
        As in `nn.Module.named_parameters`.
    shape
        Of the whole parameter, however it is sharded.
    tables
        Words that make a matrix a table.

    Returns
    -------
    ``vector`` (norms, biases, scalars: AdamW without decay), ``hidden`` (matrices that map one width to another: Muon)
    or ``table`` (look-up tables, heads, learnt tokens, stacks of matrices: AdamW with decay).

    >>> kind_of("blocks.0.qkv.weight", (96, 32), ["genes"]), kind_of("genes.weight", (96, 32), ["genes"])
    ('hidden', 'table')
    """
    words = set(re.findall("[a-z]+", name.lower()))
    if len(shape) < 2 or words & {"bias", "norm"}:
        return "vector"
    # Orthogonalising a single row or column would only normalise it.
    return "hidden" if len(shape) == 2 and min(shape) > 1 and not words & set(tables) else "table"


def kinds(model: nn.Module, tables: Collection[str]) -> dict[str, Kind]:
    """Return what each trained parameter is; the weight of an `nn.Embedding` is not hidden, whatever its name."""
    looked_up = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    found: dict[str, Kind] = {}
    for name, value in trained(model).items():
        kind = kind_of(name, value.shape, tables)
        found[name] = "table" if kind == "hidden" and id(value) in looked_up else kind
    return found


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that training changes, by name; tied ones once."""
    return {name: value for name, value in model.named_parameters() if value.requires_grad}


def _groups(parameters: dict[str, nn.Parameter], kind: dict[str, Kind], peak: dict[Kind, float], decay: float) -> Any:
    """Return the non-empty parameter groups of some kinds, each with its peak rate."""
    for each, rate in peak.items():
        members = [value for name, value in parameters.items() if kind[name] == each]
        if members:
            yield {"params": members, "lr": rate, "peak": rate, "weight_decay": 0.0 if each == "vector" else decay}


def make_optimisers(model: nn.Module, config: EngineConfig) -> list[Optimizer]:
    """Return the optimisers of a model; every trained parameter is in exactly one group of one of them.

    Raises
    ------
    ModelError
        If nothing is to be trained.
    """
    parameters, kind = trained(model), kinds(model, config.adamw_names)
    if not parameters:
        raise ModelError("no parameter requires a gradient", where="training", fix="unfreeze some of the model")
    with_adamw: dict[Kind, float] = dict.fromkeys(("hidden", "table", "vector"), config.learning_rate)
    found: list[Optimizer] = []
    if config.optimiser == "muon":
        with_muon: dict[Kind, float] = {"hidden": config.muon_learning_rate}
        del with_adamw["hidden"]
        if groups := list(_groups(parameters, kind, with_muon, config.weight_decay)):
            found.append(torch.optim.Muon(groups, adjust_lr_fn="match_rms_adamw"))
    if groups := list(_groups(parameters, kind, with_adamw, config.weight_decay)):
        # One pass over the weights in place of ten: of a step of a gene bag on a CPU, a seventh of the time.
        found.append(torch.optim.AdamW(groups, betas=config.betas, fused=True))
    return found


def set_rates(optimisers: list[Optimizer], share: float) -> None:
    """Set every group's rate to a share of its own peak."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = share * group["peak"]
