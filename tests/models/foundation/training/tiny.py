"""A model of a few hundred weights and a task for it; as a script, it trains in a process of its own.

``tiny.py kill FOLDER`` trains slowly, to be killed; ``tiny.py several FOLDER`` is started by torchrun.

Shapes: B cells, G genes, D model width.
"""

import contextlib
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from scarena.base.errors import ModelError
from scarena.models.foundation.training.config import EngineConfig
from scarena.models.foundation.training.distributed import full_weights, joined
from scarena.models.foundation.training.gather import gather_with_grad
from scarena.models.foundation.training.loop import fit

GENES, WIDTH = 6, 8


class Block(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.norm, self.up, self.dropout = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.Dropout(dropout)

    def forward(self, x_BD):
        return x_BD + self.dropout(torch.tanh(self.up(self.norm(x_BD))))


class Tiny(nn.Module):
    def __init__(self, dropout: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.table = nn.Embedding(3, WIDTH)
            self.inward = nn.Linear(GENES, WIDTH)
            self.blocks = nn.ModuleList(Block(dropout) for _ in range(2))
            self.head = nn.Linear(WIDTH, 1)

    def encode(self, x_BG):
        x_BD = self.inward(x_BG) + self.table.weight.mean(0)
        for block in self.blocks:
            x_BD = block(x_BD)
        return x_BD

    def forward(self, x_BG):
        return self.head(self.encode(x_BG))[:, 0]


class Regression:
    """Learn a fixed function of made-up cells; the step's cells are the same however they are cut into parts."""

    def __init__(self, n_cells: int = 16, seed: int = 0, contrast: bool = False, pause: float = 0.0) -> None:
        self.n_cells, self.seed, self.contrast, self.pause = n_cells, seed, contrast, pause

    def cells(self, key: int) -> torch.Tensor:
        return torch.from_numpy(np.random.default_rng([self.seed, key]).normal(size=(self.n_cells, GENES))).float()

    def losses(self, model, step, rank, world):
        time.sleep(self.pause)
        x_BG = self.cells(step)[rank::world]
        error_B = model(x_BG) - torch.sin(x_BG.sum(1))
        found = {"square": (error_B**2).mean(), "size": 0.1 * error_B.abs().mean()}
        if self.contrast:
            # A part of the model without the whole: what DDP and FSDP do not see unless the engine makes them.
            z_BD = F.normalize(model.encode(x_BG), dim=1)
            own = torch.arange(len(z_BD)) + rank * len(z_BD)
            found["contrast"] = F.cross_entropy(z_BD @ gather_with_grad(z_BD).T / 0.3, own)
        return found

    def validate(self, model):
        x_BG = self.cells(2**20)
        return {"square": float(((model(x_BG) - torch.sin(x_BG.sum(1))) ** 2).mean())}

    def flops(self):
        return 0.0


class Stop(Exception):
    """The end of the world, at some step."""


class Stopping(Regression):
    """The same, up to a step."""

    def __init__(self, at: int, **settings) -> None:
        super().__init__(**settings)
        self.at = at

    def losses(self, model, step, rank, world):
        if step == self.at:
            raise Stop
        return super().losses(model, step, rank, world)


KILLED = EngineConfig(
    steps=30, optimiser="muon", learning_rate=1e-2, muon_learning_rate=1e-2, ema=0.9, checkpoint_every=4,
    validate_every=6,
)  # fmt: skip


class Spoilt(Regression):
    """The same, with a loss that is no number at step 3 in the last process alone."""

    def losses(self, model, step, rank, world):
        found = super().losses(model, step, rank, world)
        return {**found, "size": found["size"] * (float("nan") if step == 3 and rank == world - 1 else 1.0)}


RUNS = {
    "ddp-adamw": (1, True),
    "fsdp-adamw": (1, True),
    "fsdp-muon": (1, True),
    "ddp-adamw-parts": (2, False),
    "fsdp-adamw-parts": (2, False),
}
"""Accumulated parts and whether there is a contrast, whose value depends on the parts."""


def shared(how: str, optimiser: str, accumulate: int = 1) -> EngineConfig:
    """Return the configuration of the runs that several processes and one make alike."""
    return EngineConfig(
        steps=6, optimiser=optimiser, distributed=how, learning_rate=1e-2, muon_learning_rate=1e-2, ema=0.5,
        checkpoint_every=2, validate_every=3, clip=0.5, accumulate=accumulate,
    )  # fmt: skip


def train_in(folder: Path, name: str) -> None:
    """Train as the name says, and write the whole weights."""
    how, optimiser = name.split("-")[:2]
    parts, contrast = RUNS[name]
    with joined(how, "cpu") as place:
        model = Tiny()
        fit(model, Regression(contrast=contrast), shared(how, optimiser, parts), folder / name)
        whole = full_weights(model)
        if place.rank == 0:
            save_file(whole, folder / f"{name}.safetensors")


def stop_and_resume(folder: Path, optimiser: str) -> None:
    """Train sharded, stop in the last step, go on, and note from where, and the whole weights."""
    config = shared("fsdp", optimiser)
    with joined("fsdp", "cpu") as place:
        with contextlib.suppress(Stop):
            fit(Tiny(), Stopping(5, contrast=True), config, folder / f"fsdp-{optimiser}-resumed")
        model = Tiny()
        report = fit(model, Regression(contrast=True), config, folder / f"fsdp-{optimiser}-resumed")
        whole = full_weights(model)
        if place.rank == 0:
            save_file(whole, folder / f"fsdp-{optimiser}-resumed.safetensors")
        (folder / f"fsdp-{optimiser}-{place.rank}.json").write_text(json.dumps(report.resumed_at))


def fail(folder: Path) -> None:
    """Note the errors that each process sees."""
    with joined("ddp", "cpu") as place:
        said = []
        try:
            gather_with_grad(torch.zeros(3 + place.rank, 2))
        except ModelError as error:
            said.append(str(error))
        try:
            fit(Tiny(), Spoilt(), shared("ddp", "adamw"), folder / "failed")
        except ModelError as error:
            said.append(str(error))
        (folder / f"failed-{place.rank}.json").write_text(json.dumps(said))


def several(folder: Path) -> None:
    """Do all that two processes are needed for."""
    with joined("ddp", "cpu"):
        for name in RUNS:
            train_in(folder, name)
        for optimiser in ("adamw", "muon"):
            stop_and_resume(folder, optimiser)
        fail(folder)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "kill":
        fit(Tiny(dropout=0.2), Regression(pause=0.02), KILLED, Path(sys.argv[2]))
    else:
        several(Path(sys.argv[2]))
