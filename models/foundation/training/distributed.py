"""Several processes started by torchrun: joining them, DDP and FSDP2."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn

from scarena.base.errors import ConfigError

How = Literal["none", "ddp", "fsdp"]


@dataclass(frozen=True, slots=True)
class Place:
    """This process among the others."""

    rank: int
    world: int
    device: torch.device

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.world > 1:
            dist.barrier()

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over processes, the same bits in each; not finite where it is not in any of them."""
        if self.world > 1:
            values = values.clone()
            dist.all_reduce(values)
            values /= self.world
        return values

    def of_first(self, value: float) -> float:
        """Return what the first process has, so that a clock leads all of them to the same decision."""
        if self.world > 1:
            shared = torch.tensor([value], dtype=torch.float64, device=self.device)
            dist.broadcast(shared, 0)
            value = float(shared)
        return value

    def of_all(self, value: Tensor) -> Tensor:
        """Return every process's tensor, stacked along a new first dimension, on the CPU."""
        if self.world == 1:
            return value.cpu()[None]
        found = [torch.empty_like(value, device=self.device) for _ in range(self.world)]
        dist.all_gather(found, value.to(self.device))
        return torch.stack(found).cpu()


def _launched(how: How) -> bool:
    """Return whether there are other processes, after checking that the configuration agrees."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if how == "none" and world > 1:
        what = f"{world} processes were started, which would train the same model {world} times"
        raise ConfigError(what, where="distributed", fix="set it to ddp or fsdp, or start one process")
    if how != "none" and "RANK" not in os.environ and not dist.is_initialized():
        what = f"{how} was asked for but the processes were not started together"
        raise ConfigError(what, where="distributed", fix="start it with `torchrun --standalone --nproc-per-node=N`")
    return how != "none"


@contextlib.contextmanager
def joined(how: How, device: str) -> Iterator[Place]:
    """Join the processes that torchrun started, if any were to be, and leave them at the end.

    Inside another `joined` it does nothing, so that a caller can read sharded weights after `fit` (`full_weights`), or
    train several times: that must be inside one `joined`, since processes that leave and join again may wait for ever
    (the store that torchrun keeps still holds the addresses of the first time; torch 2.13).

    Parameters
    ----------
    how
        As in the configuration.
    device
        ``cpu`` (gloo) or ``cuda`` (nccl; each process then takes the device of its local rank).

    Raises
    ------
    ConfigError
        If the processes at hand are not those the configuration asks for.
    """
    several, where = _launched(how), torch.device(device)
    if where.type == "cuda":
        own = int(os.environ.get("LOCAL_RANK", "0")) if several else where.index
        where = torch.device("cuda", torch.cuda.current_device() if own is None else own)
        torch.cuda.set_device(where)
    if not several:
        yield Place(0, 1, where)
        return
    joining = not dist.is_initialized()
    if joining:
        if where.type == "cuda":
            dist.init_process_group("nccl", device_id=where)
        else:
            dist.init_process_group("gloo")
    try:
        yield Place(dist.get_rank(), dist.get_world_size(), where)
    finally:
        if joining:
            dist.destroy_process_group()


class Whole(nn.Module):
    """A model seen from outside: everything done with it goes through one `forward`, whatever submodules it calls.

    DDP and FSDP act when the outermost `forward` begins and ends, and a task may call an encoder without its model.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, call: Callable[[nn.Module], Any]) -> Any:
        """Return what `call` makes of the model."""
        return call(self.model)


class Outer:
    """The outermost module of a model, after DDP or FSDP where asked for, and what they need around it."""

    def __init__(self, model: nn.Module, how: How, place: Place) -> None:
        self.how = how
        self.module: Any = Whole(model)
        if how == "ddp":
            on = [place.device] if place.device.type == "cuda" else None
            # A loss may leave a module out at some step; on one device that is no error either.
            self.module = nn.parallel.DistributedDataParallel(self.module, device_ids=on, find_unused_parameters=True)
        elif how == "fsdp":
            _shard(self.module, place)

    def __call__(self, call: Callable[[nn.Module], Any]) -> Any:
        """Return what `call` makes of the model."""
        return self.module(call)

    @contextlib.contextmanager
    def part(self, last: bool) -> Iterator[None]:
        """Compute one of several parts of a step's gradient: only after the last one it is shared."""
        if self.how == "fsdp":
            self.module.set_requires_gradient_sync(last)
        with self.module.no_sync() if self.how == "ddp" and not last else contextlib.nullcontext():
            yield

    def forget(self) -> None:
        """Drop whole weights gathered by a forward without a backward; the next forward would take them as they are."""
        if self.how == "fsdp":
            for module in self.module.modules():
                if hasattr(module, "reshard"):
                    module.reshard()


def _shard(whole: nn.Module, place: Place) -> None:
    """Shard every block (member of a module list) on its own, and the rest together; all start as the first process."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(place.device.type, (place.world,))
    with torch.no_grad():
        for value in [*whole.parameters(), *whole.buffers()]:
            dist.broadcast(value, 0)
    for blocks in [each for each in whole.modules() if isinstance(each, nn.ModuleList)]:
        for block in blocks:
            fully_shard(block, mesh=mesh)
    fully_shard(whole, mesh=mesh)


def local_value(value: Tensor) -> Tensor:
    """Return a number held across processes as an ordinary tensor; others as they are."""
    whole = getattr(value, "full_tensor", None)
    return whole() if whole is not None else value


def full_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the whole weights of a model, sharded or not, on the CPU; every process must ask, inside `joined`."""
    return {name: local_value(value.detach()).cpu() for name, value in model.state_dict().items()}
