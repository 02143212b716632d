"""Loadings of principal components: how a gene goes with the main directions of the corpus' cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scarena.models.base import ModelCard
from scarena.models.genes.corpus import CLIP, FEWEST, studies
from scarena.models.genes.kept import OfCorpus
from scarena.models.normalised import TARGET

if TYPE_CHECKING:
    import numpy as np

    from scarena.models.genes.corpus import Expression

_N_COMPONENTS = 64


class GenePCA(OfCorpus):
    """Genes along 64 components."""

    card = ModelCard(
        name="gene-pca",
        title="PCA loadings",
        family="baseline",
        offers="genes",
        description="a gene's covariance with 64 principal components of some 3,400 log-normalised cells of four "
        "published sets, centred within each",
        source="models/genes",
        licence="MIT",
        uses_device=False,
        parameters=0,
        training_corpus=studies(),
        settings={"n_components": _N_COMPONENTS, "target_sum": TARGET, "min_cells": FEWEST, "max_value": CLIP},
    )

    def train(self, found: Expression) -> np.ndarray:
        """Return the loadings, each times its component's standard deviation."""
        from scarena.models.genes.components import left_components

        return left_components(found.values.T, _N_COMPONENTS) / len(found.values) ** 0.5
