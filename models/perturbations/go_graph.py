"""A graph of genes by the terms of the Gene Ontology that they share, as GEARS defines it.

Shapes: N genes, E edges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

N_NEIGHBOURS, LEAST_JACCARD, LEAST_CORRELATION = 20, 0.1, 0.4
GO = ("go_bp", "go_cc", "go_mf")


def terms_of_genes(cache: Path) -> dict[str, frozenset[int]]:
    """Return the terms of GO that each gene is annotated with, by Ensembl id, as numbers.

    Raises
    ------
    SourceError
        If the annotations cannot be had.
    """
    from scarena.datasets.gene_facts import collection_sets
    from scarena.datasets.known_genes import known_genes

    known = known_genes(frozenset(), cache=cache)
    sets = [genes for name in GO for genes in collection_sets(name, known, cache=cache).values()]
    found: dict[str, set[int]] = {}
    for number, genes in enumerate(sets):
        for gene in genes:
            found.setdefault(gene, set()).add(number)
    return {gene: frozenset(terms) for gene, terms in found.items()}


def jaccard_graph(genes: list[str], terms: Mapping[str, frozenset[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return edges between genes whose sets of terms overlap: each gene's own and its twenty closest.

    Parameters
    ----------
    genes
        Ensembl ids [N], each with terms.
    terms
        By Ensembl id.

    Returns
    -------
    int64 [2, E], numbers of genes, from neighbour to gene; and their Jaccard indices, above .1, float32 [E].
    """
    from scipy.sparse import csr_matrix

    columns = {term: i for i, term in enumerate(sorted({each for gene in genes for each in terms[gene]}))}
    sizes = np.array([len(terms[gene]) for gene in genes])
    place = [columns[term] for gene in genes for term in sorted(terms[gene])]
    rows = np.repeat(np.arange(len(genes)), sizes)
    held = csr_matrix((np.ones(len(rows)), (rows, place)), (len(genes), len(columns)))
    shared = (held @ held.T).toarray()
    return closest(shared / (sizes[:, None] + sizes[None] - shared), LEAST_JACCARD)


def coexpression_graph(values_BN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return edges between genes that go together in cells: each gene's own and its twenty closest, |r| above .4."""
    centred = values_BN - values_BN.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=0)
    scaled = centred / np.where(lengths > 0, lengths, 1)
    return closest(np.abs(scaled.T @ scaled), LEAST_CORRELATION)


def closest(likeness_NN: np.ndarray, above: float) -> tuple[np.ndarray, np.ndarray]:
    """Return edges to each gene from itself and its twenty closest, if above a threshold; of equals the first."""
    order = np.argsort(-likeness_NN, axis=1, kind="stable")[:, : N_NEIGHBOURS + 1]
    target = np.repeat(np.arange(len(order)), order.shape[1])
    source = order.ravel()
    weight = likeness_NN[target, source]
    kept = weight > above
    return np.stack([source[kept], target[kept]]).astype(np.int64), weight[kept].astype(np.float32)
