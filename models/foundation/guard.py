"""A model that knows when not to trust itself: where a dataset's signal lies along other directions, it takes those.

The rule is `trust`; here it is asked of a model's gene bag, whose first columns are the directions along which cells
are placed.

Shapes: B cells, G genes of the dataset that the model knows, V genes of the vocabulary, K components, Z width of the
embedding.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse import csr_matrix

from scarena.models.foundation.trust import Trust, trust
from scarena.models.foundation.weighted import Weighted, weights_of

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from scarena.models.foundation.model import FoundationModel
    from scarena.models.foundation.trust import Represent


def guarded(
    model: FoundationModel, data: AnnData, genes: Sequence[str], *, seed: int = 0
) -> tuple[FoundationModel, Trust]:
    """Return a model, or a copy whose directions are a dataset's own components, and what the dataset said.

    Parameters
    ----------
    model
        Stays as it is.
    data
        Prepared: counts, Ensembl ids as ``var_names``. Nothing else is looked at.
    genes
        The model's vocabulary.
    seed
        See `trust`.

    Raises
    ------
    ModelError
        If the data has no gene of the vocabulary.
    """
    found, weighted, directions_GK = directions(model, data, genes, seed=seed)
    return (model if found.model else with_directions(model, weighted.place_G, directions_GK)), found


def directions(
    model: FoundationModel, data: AnnData, genes: Sequence[str], *, seed: int = 0
) -> tuple[Trust, Weighted, NDArray[np.float32]]:
    """Return what a dataset said, its values, and the directions that it is to be placed along, [G, K].

    Parameters and errors as for `guarded`.
    """
    counts = csr_matrix(data.X)
    weighted = Weighted(weights_of(model), genes, list(data.var_names))
    table_VZ = model.encoder.bag.table[:, : model.config.embedding].detach().cpu().numpy()
    table_GZ = table_VZ[weighted.place_G]

    def own(some: csr_matrix) -> Represent:
        return _along(weighted, weighted.components(weighted(some), seed))

    found = trust(counts, _along(weighted, table_GZ), own, seed)
    return found, weighted, table_GZ if found.model else weighted.components(weighted(counts), seed)


def _along(weighted: Weighted, directions_GD: NDArray[np.floating]) -> Represent:
    return lambda counts: np.asarray(weighted(counts) @ directions_GD)


def with_directions(
    model: FoundationModel, place_G: NDArray[np.integer], directions_GK: NDArray[np.float32]
) -> FoundationModel:
    """Return a copy that places cells along other directions, and whose network adds nothing yet.

    Parameters
    ----------
    model
        Whose weights of genes are kept.
    place_G
        Places of genes in its vocabulary; the others have no part in any direction.
    directions_GK
        Orthonormal; as many as the embedding is wide at most.
    """
    copied = copy.deepcopy(model)
    width = min(directions_GK.shape[1], model.config.embedding)
    features_VZ = np.zeros((model.config.n_genes, model.config.embedding), np.float32)
    # Columns of mean square one over the genes that have a part in them, as those that a model starts from.
    features_VZ[place_G, :width] = directions_GK[:, :width] * np.sqrt(len(place_G))
    copied.know_genes(torch.from_numpy(features_VZ))
    return copied
