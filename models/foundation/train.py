"""The training loop: a step takes two views of the cells of one batch, decodes and matches them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from scarena.errors import ModelError
from scarena.models.foundation.model import FoundationModel
from scarena.models.foundation.objectives import DisjointPanels, MaskedValue
from scarena.models.foundation.tokenize import PAD, Expression, sampled


class TrainConfig(BaseModel):
    """How long, how fast and on how much a model is trained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    threads: int = 2
    steps: int = 3000
    cells: int = 96
    """Cells of a step, all of one group."""
    panel: int = 96
    """Genes of each of the two views."""
    zeros: int = 32
    """Unexpressed genes among a view's targets."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warm_up: float = 0.05
    decay: float = 0.3
    """Share of the steps, at the end, over which the rate falls to zero."""
    clip: float = 1.0
    contrast: float = 0.5
    """Weight of the contrastive loss beside the decoding loss."""
    batch_effect: float = 0.4
    """Standard deviation of the synthetic gene-wise log-normal batch effect."""
    thinning: float = 0.5
    """A cell keeps each of its view's genes with a probability of its own, drawn between this and 1."""
    group_power: float = 0.5
    """Groups are drawn in proportion to their size to this power."""
    group_dropout: float = 0.2
    bf16: bool = False
    """Whether the encoder's matrix products are in bfloat16 while training; validation and embedding never are."""
    validate_every: int = 250


@dataclass(frozen=True, slots=True)
class Group:
    """The cells of one batch of one dataset."""

    name: str
    cells: Expression
    measured: np.ndarray
    """int64, the genes of the vocabulary that the dataset has: only of these is a missing count a zero."""


@dataclass(frozen=True, slots=True)
class View:
    """What the encoder sees of some cells, and what the decoder is asked."""

    genes: Tensor
    values: Tensor
    target_genes: Tensor
    target_values: Tensor


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the rate of a step: warm-up, stable, linear decay to zero."""
    warm, left = max(1, int(config.warm_up * config.steps)), config.steps - step
    last = max(1, int(config.decay * config.steps))
    return config.learning_rate * min((step + 1) / warm, 1.0, left / last)


def _disturbed(values: np.ndarray, genes: np.ndarray, config: TrainConfig, rng: np.random.Generator) -> np.ndarray:
    """Return values under a batch effect shared by the view's cells and a loss of depth of each cell's own."""
    n_genes = int(genes.max(initial=0)) + 1
    effect = rng.lognormal(0, config.batch_effect, n_genes).astype(np.float32)
    kept = rng.uniform(config.thinning, 1, (len(values), 1)).astype(np.float32)
    # Thinning takes expressed genes away; the values left are relative, so they stay.
    seen = rng.random(values.shape, dtype=np.float32) < kept
    return np.log1p(np.expm1(values) * effect[np.maximum(genes, 0)]) * seen


def _targets(
    genes: np.ndarray, values: np.ndarray, group: Group, rows: np.ndarray, n_zeros: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Return the other view's genes with up to `n_zeros` measured genes the cells do not express, and their values."""
    drawn = rng.choice(group.measured, (len(genes), n_zeros))
    at = np.repeat(rows, n_zeros)
    found = np.asarray(group.cells.values[at, drawn.ravel()]).reshape(drawn.shape).astype(np.float32)
    all_genes = np.concatenate([genes, np.where(found > 0, PAD, drawn)], axis=1)
    all_values = np.concatenate([values, np.zeros_like(found)], axis=1)
    return torch.from_numpy(all_genes), torch.from_numpy(all_values)


def two_views(group: Group, rows: np.ndarray, config: TrainConfig, rng: np.random.Generator) -> tuple[View, View]:
    """Return two views of the same cells of a group that share no gene."""
    tokens = sampled(group.cells.values[rows], 2 * config.panel, rng)
    # Even and odd places: cells with few genes then still have some in both views.
    halves = [(tokens.genes[:, i::2], tokens.values[:, i::2]) for i in (0, 1)]
    if halves[1][0].shape[1] == 0:
        halves[1] = (np.full_like(halves[0][0], PAD), np.zeros_like(halves[0][1]))
    views = []
    for (genes, values), (other_genes, other_values) in (halves, halves[::-1]):
        seen = torch.from_numpy(_disturbed(values, genes, config, rng))
        hidden = torch.from_numpy(genes).masked_fill(seen <= 0, PAD)
        views.append(View(hidden, seen, *_targets(other_genes, other_values, group, rows, config.zeros, rng)))
    return views[0], views[1]


def losses(
    model: FoundationModel, views: tuple[View, View], depth: Tensor, group: Tensor, config: TrainConfig
) -> tuple[Tensor, Tensor]:
    """Return (decoding loss, contrastive loss) of one step."""
    value, contrast = MaskedValue(), DisjointPanels()
    with torch.autocast(depth.device.type, torch.bfloat16, enabled=config.bf16):
        encoded = [model.encoder(view.genes, view.values) for view in views]
    encoded = [z.float() for z in encoded]
    decoded = []
    for z, view in zip(encoded, views, strict=True):
        predicted = model.decoder(z, torch.log1p(depth) / 10, group, view.target_genes.clamp(min=0))
        decoded.append(value(predicted, view.target_values, view.target_genes))
    return torch.stack(decoded).mean(), contrast(encoded[0], encoded[1])


def draw(group: Group, config: TrainConfig, rng: np.random.Generator) -> tuple[tuple[View, View], Tensor]:
    """Return two views of some cells of a group at random, and the cells' depth."""
    n_cells = group.cells.values.shape[0]
    rows = np.sort(rng.permutation(n_cells)[: config.cells])
    return two_views(group, rows, config, rng), torch.from_numpy(group.cells.depth[rows])


def validation_views(held_out: list[Group], config: TrainConfig) -> Iterator[tuple[int, tuple[View, View], Tensor]]:
    """Yield each held-out group's number, views and depths: the same ones at every call."""
    for number, group in enumerate(held_out):
        yield number, *draw(group, config, np.random.default_rng([config.seed, number]))


@torch.no_grad()
def validate(model: FoundationModel, held_out: list[Group], config: TrainConfig) -> dict[str, float]:
    """Return the losses on held-out cells; the same views of them at every call."""
    model.eval()
    found, config = [], config.model_copy(update={"bf16": False})
    for number, views, depth in validation_views(held_out, config):
        found.append([float(x) for x in losses(model, views, depth, torch.full((len(depth),), number), config)])
    decoding, contrast = np.mean(found, axis=0)
    return {"decoding": float(decoding), "contrast": float(contrast)}


def _step(
    model: FoundationModel, optimiser: torch.optim.Optimizer, group: Group, number: int, step: int,
    config: TrainConfig, rng: np.random.Generator,
) -> tuple[float, float]:  # fmt: skip
    views, depth = draw(group, config, rng)
    given = np.where(rng.random(len(depth)) < config.group_dropout, model.config.n_groups, number)
    decoding, contrast = losses(model, views, depth, torch.from_numpy(given), config)
    loss = decoding + config.contrast * contrast
    optimiser.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
    if not torch.isfinite(loss + norm):
        what = f"the loss is {loss.item()} and its gradient {norm.item()} at step {step}"
        raise ModelError(what, where="pretrain", fix="lower learning_rate")
    for parameters in optimiser.param_groups:
        parameters["lr"] = learning_rate(step, config)
    optimiser.step()
    return decoding.item(), contrast.item()


def train(
    model: FoundationModel, groups: list[Group], held_out: list[Group], config: TrainConfig, log: Path,
    say: Callable[[str], None],
) -> dict[str, dict[str, float]]:  # fmt: skip
    """Train in place; return the last losses. One JSON line a validation goes to `log`, the first before any step.

    Returns
    -------
    ``validation`` on held-out cells and ``training``, the mean since the validation before.

    Raises
    ------
    ModelError
        If the loss or its gradient stops being finite; the weights are then those before that step.
    """
    rng = np.random.default_rng(config.seed)
    weight = np.array([group.cells.values.shape[0] for group in groups], dtype=float) ** config.group_power
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    start, report = time.monotonic(), {"validation": validate(model, held_out, config)}
    with log.open("w", encoding="utf-8") as lines:
        lines.write(json.dumps({"step": 0, **report}) + "\n")
        recent: list[tuple[float, float]] = []
        for step in range(config.steps):
            model.train()
            number = int(rng.choice(len(groups), p=weight / weight.sum()))
            recent.append(_step(model, optimiser, groups[number], number, step, config, rng))
            if (step + 1) % config.validate_every == 0 or step + 1 == config.steps:
                training = dict(zip(("decoding", "contrast"), np.mean(recent, axis=0).tolist(), strict=True))
                report, recent = {"training": training, "validation": validate(model, held_out, config)}, []
                lines.write(json.dumps({"step": step + 1, **report}) + "\n")
                lines.flush()
                say(f"step {step + 1}: {report} {time.monotonic() - start:.0f} s")
    return report
