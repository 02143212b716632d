"""How strongly a model relates some genes, the regulators, to all others: attention, derivatives, in-silico knock-out.

The same quantities as in `gene_network` and `knockout`, of a few rows: for a whole transcriptome no square of genes is
made. None is regulation.

Shapes: R regulators, G measured genes of the vocabulary, B cells, T tokens of all of them, N stored counts, E width of
the decoder's gene table, V genes of the vocabulary, Z width of the embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from scarena.base.errors import NotApplicable
from scarena.base.progress import tell
from scarena.models.foundation.embed import encode
from scarena.models.foundation.gene_attention import AttentionSums
from scarena.models.foundation.gene_network import chunks_of, derivative_sums, layers_of, watch
from scarena.models.foundation.knockout import multiplied
from scarena.models.foundation.model import Transformer
from scarena.models.foundation.tokenize import Cells, over_vocabulary, places

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.models.foundation.model import FoundationModel

FEWEST = 10
"""Cells that a score is a mean over, at least: of fewer, nothing is said."""


def attention_scores(
    model: FoundationModel, data: AnnData, genes: Sequence[str], regulators: Sequence[str], device: str = "cpu"
) -> pd.DataFrame:
    """Return how much of its attention a regulator gives to each gene, a mean over layers, heads and cells [R, G].

    Parameters
    ----------
    model
        A transformer.
    data
        Counts, Ensembl ids as ``var_names``.
    genes
        The model's vocabulary.
    regulators
        Ensembl ids; those that the cells or the vocabulary do not have get no row.
    device
        Where the model runs.

    Returns
    -------
    0 to 1; NaN for a pair that fewer than ten cells read together.

    Raises
    ------
    NotApplicable
        If the model has no attention, or no regulator is measured and known.
    """
    encoder = model.to(device).eval().encoder
    if not isinstance(encoder, Transformer):
        raise NotApplicable("a bag has no attention", where="attention_scores", fix="use a transformer's checkpoint")
    rows_R, columns_G = _asked(data, genes, regulators)
    chosen, seen = layers_of(encoder, None), AttentionSums(columns_G, len(genes), rows_R)
    watch(encoder, chosen, chunks_of(over_vocabulary(data, genes), model, device, encoder.length), seen)
    mean_RG = seen.sum_SG / len(chosen) / np.maximum(seen.cells_SG, 1)
    return _table(np.where(seen.cells_SG >= FEWEST, mean_RG, np.nan), genes, rows_R, columns_G)


def jacobian_scores(
    model: FoundationModel, data: AnnData, genes: Sequence[str], regulators: Sequence[str], device: str = "cpu"
) -> pd.DataFrame:
    """Return how the log share of each gene that is decoded changes with a regulator's value [R, G].

    A mean over the cells that express the regulator, NaN for fewer than ten; parameters and errors are those of
    :func:`attention_scores`, and tokens must be continuous values.
    """
    model = model.to(device).eval()
    rows_R, columns_G = _asked(data, genes, regulators)
    sum_VE, cells_V = derivative_sums(model, data, genes, device)
    n_R1 = cells_V[rows_R].numpy()[:, None]
    change_RG = sum_VE[rows_R].numpy() @ _decoded(model, columns_G) / np.maximum(n_R1, 1)
    return _table(np.where(n_R1 >= FEWEST, change_RG, np.nan), genes, rows_R, columns_G)


@torch.inference_mode()
def knockout_scores(
    model: FoundationModel, data: AnnData, genes: Sequence[str], regulators: Sequence[str], device: str = "cpu",
    *, n_cells: int, seed: int,
) -> pd.DataFrame:  # fmt: skip
    """Return how the log share of each gene that is decoded changes when a regulator's counts are taken away [R, G].

    The cell is embedded anew without the regulator's counts; the depth that the decoder is told stays, so that what
    changes is what the vector says. A mean over `n_cells` of the cells that express the regulator, drawn with `seed`;
    NaN for fewer than ten. Other parameters and errors are those of :func:`attention_scores`.
    """
    model = model.to(device).eval()
    rows_R, columns_G = _asked(data, genes, regulators)
    cells = over_vocabulary(data, genes)
    cell_N = np.repeat(np.arange(len(cells)), np.diff(cells.starts_B1))
    before_BE = _cell(model, cells, cells.depth_B, device)
    change_RE = np.full((len(rows_R), before_BE.shape[1]), np.nan)
    for number, place in enumerate(rows_R.tolist()):
        tell("knocking out", number, len(rows_R), "genes")
        express = cell_N[cells.genes_N == place]
        if len(express) < FEWEST:
            continue
        some = np.sort(np.random.default_rng([seed, place]).permutation(express)[:n_cells])
        after_BE = _cell(model, multiplied(cells.rows(some), place, 0.0), cells.depth_B[some], device)
        change_RE[number] = (after_BE - before_BE[some]).mean(axis=0)
    return _table(change_RE @ _decoded(model, columns_G), genes, rows_R, columns_G)


def _cell(model: FoundationModel, cells: Cells, depth_B: np.ndarray, device: str) -> np.ndarray:
    """Return what the decoder makes of cells, float64 [B, E], told these depths and no group."""
    z_BZ = torch.from_numpy(encode(model, cells, device)).to(device)
    group_B = torch.full((len(cells),), model.config.n_groups, device=device)
    found_BE = model.decoder(z_BZ, torch.log1p(torch.from_numpy(depth_B).to(device)) / 10, group_B)
    return np.asarray(found_BE.double().cpu().numpy())


def _decoded(model: FoundationModel, columns_G: np.ndarray) -> np.ndarray:
    """Return the rows of genes in the decoder, float64 [E, G]: a log share is linear in what it makes of a cell."""
    return np.asarray(model.decoder.genes.weight.detach().double().cpu().numpy()[columns_G].T)


def _asked(data: AnnData, genes: Sequence[str], regulators: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return places in the vocabulary of the regulators, and of all genes, that the cells measure."""
    columns = places(list(data.var_names), genes)
    known = {genes[place] for place in columns[columns >= 0].tolist()}
    place = {gene: number for number, gene in enumerate(genes)}
    rows = [place[gene] for gene in dict.fromkeys(regulators) if gene in known]
    if not rows:
        fix = "none needed: the model says nothing of these"
        raise NotApplicable("no regulator is measured and known to the model", where="regulators", fix=fix)
    return np.array(rows, np.int64), np.unique(columns[columns >= 0]).astype(np.int64)


def _table(score_RG: np.ndarray, genes: Sequence[str], rows_R: np.ndarray, columns_G: np.ndarray) -> pd.DataFrame:
    named = np.array(genes, object)
    return pd.DataFrame(score_RG, index=named[rows_R], columns=named[columns_G])
