"""What a model is trained on at a step: cells of one group, seen in two ways, and every objective that has a weight.

Serves pretraining on a corpus and label-free adaptation to a dataset alike; only the source of cells differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
import torch.distributed as dist
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from scarena.base.errors import ConfigError
from scarena.models.foundation.cell_sources import joined
from scarena.models.foundation.model import FoundationModel, TokenHeads, Transformer, flops_of_a_cell
from scarena.models.foundation.objectives import Counts, DisjointPanels, Distilled, HiddenValues, NextGene, TreeLabels
from scarena.models.foundation.packed import Packed, encoded
from scarena.models.foundation.tokenize import Cells
from scarena.models.foundation.views import View, ViewConfig, two_views

if TYPE_CHECKING:
    from torch import nn

    from scarena.models.foundation.cell_sources import CellSource
    from scarena.models.foundation.simulated import SimulatedSource
    from scarena.models.foundation.teacher import Teacher


class Weights(BaseModel):
    """How much each objective counts; one of weight zero is not computed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unseen: float = Field(1.0, ge=0, description="counts of genes of the other view, decoded from a cell's vector")
    denoise: float = Field(0.0, ge=0, description="counts of the view's own genes before thinning")
    contrast: float = Field(1.0, ge=0, description="two views find each other among the cells of a batch")
    distilled: float = Field(0.0, ge=0, description="cosines between a view of each cell are a teacher's, who sees all")
    across: float = Field(
        0.0, ge=0, description="cells made of one type in two studies of the atlas attract: trained with labels"
    )
    hidden: float = Field(0.0, ge=0, description="values of hidden tokens (masked and generative models)")
    next_gene: float = Field(0.0, ge=0, description="the next gene of the ranking (causal models)")


class TaskConfig(BaseModel):
    """A step of training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cells: int = Field(192, ge=2)
    """All of one group: negatives of another batch would teach to tell batches apart."""
    tokens: int = Field(128, ge=1)
    """Genes of a view that a transformer reads one by one; the bag takes all."""
    views: ViewConfig = ViewConfig()
    weights: Weights = Weights()
    temperature: float = Field(0.2, gt=0)
    others: int = Field(0, ge=0)
    """Cells of another group that the contrast tells apart too, where the teacher is sure (see `DisjointPanels`)."""
    sure: float = Field(0.3, ge=-1, le=1)
    """Cosine below which it is."""
    hidden_share: float = Field(0.3, gt=0, lt=1)
    """Of a view's tokens, for the objective ``hidden``."""
    group_power: float = Field(0.5, ge=0)
    """Groups are drawn in proportion to their size to this power."""
    group_dropout: float = Field(0.2, ge=0, le=1)
    """Share of cells whose group the decoder is not told."""
    smallest_group: int = Field(8, ge=2)
    """Groups with fewer cells are not drawn."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Draw:
    """The cells of a step."""

    cells: Cells
    given: np.ndarray
    """int, the group of each that the decoder is told."""
    own: np.ndarray
    """bool, the cells of the step's group; the others are told apart from them."""
    measured_V: np.ndarray
    """bool, the genes that all of them were measured for."""

    def rows(self, rows: np.ndarray) -> Draw:
        """Return some of the cells."""
        return Draw(self.cells.rows(rows), self.given[rows], self.own[rows], self.measured_V)


class ViewsTask:
    """Losses of a model on a source of cells."""

    def __init__(
        self, source: CellSource, config: TaskConfig, model: FoundationModel, *, held_out: CellSource | None = None,
        teacher: Teacher | None = None, technology_KV: np.ndarray | None = None, made: SimulatedSource | None = None,
    ) -> None:  # fmt: skip
        """Keep what steps are made of.

        Parameters
        ----------
        source, config, model
            Cells, settings, and the model whose sizes count.
        held_out
            Cells to validate on.
        teacher
            For the objectives that need one.
        technology_KV
            For views; see `two_views`.
        made
            Cells made from profiles, for the objective ``across``.

        Raises
        ------
        ConfigError
            If an objective lacks what it needs, or no batch has cells enough.
        """
        self.technology_KV, self.made = technology_KV, made
        self.source, self.config, self.held_out, self.teacher = source, config, held_out, teacher
        self.n_cells = config.cells
        self._sizes = model.config
        sizes = np.array([group.size for group in source.groups], float)
        weight = np.where(sizes >= config.smallest_group, sizes**config.group_power, 0.0)
        if not weight.any():
            what = f"no batch has {config.smallest_group} cells"
            raise ConfigError(what, where="training", fix="lower smallest_group, or use the model as it is")
        self._chance = weight / weight.sum()
        if teacher is None and (config.others or config.weights.distilled):
            raise ConfigError("others and distilled need a teacher", where="training", fix="name one, or set both to 0")
        if config.weights.across and (made is None or not made.shared):
            what, fix = "across needs cells made of types that two studies share", "set simulated, or across to 0"
            raise ConfigError(what, where="training", fix=fix)

    def halve(self) -> bool:
        """Go on with half the cells a step; say whether that was possible."""
        if self.n_cells < 4:
            return False
        self.n_cells //= 2
        return True

    def flops(self) -> float:
        """Return operations of a step, forward and backward, on views of the length that is configured."""
        return 3 * 2 * self.n_cells * flops_of_a_cell(self._sizes, self.config.tokens)

    def losses(self, model: nn.Module, step: int, rank: int, world: int) -> dict[str, Tensor]:
        """Return the weighted losses of this process's part of a step's cells."""
        rng = np.random.default_rng([self.config.seed, step])
        drawn = self._drawn(rng)
        if world > 1:
            # After the last draw for each cell: parts of different sizes must have the same panels.
            drawn = drawn.rows(np.arange(rank, len(drawn.cells), world))
        return self._losses(cast("FoundationModel", model), drawn, rng)

    def _drawn(self, rng: np.random.Generator) -> Draw:
        group = int(rng.choice(len(self._chance), p=self._chance))
        cells, measured_V = self.source.draw(group, self.n_cells, rng), self.source.groups[group].measured_V
        groups = np.full(len(cells), group)
        chance = np.where(np.arange(len(self._chance)) == group, 0.0, self._chance)
        if self.config.others and chance.any():
            other = int(rng.choice(len(chance), p=chance / chance.sum()))
            more = self.source.draw(other, self.config.others, rng)
            cells, groups = joined([cells, more]), np.concatenate([groups, np.full(len(more), other)])
            measured_V = measured_V & self.source.groups[other].measured_V
        given = np.where(rng.random(len(cells)) < self.config.group_dropout, self._sizes.n_groups, groups)
        return Draw(cells, given, groups == group, measured_V)

    @torch.no_grad()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return the weighted losses on held-out cells, a mean over groups; the same views of them at every call."""
        if self.held_out is None:
            return {}
        found: dict[str, list[float]] = {}
        # Of cells that are made as they are asked for none need be held out: those groups come last.
        for group in np.flatnonzero(self._chance[: len(self.held_out.groups)]):
            rng = np.random.default_rng([self.config.seed, 1 << 30, int(group)])
            cells = self.held_out.draw(int(group), self.config.cells, rng)
            if len(cells) < 2:
                continue
            own, measured_V = np.ones(len(cells), bool), self.held_out.groups[int(group)].measured_V
            drawn = Draw(cells, np.full(len(cells), group), own, measured_V)
            losses = self._losses(cast("FoundationModel", model), drawn, rng)
            for name, loss in losses.items():
                found.setdefault(name, []).append(float(loss))
        return {name: float(np.mean(each)) for name, each in found.items()}

    def _losses(self, model: FoundationModel, drawn: Draw, rng: np.random.Generator) -> dict[str, Tensor]:
        weights, device, cells = self.config.weights, model.decoder.log_share.device, drawn.cells
        views = two_views(cells, drawn.measured_V, self.config.views, rng, self.technology_KV)
        generator = torch.Generator().manual_seed(int(rng.integers(1 << 62)))
        tokens = [self._tokens(model.encoder, view.cells, generator, device) for view in views]
        seen = [view.cells.to(device) for view in views]
        found: dict[str, Tensor] = {}
        if weights.unseen or weights.denoise or weights.contrast or weights.distilled:
            vectors = [model.encoder(each, few).float() for each, few in zip(seen, tokens, strict=True)]
            found |= self._of_counts(model, vectors, views, drawn) | self._of_likeness(vectors, drawn)
        if weights.across and self.made is not None:
            found["across"] = weights.across * self._across(model, rng, generator, device)
        if weights.hidden:
            found["hidden"] = weights.hidden * _mean(
                [hidden_values(model, each, self.config.hidden_share, generator) for each in tokens]
            )
        if weights.next_gene:
            found["next_gene"] = weights.next_gene * _mean([next_genes(model, each) for each in tokens])
        return found

    def _across(
        self, model: FoundationModel, rng: np.random.Generator, generator: torch.Generator, device: torch.device
    ) -> Tensor:
        """Return the loss of cells of one type, made from two studies, of which each is seen by genes of its own."""
        assert self.made is not None
        drawn = self.made.draw_shared(self.n_cells // 2, rng)
        vectors = []
        for number, (cells, measured_V) in enumerate(drawn.parts):
            seen = two_views(cells, measured_V, self.config.views, rng, self.technology_KV)[number].cells
            few = self._tokens(model.encoder, seen, generator, device)
            vectors.append(_gathered(model.encoder(seen.to(device), few).float()))
        type_B = _gathered(torch.from_numpy(np.tile(drawn.types, 2)).to(device).float())
        return TreeLabels(self.config.temperature)(torch.cat(vectors), (type_B[:, None] == type_B).float())

    def _tokens(self, encoder: nn.Module, seen: Packed, generator: torch.Generator, device: torch.device) -> Packed:
        """Return the genes that are read one by one; a bag reads none, and is spared the choice."""
        if not isinstance(encoder, Transformer):
            return seen
        return encoder.highest(seen, self.config.tokens, generator).to(device)

    def _of_counts(
        self, model: FoundationModel, vectors: list[Tensor], views: tuple[View, View], drawn: Draw
    ) -> dict[str, Tensor]:
        weights, found, counts, device = self.config.weights, {}, Counts(), vectors[0].device
        depth_B = torch.from_numpy(drawn.cells.depth_B).to(device)
        group_B = torch.from_numpy(drawn.given).to(device)
        for name, weight in (("unseen", weights.unseen), ("denoise", weights.denoise)):
            if weight:
                asked = [view.unseen if name == "unseen" else view.own for view in views]
                found[name] = weight * _mean(
                    [
                        counts(model.decoder, z, depth_B, group_B, t.to(device))
                        for z, t in zip(vectors, asked, strict=True)
                    ]
                )
        return found

    def _of_likeness(self, vectors: list[Tensor], drawn: Draw) -> dict[str, Tensor]:
        weights, found, taught_BZ = self.config.weights, {}, None
        if self.teacher is not None and (weights.distilled or not drawn.own.all()):
            taught_BZ = _gathered(self.teacher(drawn.cells))
        first_BZ, second_BZ = gathered = [_gathered(z) for z in vectors]
        if weights.contrast:
            own_B = _gathered(torch.from_numpy(drawn.own).to(vectors[0].device).float()) > 0
            contrast = DisjointPanels(self.config.temperature, self.config.sure)
            found["contrast"] = weights.contrast * contrast(first_BZ, second_BZ, own_B, taught_BZ)
        if weights.distilled and taught_BZ is not None:
            found["distilled"] = weights.distilled * _mean([Distilled()(z, taught_BZ) for z in gathered])
        return found


def hidden_values(model: FoundationModel, tokens: Packed, share: float, generator: torch.Generator) -> Tensor:
    """Return the loss on values hidden at random: in their places, or after the known ones in generative models.

    Raises
    ------
    ConfigError
        For a model without tokens.
    """
    encoder, heads = _of_tokens(model)
    tokens = encoded(tokens, encoder.encoding)
    hidden_T = (torch.rand(len(tokens.genes_T), generator=generator) < share).to(tokens.values_T.device)
    known_B = None
    if encoder.mask == "generative":
        # Known ones first within each cell; a stable sort keeps the rest as it was.
        order_T = torch.argsort(tokens.cell_of() * 2 + hidden_T, stable=True)
        tokens = Packed(tokens.genes_T[order_T], tokens.values_T[order_T], tokens.starts_B1, tokens.longest)
        hidden_T = hidden_T[order_T]
        known_B = torch.zeros(tokens.n_cells, dtype=torch.int32, device=hidden_T.device)
        known_B.index_add_(0, tokens.cell_of(), (~hidden_T).to(torch.int32))
    shown_T = tokens.values_T.masked_fill(hidden_T, -1.0)
    x_TD = encoder.embedded(Packed(tokens.genes_T, shown_T, tokens.starts_B1, tokens.longest), known_B)
    return HiddenValues()(heads.values(x_TD).float(), tokens.values_T, hidden_T)


def next_genes(model: FoundationModel, tokens: Packed) -> Tensor:
    """Return the loss of guessing each gene of a cell's ranking, highest value first, from those before it.

    Raises
    ------
    ConfigError
        For a model without tokens, or one whose tokens see what comes after them.
    """
    encoder, heads = _of_tokens(model)
    if encoder.mask != "causal":
        raise ConfigError("tokens that see each other know the next gene", where="next_gene", fix="set family: causal")
    ranked = encoded(tokens, "rank")
    hidden_TE = heads.genes(encoder.embedded(ranked)).float()
    return NextGene()(hidden_TE, encoder.genes.weight, ranked.genes_T, ranked.starts_B1)


def _of_tokens(model: FoundationModel) -> tuple[Transformer, TokenHeads]:
    if not isinstance(model.encoder, Transformer) or model.heads is None:
        raise ConfigError("a bag has no tokens to hide", where="weights", fix="set hidden and next_gene to 0")
    return model.encoder, model.heads


def _gathered(z_BZ: Tensor) -> Tensor:
    if not (dist.is_available() and dist.is_initialized()):
        return z_BZ
    from scarena.models.foundation.training.gather import gather_with_grad

    return gather_with_grad(z_BZ)


def _mean(losses: list[Tensor]) -> Tensor:
    return torch.stack(losses).mean()
