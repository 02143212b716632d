"""Vectors of genes as a transformer's last layer has them, averaged over cells.

Shapes: T tokens of some cells, V genes of the vocabulary, D model width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from scarena.base.errors import NotApplicable
from scarena.models.foundation.embed import Counts
from scarena.models.foundation.model import Transformer
from scarena.models.foundation.packed import encoded

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from scarena.models.foundation.model import FoundationModel

FEWEST = 5
"""Cells among whose tokens a gene must be: of fewer the mean is that of single cells."""
_TOGETHER = 32


@torch.inference_mode()
def context_vectors(
    model: FoundationModel, data: AnnData, genes: Sequence[str], device: str = "cpu", fewest: int = FEWEST
) -> pd.DataFrame:
    """Return the mean of a gene's token after the last block, over the cells that read it.

    Parameters
    ----------
    model
        A transformer; moved to the device.
    data
        Counts of cells × genes, Ensembl ids as ``var_names``.
    genes
        The model's vocabulary.
    device
        Where the blocks run, in single precision.
    fewest
        A gene that fewer cells read has no vector.

    Returns
    -------
    float32, indexed by Ensembl id, [n_genes, D].

    Raises
    ------
    NotApplicable
        If the model is a bag, which has nothing of a gene that depends on the cell.
    ModelError
        If the data shares no gene with the vocabulary.
    """
    import pandas as pd

    encoder = model.to(device).eval().encoder
    if not isinstance(encoder, Transformer):
        fix = "use its static vectors"
        raise NotApplicable("a bag has no layer in which a gene knows its cell", where="context_vectors", fix=fix)
    counts, weights_V = Counts.of(data, list(genes)), encoder.bag.weights()
    medians_V = None if weights_V is None else weights_V.reciprocal().cpu()
    table_VD = encoder.gene_table()
    sum_VD = torch.zeros(len(genes), table_VD.shape[1], dtype=torch.float64, device=device)
    cells_V = torch.zeros(len(genes), dtype=torch.int64, device=device)
    for first in range(0, len(counts), _TOGETHER):
        last = min(first + _TOGETHER, len(counts))
        # The tokens that embedding reads: a cell's highest genes by what they are worth.
        tokens = encoded(counts.packed(first, last, encoder.length, medians_V).to(device), encoder.encoding)
        at_T = tokens.genes_T.long()
        sum_VD.index_add_(0, at_T, encoder.embedded(tokens, table_VD=table_VD).double())
        cells_V += torch.bincount(at_T, minlength=len(genes))
    known = np.flatnonzero((cells_V >= max(1, fewest)).cpu().numpy())
    means = (sum_VD[known] / cells_V[known][:, None]).float().cpu().numpy()
    return pd.DataFrame(means, index=pd.Index([genes[place] for place in known.tolist()], name="gene"))
