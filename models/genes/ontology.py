"""A control that holds the answer: vectors made of the annotations that tasks on gene function ask about.

It says how high a score can be, and what a model gets that was trained on annotations, or on text that repeats them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, ModelCard
from scarena.models.genes.kept import kept_table
from scarena.models.of_genes import GeneModel

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

_SMALLEST, _LARGEST, _N_COMPONENTS = 10, 1000, 128


class GeneGO(GeneModel):
    """Principal components of which sets of GO and Reactome a gene is in."""

    card = ModelCard(
        name="gene-go",
        title="GO and Reactome themselves (leaks)",
        family="control",
        offers="genes",
        control="positive",
        description="128 principal components of a gene's memberships in all sets of GO (biological process, cellular "
        "component, molecular function) and Reactome of 10 to 1,000 genes: it holds the answer to tasks on these",
        source="models/genes",
        licence="CC BY 4.0 (data)",
        uses_device=False,
        parameters=0,
        gene_knowledge=("GO", "Reactome"),
        settings={"n_components": _N_COMPONENTS, "smallest_set": _SMALLEST, "largest_set": _LARGEST},
    )

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the components of the genes that are in any set."""
        table = kept_table(type(self), ctx, lambda: _components(ctx))
        return table.loc[genes.index.intersection(table.index)]


def _components(ctx: Context) -> pd.DataFrame:
    import pandas as pd

    genes, sets = _memberships(ctx)
    return pd.DataFrame(components(sets, _N_COMPONENTS), index=genes)


def _memberships(ctx: Context) -> tuple[list[str], csr_matrix]:
    """Return Ensembl ids, sorted, and whether each is in each set, of all collections one after the other."""
    from scipy.sparse import csr_matrix

    from scarena.datasets.gene_facts import COLLECTIONS, collection_sets
    from scarena.datasets.known_genes import known_genes

    known = known_genes(frozenset(), cache=ctx.cache)
    every = [ids for name in COLLECTIONS for ids in collection_sets(name, known, cache=ctx.cache).values()]
    sets = [sorted(ids) for ids in every if _SMALLEST <= len(ids) <= _LARGEST]
    genes = sorted({gene for members in sets for gene in members})
    place = {gene: row for row, gene in enumerate(genes)}
    rows = np.array([place[gene] for members in sets for gene in members])
    columns = np.repeat(np.arange(len(sets)), [len(members) for members in sets])
    return genes, csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (len(genes), len(sets)))


def components(sets: csr_matrix, n_components: int) -> np.ndarray:
    """Return the rows of a sparse table along its principal components, float32 [n_genes, n_components].

    Each column is centred, without writing the zeros down; the largest entry of a component is positive.
    """
    from scipy.sparse.linalg import LinearOperator, svds

    means = np.asarray(sets.mean(axis=0), np.float64).ravel()
    centred = LinearOperator(
        sets.shape, dtype=np.float64,
        matvec=lambda x: sets @ x - means @ x, rmatvec=lambda y: sets.T @ y - means * y.sum(),
    )  # fmt: skip
    # Begun from a vector that is drawn once, so that the iterations are the same every time.
    start = np.random.default_rng(0).normal(size=min(sets.shape))
    left, lengths, _ = svds(centred, k=n_components, v0=start, random_state=0)
    scaled = (left * lengths)[:, np.argsort(-lengths)]
    top = np.abs(scaled).argmax(axis=0)
    return np.asarray(scaled * np.sign(scaled[top, np.arange(scaled.shape[1])]), np.float32)
