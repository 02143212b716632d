"""Co-expression: which variable genes a gene goes up and down with in the corpus' cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import ModelCard
from scarena.models.genes.corpus import CLIP, FEWEST, studies
from scarena.models.genes.kept import OfCorpus
from scarena.models.normalised import TARGET

if TYPE_CHECKING:
    from scarena.models.genes.corpus import Expression

_N_TOP, _N_COMPONENTS = 512, 128


class GeneCoexpression(OfCorpus):
    """Correlations with 512 genes, along their principal components."""

    card = ModelCard(
        name="gene-coexpression",
        title="Co-expression",
        family="baseline",
        offers="genes",
        description="Pearson correlation with the 512 most variable genes over some 3,400 log-normalised cells of four "
        "published sets, centred within each; 128 principal components of that",
        source="models/genes",
        licence="MIT",
        uses_device=False,
        parameters=0,
        training_corpus=studies(),
        settings={
            "n_top_genes": _N_TOP, "n_components": _N_COMPONENTS, "target_sum": TARGET, "min_cells": FEWEST,
            "max_value": CLIP,
        },
    )  # fmt: skip

    def train(self, found: Expression) -> np.ndarray:
        """Return the components of the correlations."""
        from scarena.models.genes.components import left_components

        top = found.most_variable(_N_TOP)
        lengths = np.linalg.norm(found.values, axis=0)
        correlation = found.values.T @ found.values[:, top] / np.outer(lengths, lengths[top])
        return left_components(correlation - correlation.mean(axis=0), _N_COMPONENTS)
