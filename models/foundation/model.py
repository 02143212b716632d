"""The models: the tokens of a cell in, one vector a cell out, and a decoder that is used in training only.

Two encoders. A *bag* adds up a vector for every expressed gene, weighted by its value, and where the sizes say so by
what the gene is worth; the first columns of the sum are the cell's vector, to which a small network adds what it makes
of all columns: thousands of cells a second without a GPU. A *transformer* (pre-norm, RMSNorm, SwiGLU, query-key norm,
a factorised gene table) lets a cell's highest genes look at each other; a few learned queries, the latents, read the
last layer and add what they find to a linear bag of all genes. In both the vector is the bottleneck from which
everything the decoder knows must come. Batch and depth reach the decoder alone, so that an encoder has no use for
carrying them.

Shapes: B cells, T tokens of all of them, D model width, H heads, K head width, F feed-forward width, M latents, E width
of the gene table, Z width of the embedding, V genes of the vocabulary.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, model_validator
from torch import Tensor, nn

from scarena.models.foundation.kernels.attention import varlen_attention
from scarena.models.foundation.kernels.embed_tokens import embed_tokens
from scarena.models.foundation.kernels.pack import Encoding
from scarena.models.foundation.packed import Packed, encoded, narrowed

Mask = Literal["full", "causal", "generative"]
Family = Literal["masked", "causal", "generative"]
_MASKS: dict[str, Mask] = {"masked": "full", "causal": "causal", "generative": "generative"}


class Sizes(BaseModel):
    """What one chooses of a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["transformer", "bag"] = "transformer"
    family: Family = "masked"
    """How tokens see each other: all of a cell; those ranked before (Geneformer's order, read as a language); or, as in
    scGPT's generative pretraining, the known ones, which see no unknown one."""
    encoding: Encoding = "continuous"
    gene_width: int = 32
    width: int = 128
    heads: int = 2
    layers: int = 3
    feed_forward: int = 320
    latents: int = 4
    embedding: int = 64
    length: int = 512
    """Genes that the tokens of a cell are made of, its highest; a bag takes all."""
    gene_weights: bool = False
    """Whether genes have a weight each, by which their values are multiplied before a cell's are scaled to one length,
    and by which a transformer's tokens are chosen."""

    @model_validator(mode="after")
    def _fits(self) -> Sizes:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")
        if self.kind == "bag" and self.embedding > self.width:
            raise ValueError(f"a bag of width {self.width} has no vector of {self.embedding}")
        if self.family == "causal" and self.encoding != "rank":
            raise ValueError("a causal model reads genes by rank: encoding must be rank")
        return self


SIZES: dict[str, Sizes] = {
    "student": Sizes(kind="bag", width=256, embedding=200, gene_weights=True),
    "nano": Sizes(embedding=200, gene_weights=True),
    "small": Sizes(
        gene_width=128, width=320, heads=5, layers=6, feed_forward=848, embedding=200, length=1200, gene_weights=True
    ),
    "base": Sizes(
        gene_width=256, width=640, heads=10, layers=8, feed_forward=1704, latents=8, embedding=256, length=2048,
        gene_weights=True,
    ),
}  # fmt: skip


class FoundationConfig(Sizes):
    """All sizes of a model; saved beside its weights."""

    n_genes: int
    """Genes of the vocabulary."""
    n_groups: int
    """Batches of the corpus, which the decoder is told."""
    zero_inflated: bool = False
    """Whether counts are decoded with a ZINB in place of a negative binomial."""


class Norm(nn.RMSNorm):
    """RMSNorm in single precision, whatever the products around it are in."""

    def forward(self, x: Tensor) -> Tensor:
        """Return float32, in the shape of `x`."""
        return super().forward(x.float())


class Attention(nn.Module):
    """Tokens, or latents, that look at the tokens of their own cell."""

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.q = nn.Linear(config.width, config.width, bias=False)
        self.kv = nn.Linear(config.width, 2 * config.width, bias=False)
        self.norm_q = Norm(config.width // config.heads)
        self.norm_k = Norm(config.width // config.heads)
        self.out = nn.Linear(config.width, config.width, bias=False)

    def forward(
        self, asking_QD: Tensor, told_TD: Tensor, asking: Spans, told: Spans, mask: Mask, known_B: Tensor | None = None
    ) -> Tensor:
        """Return what each row of `asking_QD` learns from the rows of `told_TD` of its cell, [Q, D]."""
        q_QHK = self.norm_q(self.q(asking_QD).unflatten(-1, (self.heads, -1)))
        k_TD, v_TD = self.kv(told_TD).chunk(2, dim=-1)
        k_THK, v_THK = (each.unflatten(-1, (self.heads, -1)) for each in (k_TD, v_TD))
        # On a GPU in the half precision of the products; a CPU's backward pass of attention is faster in single.
        kind = v_THK.dtype if v_THK.is_cuda else torch.float32
        mixed_QHK = varlen_attention(
            q_QHK.to(kind), self.norm_k(k_THK).to(kind), v_THK.to(kind), asking.starts_B1, told.starts_B1,
            asking.longest, told.longest, mask=mask, known_B=known_B,
        )  # fmt: skip
        return self.out(mixed_QHK.flatten(-2).to(asking_QD.dtype))


class Spans:
    """Where each cell's rows begin, and the most rows of a cell."""

    __slots__ = ("longest", "starts_B1")

    def __init__(self, starts_B1: Tensor, longest: int) -> None:
        self.starts_B1, self.longest = starts_B1, longest


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.width, 2 * config.feed_forward, bias=False)
        self.down = nn.Linear(config.feed_forward, config.width, bias=False)

    def forward(self, x_TD: Tensor) -> Tensor:
        """Return [T, D]."""
        gate_TF, value_TF = self.up(x_TD).chunk(2, dim=-1)
        return self.down(F.silu(gate_TF) * value_TF)


class Block(nn.Module):
    """Attention and feed-forward, each behind a norm and added to its input."""

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.norm_attention, self.norm_ff = Norm(config.width), Norm(config.width)
        self.attention, self.feed_forward = Attention(config), FeedForward(config)

    def forward(self, x_TD: Tensor, cells: Spans, mask: Mask, known_B: Tensor | None) -> Tensor:
        """Return the tokens after one layer."""
        seen_TD = self.norm_attention(x_TD)
        x_TD = x_TD + self.attention(seen_TD, seen_TD, cells, cells, mask, known_B)
        return x_TD + self.feed_forward(self.norm_ff(x_TD))


class Readout(nn.Module):
    """The last layer: latents alone ask, so that it costs next to nothing, and their answers become the vector."""

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(config.latents, config.width) * 0.02)
        self.norm_tokens, self.norm_ff = Norm(config.width), Norm(config.width)
        self.norm_out = Norm(config.width)
        self.attention, self.feed_forward = Attention(config), FeedForward(config)
        self.bottleneck = nn.Linear(config.latents * config.width, config.embedding)

    def forward(self, x_TD: Tensor, cells: Spans) -> Tensor:
        """Return what is added to z, [B, Z]; for a cell without tokens it is the latents alone."""
        n_cells, n_latents = len(cells.starts_B1) - 1, len(self.latents)
        starts_B1 = torch.arange(n_cells + 1, dtype=torch.int32, device=x_TD.device) * n_latents
        asking_QD = self.latents.repeat(n_cells, 1)
        y_QD = asking_QD + self.attention(asking_QD, self.norm_tokens(x_TD), Spans(starts_B1, n_latents), cells, "full")
        y_QD = self.norm_out(y_QD + self.feed_forward(self.norm_ff(y_QD)))
        return self.bottleneck(y_QD.reshape(n_cells, self.bottleneck.in_features))


class Values(nn.Module):
    """What a token's value adds to it: a line between learned knots (Gorishniy et al. 2022, arXiv:2203.05556).

    The first knot stands for a value that is hidden; a value of zero is the second.
    """

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        n_knots, self.step = _KNOTS[config.encoding]
        # By rank a token's place is its value: neighbouring knots are then close from the start.
        start_1D, direction_1D = torch.randn(2, 1, config.width) * 0.3
        ramp_K1 = torch.linspace(-1, 1, n_knots)[:, None]
        self.knots = nn.Parameter(start_1D + ramp_K1 * direction_1D + 0.02 * torch.randn(n_knots, config.width))


_KNOTS: dict[str, tuple[int, float]] = {"continuous": (33, 0.3), "bins": (53, 1.0), "rank": (65, 32.0)}


class GeneBag(nn.Module):
    """The sum of a vector for each expressed gene, weighted by the values scaled to one length for all cells."""

    SCALE = 16.0
    """Length of a cell's values: a table with entries of 1/16 then gives sums of about one."""

    def __init__(self, config: FoundationConfig, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(config.n_genes, width) / self.SCALE)
        self.log_weight = nn.Parameter(torch.zeros(config.n_genes)) if config.gene_weights else None
        """[V]; a logarithm, so that a weight stays above zero and a step changes small ones as much as large ones."""

    def weights(self) -> Tensor | None:
        """Return what each gene's values are multiplied with, > 0, [V]; None where all are the same."""
        return None if self.log_weight is None else self.log_weight.exp()

    def vectors(self) -> Tensor:
        """Return what a gene adds to the sum for each unit of its value, but for the cell's scale, [V, width]."""
        return self.table if self.log_weight is None else self.table * self.log_weight.exp()[:, None]

    def forward(self, cells: Packed) -> Tensor:
        """Return [B, width]; zeros for a cell without tokens."""
        cell_T, values_T = cells.cell_of(), cells.values_T.clamp(min=0)
        if self.log_weight is not None:
            # Before the length: a weight outside of it would leave the genes worth nothing to fill a cell's length.
            values_T = values_T * self.log_weight[cells.genes_T].exp()
        squares_B = torch.zeros(cells.n_cells, device=values_T.device).index_add_(0, cell_T, values_T**2)
        weights_T = values_T * (self.SCALE * squares_B.clamp(min=1e-12).rsqrt())[cell_T]
        with torch.autocast(values_T.device.type, enabled=False):
            return F.embedding_bag(
                cells.genes_T, self.table, cells.starts_B1, mode="sum", per_sample_weights=weights_T,
                include_last_offset=True,
            )  # fmt: skip


class BagEncoder(nn.Module):
    """Genes to one vector a cell without attention."""

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.bag = GeneBag(config, config.width)
        self.norm = nn.LayerNorm(config.width)
        self.hidden = nn.Linear(config.width, config.width)
        self.bottleneck = nn.Linear(config.width, config.embedding)

    def forward(self, cells: Packed, tokens: Packed | None = None) -> Tensor:
        """Return z_BZ."""
        sum_BD = self.bag(cells)
        hidden_BD = self.hidden(F.silu(self.norm(sum_BD)))
        return sum_BD[:, : self.bottleneck.out_features] + self.bottleneck(F.silu(hidden_BD))


class Transformer(nn.Module):
    """Tokens to one vector a cell."""

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.mask, self.length, self.encoding = _MASKS[config.family], config.length, config.encoding
        self.genes = nn.Embedding(config.n_genes, config.gene_width)
        self.gene_up = nn.Linear(config.gene_width, config.width, bias=False)
        self.values = Values(config)
        self.norm_in = nn.Parameter(torch.ones(config.width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.readout = Readout(config)
        self.bag = GeneBag(config, config.embedding)

    def highest(self, cells: Packed, length: int | None = None, generator: torch.Generator | None = None) -> Packed:
        """Return the genes of cells that are read one by one, `length` of each at most; drawn, with a generator."""
        weights_V = self.bag.weights()
        if weights_V is not None:
            weights_V = weights_V.detach().to(cells.values_T.device)
        return narrowed(cells, self.length if length is None else length, generator, weights_V)

    def gene_table(self) -> Tensor:
        """Return what a gene adds to its token, [V, D]: constant while frozen, so computed once for many batches."""
        return self.gene_up(self.genes.weight)

    def embedded(self, tokens: Packed, known_B: Tensor | None = None, table_VD: Tensor | None = None) -> Tensor:
        """Return the tokens after the last block, [T, D].

        Parameters
        ----------
        tokens
            Values below zero are hidden ones.
        known_B
            For generative attention, how many of each cell's tokens, the first ones, are known; all where not given.
        table_VD
            Of :meth:`gene_table`, where it was computed before.
        """
        table_VD = self.gene_table() if table_VD is None else table_VD
        # One knot further: the first one is for values that are hidden.
        shifted_T = torch.where(tokens.values_T < 0, 0.0, tokens.values_T + self.values.step)
        x_TD = embed_tokens(tokens.genes_T, shifted_T, table_VD, self.values.knots, self.values.step, self.norm_in)
        spans = Spans(tokens.starts_B1, tokens.longest)
        if self.mask == "generative" and known_B is None:
            known_B = tokens.starts_B1.diff()
        for block in self.blocks:
            x_TD = block(x_TD, spans, self.mask, known_B)
        return x_TD

    def forward(self, cells: Packed, tokens: Packed | None = None, table_VD: Tensor | None = None) -> Tensor:
        """Return z_BZ; a cell without tokens is the latents alone.

        Parameters
        ----------
        cells
            All expressed genes.
        tokens
            Those that are read one by one; the cells' highest where not given.
        table_VD
            As for :meth:`embedded`.
        """
        tokens = self.highest(cells) if tokens is None else tokens
        x_TD = self.embedded(encoded(tokens, self.encoding), table_VD=table_VD)
        return self.bag(cells) + self.readout(x_TD, Spans(tokens.starts_B1, tokens.longest))


class Decoder(nn.Module):
    """The counts of genes the encoder did not see, from a cell's vector, its depth and its group."""

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.cell = nn.Linear(config.embedding + 1, config.width)
        # The last row stands for "group not given".
        self.groups = nn.Embedding(config.n_groups + 1, config.width)
        nn.init.zeros_(self.groups.weight)
        self.mix = nn.Linear(config.width, config.gene_width)
        self.genes = nn.Embedding(config.n_genes, config.gene_width)
        nn.init.normal_(self.genes.weight, std=config.gene_width**-0.5)
        self.log_share = nn.Parameter(torch.full((config.n_genes,), -10.0))
        """log of a gene's expected share of a cell's counts; set from the corpus before training."""
        self.log_dispersion = nn.Parameter(torch.zeros(config.n_genes))
        self.zero_logit = nn.Parameter(torch.full((config.n_genes,), -3.0)) if config.zero_inflated else None

    @torch.no_grad()
    def start_from(self, share_V: np.ndarray) -> None:
        """Set what is expected of a cell one knows nothing about: each gene's share of all counts, above zero."""
        self.log_share.copy_(torch.from_numpy(np.log(share_V)))

    def forward(self, z_BZ: Tensor, log_depth_B: Tensor, group_B: Tensor) -> Tensor:
        """Return cell_BE: its product with a gene's row, plus the gene's log share, is the log of a share of counts."""
        hidden_BD = self.cell(torch.cat([z_BZ, log_depth_B[:, None]], dim=-1)) + self.groups(group_B)
        return self.mix(F.silu(hidden_BD))


class TokenHeads(nn.Module):
    """What single tokens are asked in masked, generative and causal pretraining."""

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.norm = Norm(config.width)
        self.value = nn.Linear(config.width, 1)
        self.gene = nn.Linear(config.width, config.gene_width, bias=False)

    def values(self, x_TD: Tensor) -> Tensor:
        """Return a value for every token, [T]."""
        return self.value(self.norm(x_TD))[:, 0]

    def genes(self, x_TD: Tensor) -> Tensor:
        """Return vectors whose products with the gene table are the logits of the next gene, [T, E]."""
        return self.gene(self.norm(x_TD))


class FoundationModel(nn.Module):
    """Encoder and decoder."""

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder: BagEncoder | Transformer = (BagEncoder if config.kind == "bag" else Transformer)(config)
        self.decoder = Decoder(config)
        self.heads = TokenHeads(config) if config.kind == "transformer" else None

    @torch.no_grad()
    def know_genes(self, features_VP: Tensor, weights_V: Tensor | None = None) -> None:
        """Start from what is known of genes: each feature is a column of the bag's table.

        A cell's vector is then, in its first entries, its expression projected on the features: what the network adds
        begins as nothing.

        Parameters
        ----------
        features_VP
            Columns of mean square one, or zero where nothing is known of a gene. More than the table has are left out.
        weights_V
            What each gene is worth, > 0; for a model whose genes have weights.
        """
        table_VW = self.encoder.bag.table
        if weights_V is not None and self.encoder.bag.log_weight is not None:
            self.encoder.bag.log_weight.copy_(weights_V.log())
        width = min(features_VP.shape[1], table_VW.shape[1])
        table_VW[:, :width] = features_VP[:, :width] / GeneBag.SCALE
        for parameter in self._last().parameters():
            parameter.zero_()

    def only_adds_up(self) -> bool:
        """Return whether a vector is the sum of genes' vectors and no more, as before the first step."""
        return not any(parameter.any() for parameter in self._last().parameters())

    def _last(self) -> nn.Linear:
        return self.encoder.bottleneck if isinstance(self.encoder, BagEncoder) else self.encoder.readout.bottleneck


def initialised(config: FoundationConfig, seed: int) -> FoundationModel:
    """Return a model with random weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FoundationModel(config)


def flops_of_a_cell(config: FoundationConfig, n_tokens: int) -> float:
    """Return floating-point operations of embedding a cell of `n_tokens`: two for a multiplication and addition."""
    if config.kind == "bag":
        return 2.0 * config.width * (n_tokens + config.width + config.embedding)
    length, width = min(n_tokens, config.length), config.width
    a_token = 2 * (4 * width + 3 * config.feed_forward) * width
    pairs = length * length / (2 if config.family == "causal" else 1)
    read = 2 * 2 * length * width * width + config.latents * (a_token + 4 * length * width)
    return config.layers * (length * a_token + 4 * pairs * width) + read + 2.0 * n_tokens * config.embedding
