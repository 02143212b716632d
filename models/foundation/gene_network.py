"""Which genes a model relates to which: how much it looks from one to another, or how one moves what it decodes of
another.

Neither is regulation. Attention says where a layer looks; a derivative says what the model believes of a cell with a
little more of a gene, among the cells it was trained on.

Shapes: B cells, T tokens of all of them, E width of the decoder's gene table, G genes that are scored, V genes of the
vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from scarena.base.errors import ConfigError, DataError, NotApplicable
from scarena.base.progress import tell
from scarena.models.foundation.gene_attention import AttentionSums, Hooked
from scarena.models.foundation.gene_derivatives import cell_derivatives
from scarena.models.foundation.model import Transformer
from scarena.models.foundation.packed import Packed, encoded
from scarena.models.foundation.tokenize import Cells, over_vocabulary, places, tokens_of

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.models.foundation.model import Attention, FoundationModel

_TOKENS = 1 << 13
"""Of a chunk of cells: all that a derivative needs of each is held at once."""


def top_genes(data: AnnData, genes: Sequence[str], n_genes: int) -> list[str]:
    """Return the genes of the vocabulary whose log1p CP10k varies most over the cells, sorted; constant ones never."""
    cells = over_vocabulary(data, genes)
    sizes_B = np.diff(cells.starts_B1)
    value_N = np.log1p(cells.counts_N * np.repeat(1e4 / np.maximum(cells.depth_B, 1), sizes_B)).astype(np.float64)
    mean_V, square_V = (np.bincount(cells.genes_N, v, len(genes)) / max(1, len(cells)) for v in (value_N, value_N**2))
    variance_V = square_V - mean_V**2
    best = np.argsort(-variance_V, kind="stable")[:n_genes]
    return sorted(genes[place] for place in best if variance_V[place] > 1e-12)


def attention_network(
    model: FoundationModel, data: AnnData, genes: Sequence[str], *, among: Sequence[str], block: int | None = None,
    n_pairs: int = 100, fewest: int = 10, device: str = "cpu",
) -> pd.DataFrame:  # fmt: skip
    """Return how much of its attention a gene gives to another, a mean over heads and the cells that read both.

    Parameters
    ----------
    model
        A transformer.
    data
        Counts, Ensembl ids as ``var_names``.
    genes
        The model's vocabulary.
    among
        Ensembl ids to score; those that the data or the vocabulary does not have are not scored.
    block
        Which layer, from 0; a mean over all blocks where not given.
    n_pairs
        How many to return, at most.
    fewest
        A pair that fewer cells read together is not scored.
    device
        Where the model runs.

    Returns
    -------
    ``source`` (the gene that looks), ``target`` (the gene that is looked at), ``score`` (0 to 1; all of a cell's genes
    alike would get 1 / their number), ``cells``; strongest first.

    Raises
    ------
    NotApplicable
        If the model has no attention.
    ConfigError
        If it has no such block.
    DataError
        If fewer than two of the genes are measured.
    """
    encoder = model.to(device).eval().encoder
    if not isinstance(encoder, Transformer):
        fix = "score by jacobian, or use a transformer's checkpoint"
        raise NotApplicable("a bag has no attention", where="attention_network", fix=fix)
    chosen = layers_of(encoder, block)
    scored = _measured(data, genes, among)
    seen = AttentionSums(scored, len(genes))
    watch(encoder, chosen, chunks_of(over_vocabulary(data, genes), model, device, encoder.length), seen)
    with np.errstate(invalid="ignore"):
        mean_GG = seen.sum_SG / seen.cells_SG / len(chosen)
    mean_GG[seen.cells_SG < max(1, fewest)] = np.nan
    return _pairs(mean_GG, seen.cells_SG, [genes[place] for place in scored], n_pairs)


def layers_of(encoder: Transformer, block: int | None) -> list[Attention]:
    """Return the attention of one block, or of all."""
    if block is not None and not 0 <= block < len(encoder.blocks):
        raise ConfigError(f"no block {block}", where="attention_network", fix=f"0 to {len(encoder.blocks) - 1}")
    chosen = encoder.blocks if block is None else [encoder.blocks[block]]
    return [each.attention for each in chosen]  # type: ignore[misc]


@torch.inference_mode()
def watch(encoder: Transformer, chosen: list[Attention], chunks: Iterator[Packed], seen: AttentionSums) -> None:
    """Add up what some layers look at while chunks of cells pass through the blocks."""
    for tokens in chunks:
        read = encoded(tokens, encoder.encoding)
        seen.begin(read)
        with ExitStack() as hooked:
            for attention in chosen:
                hooked.enter_context(Hooked(attention.register_forward_pre_hook(seen.look)))
            encoder.embedded(read)


def jacobian_network(
    model: FoundationModel, data: AnnData, genes: Sequence[str], *, among: Sequence[str], n_pairs: int = 100,
    fewest: int = 10, device: str = "cpu",
) -> pd.DataFrame:  # fmt: skip
    """Return how what is decoded of a gene changes with the value of another, a mean over the cells that express that.

    The derivative of the log of the target's share of counts, as the decoder has it before its bounds, by the source's
    input value, log1p of its counts per 10,000; the cell's depth, as the decoder is told it, and all other values stay.
    The decoder is not told a batch.

    Parameters
    ----------
    model
        Of either kind; a transformer must read continuous values.
    data, genes, among, n_pairs, fewest, device
        As for :func:`attention_network`; `fewest` is of cells that express the source.

    Returns
    -------
    ``source``, ``target``, ``score`` (log share for a unit of log1p CP10k), ``cells``; strongest first, of either sign.

    Raises
    ------
    NotApplicable
        If the tokens' values are bins or ranks, which have no derivative.
    DataError
        If fewer than two of the genes are measured.
    """
    model = model.to(device).eval()
    scored = _measured(data, genes, among)
    sum_VE, cells_V = derivative_sums(model, data, genes, device)
    at = torch.from_numpy(scored)
    # A log share is linear in what the decoder makes of a cell: one derivative serves all targets.
    table_GE = model.decoder.genes.weight.detach().double().cpu()[at]
    cells_G = cells_V[at].numpy()
    mean_GG = (sum_VE[at] @ table_GE.T).numpy() / np.maximum(cells_G, 1)[:, None]
    mean_GG[cells_G < max(1, fewest)] = np.nan
    cells_GG = np.broadcast_to(cells_G[:, None], mean_GG.shape)
    return _pairs(mean_GG, cells_GG, [genes[place] for place in scored], n_pairs)


def derivative_sums(
    model: FoundationModel, data: AnnData, genes: Sequence[str], device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how what the decoder makes of a cell changes with a gene's value, and how many cells express the gene.

    Summed over these cells, float64 [V, E]; int64 [V]. The model is on the device.
    """
    sum_VE = torch.zeros(len(genes), model.config.gene_width, dtype=torch.float64)
    cells_V, first = torch.zeros(len(genes), dtype=torch.int64), 0
    cells = over_vocabulary(data, genes)
    for tokens in chunks_of(cells, model, device, None):
        depth_B = torch.from_numpy(cells.depth_B[first : first + tokens.n_cells]).to(device)
        first += tokens.n_cells
        tell("differentiating", first, len(cells), "cells")
        at_T = tokens.genes_T.long().cpu()
        sum_VE.index_add_(0, at_T, cell_derivatives(model, tokens, depth_B).double().cpu())
        cells_V += torch.bincount(at_T, minlength=len(genes))
    return sum_VE, cells_V


def _measured(data: AnnData, genes: Sequence[str], among: Sequence[str]) -> np.ndarray:
    """Return the places of genes that both the data and the vocabulary have, in the order of the vocabulary."""
    columns = places(list(data.var_names), genes)
    have = {genes[place] for place in columns[columns >= 0].tolist()}
    wanted = have & set(among)
    if len(wanted) < 2:
        what = f"{len(wanted)} of {len(set(among))} genes are measured and known to the model"
        raise DataError(what, where="gene_network", fix="name at least two by their Ensembl ids")
    return np.array([place for place, gene in enumerate(genes) if gene in wanted], np.int64)


def chunks_of(cells: Cells, model: FoundationModel, device: str, length: int | None) -> Iterator[Packed]:
    """Yield tokens of the cells in their order, some thousand at a time; a cell's highest where there is a length."""
    first, starts_B1 = 0, cells.starts_B1
    while first < len(cells):
        last = int(np.searchsorted(starts_B1, starts_B1[first] + _TOKENS, side="right")) - 1
        last = min(len(cells), max(first + 1, last))
        tokens = tokens_of(cells.rows(np.arange(first, last)), model.config.n_genes, "continuous")
        if length is not None and isinstance(model.encoder, Transformer):
            tokens = model.encoder.highest(tokens, length)
        yield tokens.to(device)
        first = last


def _pairs(score_GG: np.ndarray, cells_GG: np.ndarray, names: Sequence[str], n_pairs: int) -> pd.DataFrame:
    """Return the strongest pairs of two different genes; of equals those first in the vocabulary."""
    score_GG = score_GG.copy()
    np.fill_diagonal(score_GG, np.nan)
    sources, targets = np.nonzero(np.isfinite(score_GG))
    strength = np.abs(score_GG[sources, targets])
    best = np.argsort(-strength, kind="stable")[:n_pairs]
    sources, targets = sources[best], targets[best]
    named = np.array(names, object)
    return pd.DataFrame(
        {
            "source": named[sources], "target": named[targets],
            "score": score_GG[sources, targets], "cells": cells_GG[sources, targets],
        }
    )  # fmt: skip
