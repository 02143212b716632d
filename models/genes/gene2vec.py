"""Vectors in the manner of Gene2vec (Du et al. 2019), trained on the corpus: no interaction and no annotation.

Gene2vec is a skip-gram with negative sampling over pairs of co-expressed genes. That model factorises, without saying
so, the pointwise mutual information of the pairs less the log of the number of negative samples (Levy & Goldberg 2014,
NeurIPS 27). Here this matrix is counted and factorised as such: the same vectors on every machine, in seconds, and
nothing to tune. The pairs are those that are high in one cell, not those that correlate over a dataset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import ModelCard
from scarena.models.genes.corpus import FEWEST, studies
from scarena.models.genes.kept import OfCorpus
from scarena.models.normalised import TARGET

if TYPE_CHECKING:
    from scarena.models.genes.corpus import Expression

_DIMENSIONS, _N_CONTEXTS, _HIGH, _NEGATIVES, _SMOOTHING = 200, 2048, 1.0, 1, 0.75


class Gene2vec(OfCorpus):
    """Positive pointwise mutual information of genes that are high in one cell, along its singular vectors."""

    card = ModelCard(
        name="gene2vec",
        title="Gene2vec (trained here)",
        family="baseline",
        offers="genes",
        description="positive pointwise mutual information of being high in the same of some 3,400 cells, of each gene "
        "with 2,048 variable ones, factorised: what a skip-gram with one negative sample learns; no interactions",
        source="doi:10.1186/s12864-018-5370-x",
        licence="MIT",
        uses_device=False,
        parameters=0,
        training_corpus=studies(),
        settings={
            "dimension": _DIMENSIONS, "n_contexts": _N_CONTEXTS, "high_above_sd": _HIGH, "negatives": _NEGATIVES,
            "context_smoothing": _SMOOTHING, "target_sum": TARGET, "min_cells": FEWEST,
        },
    )  # fmt: skip

    def train(self, found: Expression) -> np.ndarray:
        """Return the singular vectors times the root of their singular values."""
        from scarena.models.genes.components import left_components

        contexts = found.most_variable(_N_CONTEXTS)
        scaled = left_components(shifted_ppmi(found.values > _HIGH, contexts, _NEGATIVES, _SMOOTHING), _DIMENSIONS)
        lengths = np.linalg.norm(scaled, axis=0)
        return scaled / np.sqrt(lengths)


def shifted_ppmi(high: np.ndarray, contexts: np.ndarray, negatives: float, smoothing: float) -> np.ndarray:
    """Return max(0, log P(gene, context) / (P(gene) P(context)) − log negatives), float32 [n_genes, n_contexts].

    Parameters
    ----------
    high
        bool [n_cells, n_genes].
    contexts
        Places of the genes that are contexts. A gene is no context of itself.
    negatives
        Number of negative samples of the skip-gram that this is.
    smoothing
        Power of the contexts' frequencies, which keeps rare ones from the highest values (Levy, Goldberg & Dagan 2015).
    """
    on = high.astype(np.float32)
    pairs = on.T @ on[:, contexts]
    pairs[contexts, np.arange(len(contexts))] = 0.0
    of_gene, of_context = pairs.sum(axis=1, dtype=np.float64), pairs.sum(axis=0, dtype=np.float64) ** smoothing
    # P(gene, context) / P(gene) is the row's share; of a gene without any pair it is left at nothing.
    pairs /= np.maximum(of_gene, 1)[:, None].astype(np.float32)
    pairs /= (negatives * np.maximum(of_context / max(of_context.sum(), 1e-12), 1e-12)).astype(np.float32)
    return np.log(np.maximum(pairs, 1.0, out=pairs), out=pairs)
