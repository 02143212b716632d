"""Frozen embedding: cells through the encoder, in chunks of cells with like numbers of genes."""

from __future__ import annotations

import numpy as np
import torch
from anndata import AnnData

from scarena.errors import ModelError
from scarena.models.foundation.model import FoundationModel
from scarena.models.foundation.tokenize import Tokens, highest, over_vocabulary

CHUNK = 128


def embed(model: FoundationModel, data: AnnData, genes: list[str], device: str = "cpu") -> np.ndarray:
    """Return float32 [n_cells, Z].

    Raises
    ------
    ModelError
        If the data shares no gene with the vocabulary.
    """
    if not data.var_names.isin(genes).any():
        fix = "the model knows human genes by Ensembl id"
        raise ModelError("no gene in common with the model's vocabulary", where="var_names", fix=fix)
    tokens = highest(over_vocabulary(data, genes).values, model.config.length)
    return encode(model, tokens, device)


@torch.inference_mode()
def encode(model: FoundationModel, tokens: Tokens, device: str = "cpu") -> np.ndarray:
    """Return the vectors of tokenised cells in their order, whatever the chunks they are computed in."""
    model = model.to(device).eval()
    lengths = (tokens.genes >= 0).sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    result = np.zeros((len(order), model.config.embedding), dtype=np.float32)
    for start in range(0, len(order), CHUNK):
        rows = order[start : start + CHUNK]
        width = max(1, int(lengths[rows].max()))
        genes = torch.from_numpy(tokens.genes[rows, :width]).to(device)
        values = torch.from_numpy(tokens.values[rows, :width]).to(device)
        result[rows] = model.encoder(genes, values).float().cpu().numpy()
    return result
