"""The state of training as named tensors: weights, running mean, optimisers, random generators. No pickle anywhere.

Names: ``model/<name>``, ``ema/<parameter>``, ``optimiser/<parameter>/<key>``, ``random/<device>``.

Shapes: W processes, S bytes of a generator's state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from scarena.models.foundation.training.optimisers import trained

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from scarena.models.foundation.training.ema import Ema

Shapes = Mapping[str, Sequence[Any]]
"""Name to (type, whole shape), as JSON keeps it."""


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, tuple[str, list[int]]]:
    """Return the types and whole shapes of tensors, in a form that JSON keeps."""
    return {name: (str(value.dtype).removeprefix("torch."), list(value.shape)) for name, value in tensors.items()}


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Return the states of the generators that this process draws from, as uint8 [S]."""
    found = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        found["cuda"] = torch.cuda.get_rng_state(device)
    return found


def set_random_states(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Set the generators to states that `random_states` returned."""
    # Copied, since torch 2.13 reads beyond the end of a state that is a row of a larger tensor, and crashes.
    torch.set_rng_state(states["cpu"].clone())
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"].clone(), device)


def _optimiser_states(model: nn.Module, optimisers: list[Optimizer]) -> Iterator[tuple[str, Tensor]]:
    names = {id(value): name for name, value in trained(model).items()}
    for optimiser in optimisers:
        for parameter, states in optimiser.state.items():
            for key, value in states.items():
                yield f"optimiser/{names[id(parameter)]}/{key}", value


def collected(model: nn.Module, ema: Ema | None, optimisers: list[Optimizer]) -> dict[str, Tensor]:
    """Return the state of training, without the generators; the tensors themselves, not copies."""
    found = {f"model/{name}": value.detach() for name, value in model.state_dict().items()}
    if ema is not None:
        found |= {f"ema/{name}": value for name, value in ema.mean.items()}
    return found | dict(_optimiser_states(model, optimisers))


def template(model: nn.Module, ema: Ema | None, shapes: Shapes) -> dict[str, Tensor]:
    """Return tensors to read a state into, sharded as the model is; zeros for all that the model does not have yet.

    Parameters
    ----------
    model, ema
        As they will be trained; their own tensors are in the result.
    shapes
        Of every tensor of the state.
    """
    found, parameters = collected(model, ema, []), trained(model)
    for name, (dtype, shape) in shapes.items():
        if name in found:
            continue
        like = parameters.get(name.removeprefix("optimiser/").rpartition("/")[0])
        kind = getattr(torch, dtype)
        same = like is not None and list(like.shape) == shape
        found[name] = torch.zeros_like(like, dtype=kind).detach() if same else torch.zeros(shape, dtype=kind)  # type: ignore[arg-type]
    return found


@torch.no_grad()
def restore(tensors: Mapping[str, Tensor], model: nn.Module, ema: Ema | None, optimisers: list[Optimizer]) -> None:
    """Set the state of training to what `collected` returned at another time, perhaps in another process."""
    weights = {name.removeprefix("model/"): value for name, value in tensors.items() if name.startswith("model/")}
    model.load_state_dict(weights)
    if ema is not None:
        for name, value in ema.mean.items():
            value.copy_(tensors[f"ema/{name}"])
    parameters = trained(model)
    owner = {id(value): each for each in optimisers for group in each.param_groups for value in group["params"]}
    for name, value in tensors.items():
        if name.startswith("optimiser/"):
            parameter, _, key = name.removeprefix("optimiser/").rpartition("/")
            held: dict[str, Any] = owner[id(parameters[parameter])].state[parameters[parameter]]
            # AdamW counts its steps on the CPU wherever the weights are.
            held[key] = value.clone() if value.ndim == 0 else value.to(parameters[parameter].device, copy=True)
