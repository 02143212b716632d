"""The transformer: tokens of a cell in, one vector a cell out, and a decoder that is used in pretraining only.

Pre-norm, RMSNorm, SwiGLU, query-key norm, a factorised gene table. Batch and depth reach the decoder alone, so that the
encoder has no use for carrying them.

Shapes: B cells, L tokens, T target genes, D model width, H heads, K head width, F feed-forward width, E width of the
gene table, Z width of the embedding, V genes of the vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from scarena.models.foundation.tokenize import PAD


class Sizes(BaseModel):
    """The sizes one chooses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gene_width: int = 64
    width: int = 128
    heads: int = 4
    layers: int = 3
    feed_forward: int = 256
    embedding: int = 64
    length: int = 256
    """Genes a cell is read by when embedding."""


class FoundationConfig(Sizes):
    """All sizes of a model; saved beside its weights."""

    n_genes: int
    """Genes of the vocabulary."""
    n_groups: int
    """Batches of the corpus, which the decoder is told."""


def _attend(q_BHLK: Tensor, k_BHLK: Tensor, v_BHLK: Tensor, mask_B11L: Tensor) -> Tensor:
    # On CPU the backward pass of attention in bfloat16 takes seven times as long as in float32 (torch 2.13, AVX-512).
    autocast = torch.is_autocast_enabled(q_BHLK.device.type) and q_BHLK.device.type != "cpu"
    with torch.autocast(q_BHLK.device.type, enabled=autocast):
        return F.scaled_dot_product_attention(q_BHLK, k_BHLK, v_BHLK, attn_mask=mask_B11L)


class Block(nn.Module):
    """Attention and feed-forward, each behind a norm and added to its input."""

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm_attention = nn.RMSNorm(config.width)
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.norm_q = nn.RMSNorm(config.width // config.heads)
        self.norm_k = nn.RMSNorm(config.width // config.heads)
        self.out = nn.Linear(config.width, config.width, bias=False)
        self.norm_ff = nn.RMSNorm(config.width)
        self.up = nn.Linear(config.width, 2 * config.feed_forward, bias=False)
        self.down = nn.Linear(config.feed_forward, config.width, bias=False)

    def forward(self, x_BLD: Tensor, mask_B11L: Tensor) -> Tensor:
        """Return the tokens after one layer; `mask_B11L` is True where a key is a token and not padding."""
        batch, length, width = x_BLD.shape
        # In float32 whatever autocast says: norms lose too much otherwise.
        qkv = self.qkv(self.norm_attention(x_BLD)).float().view(batch, length, 3, self.heads, width // self.heads)
        q_BHLK, k_BHLK, v_BHLK = qkv.permute(2, 0, 3, 1, 4)
        mixed = _attend(self.norm_q(q_BHLK), self.norm_k(k_BHLK), v_BHLK, mask_B11L)
        x_BLD = x_BLD + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        gate, value = self.up(self.norm_ff(x_BLD)).chunk(2, dim=-1)
        return x_BLD + self.down(F.silu(gate) * value)


class Encoder(nn.Module):
    """Tokens to one vector a cell."""

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.genes = nn.Embedding(config.n_genes, config.gene_width)
        self.gene_up = nn.Linear(config.gene_width, config.width, bias=False)
        self.value = nn.Sequential(nn.Linear(1, config.width), nn.SiLU(), nn.Linear(config.width, config.width))
        self.cls = nn.Parameter(torch.randn(config.width) * 0.02)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width)
        self.bottleneck = nn.Linear(2 * config.width, config.embedding)

    def forward(self, genes_BL: Tensor, values_BL: Tensor) -> Tensor:
        """Return z_BZ; a cell without tokens is the class token alone."""
        token_BL = genes_BL != PAD
        x_BLD = self.gene_up(self.genes(genes_BL.clamp(min=0))) + self.value(values_BL[..., None])
        x_BLD = torch.cat([self.cls.expand(len(x_BLD), 1, -1), x_BLD], dim=1)
        seen_BL = F.pad(token_BL, (1, 0), value=True)
        for block in self.blocks:
            x_BLD = block(x_BLD, seen_BL[:, None, None, :])
        x_BLD = self.norm(x_BLD)
        weight_BL1 = token_BL[..., None].to(x_BLD.dtype)
        mean_BD = (x_BLD[:, 1:] * weight_BL1).sum(1) / weight_BL1.sum(1).clamp(min=1)
        return self.bottleneck(torch.cat([x_BLD[:, 0], mean_BD], dim=-1))


class Decoder(nn.Module):
    """The values of genes the encoder did not see, from a cell's vector, its depth and its group."""

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.cell = nn.Linear(config.embedding + 1, config.width)
        # The last row stands for "group not given".
        self.groups = nn.Embedding(config.n_groups + 1, config.width)
        self.mix = nn.Linear(config.width, config.gene_width)
        self.genes = nn.Embedding(config.n_genes, config.gene_width)
        self.bias = nn.Embedding(config.n_genes, 1)
        nn.init.zeros_(self.bias.weight)

    def forward(self, z_BZ: Tensor, log_depth_B: Tensor, group_B: Tensor, genes_BT: Tensor) -> Tensor:
        """Return predicted log1p CP10k, non-negative, [B, T]."""
        hidden_BD = F.silu(self.cell(torch.cat([z_BZ, log_depth_B[:, None]], dim=-1)) + self.groups(group_B))
        cell_BE = self.mix(hidden_BD)
        logit_BT = torch.einsum("be,bte->bt", cell_BE, self.genes(genes_BT)) / cell_BE.shape[-1] ** 0.5
        return F.softplus(logit_BT + self.bias(genes_BT)[..., 0] - 1)


class FoundationModel(nn.Module):
    """Encoder and decoder."""

    def __init__(self, config: FoundationConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)


def initialised(config: FoundationConfig, seed: int) -> FoundationModel:
    """Return a model with random weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FoundationModel(config)
