"""Frozen embedding: cells through the encoder, some thousand tokens at a time, so that memory stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from scarena.models.foundation.model import Transformer
from scarena.models.foundation.tokenize import Cells, over_vocabulary, tokens_of

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.models.foundation.model import FoundationModel

# Tokens of a batch, all genes counted. The vectors do not depend on it but for rounding.
TOKENS = 1 << 18


def embed(model: FoundationModel, data: AnnData, genes: list[str], device: str = "cpu") -> np.ndarray:
    """Return float32 [n_cells, Z].

    Raises
    ------
    ModelError
        If the data shares no gene with the vocabulary.
    """
    return encode(model, over_vocabulary(data, genes), device)


@torch.inference_mode()
def encode(model: FoundationModel, cells: Cells, device: str = "cpu", tokens: int = TOKENS) -> np.ndarray:
    """Return the vectors of cells in their order, float32 [n_cells, Z]."""
    encoder = model.to(device).eval().encoder
    frozen: dict[str, Any] = {}
    if isinstance(encoder, Transformer):
        frozen["table_VD"] = encoder.gene_table()
    result = np.zeros((len(cells), model.config.embedding), np.float32)
    on_gpu = torch.device(device).type == "cuda"
    for first, last in _batches(cells.starts_B1, tokens):
        packed = tokens_of(cells.rows(np.arange(first, last)), model.config.n_genes, "continuous").to(device)
        with torch.autocast("cuda", torch.bfloat16, enabled=on_gpu):
            result[first:last] = encoder(packed, **frozen).float().cpu().numpy()
    return result


def _batches(starts: np.ndarray, tokens: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of cells with at most `tokens` genes together, and at least one cell."""
    first, n_cells = 0, len(starts) - 1
    while first < n_cells:
        last = int(np.searchsorted(starts, starts[first] + tokens, side="right")) - 1
        last = min(n_cells, max(first + 1, last))
        yield first, last
        first = last
