"""What bulk measurements know of genes: their expression in 61 tissues and 19 blood cell types (Human Protein Atlas).

Features are principal components of the genes' log profiles, whitened: the first split nerve from blood from
epithelium, later ones cell type from cell type. No benchmark cell is in them. They are where training may start from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scarena.base.errors import DataError
from scarena.datasets.card import DatasetCard, Reader, SourceFile
from scarena.datasets.sources import pull

_BASE = "https://raw.githubusercontent.com/kircherlab/cfDNA/8891e408593e9adff52ce90ec0ca63c19aecd833/resources/protein_atlas"

_GENES, _CONTEXTS = 19_670, 80
# Not a dataset, but pulled and checked like one.
PROTEIN_ATLAS = DatasetCard(
    name="protein_atlas",
    title="Human Protein Atlas, consensus tissue and blood cell expression",
    description="normalised bulk expression of 19,670 genes in 61 tissues and cell types and 19 sorted blood fractions",
    role="smoke",
    study=("HPA",),
    licence="CC-BY-SA 3.0 (proteinatlas.org)",
    citation="Uhlén et al. 2015, doi:10.1126/science.1260419; Uhlén et al. 2019, doi:10.1126/science.aax9198",
    files=(
        SourceFile(
            key="tissue", url=f"{_BASE}/RNAtableTissue.tsv.gz", mirror="gene_tables/RNAtableTissue.tsv.gz",
            sha256="b68632e35e93ea34e25f0c83299320c0eb1a0bb78275928f3a82ad3469c4e7d6",
        ),
        SourceFile(
            key="blood", url=f"{_BASE}/RNAtableBlood.tsv.gz", mirror="gene_tables/RNAtableBlood.tsv.gz",
            sha256="8477ad20d3ee5efa0ca8c5e794fce057174bf0b347ce18dc3663d58c828e41cf",
        ),
    ),
    reader=Reader(name="tables"),
)  # fmt: skip


def profiles(cache: Path, mirror: Path | None = None) -> tuple[list[str], np.ndarray]:
    """Return Ensembl ids and log1p expression, float64 [n_genes, n_contexts]; NaN where a gene was not measured.

    Raises
    ------
    SourceError
        If a table cannot be had.
    DataError
        If it is not what it was.
    """
    import pandas as pd

    files = pull(PROTEIN_ATLAS, cache=cache, mirror=mirror)
    tissue, blood = (
        pd.read_csv(files[key], sep="\t", index_col="GeneID", compression="gzip") for key in ("tissue", "blood")
    )
    whole = tissue.join(blood, how="inner", rsuffix="_blood")
    if whole.shape != (_GENES, _CONTEXTS):
        raise DataError(f"a table of {whole.shape}", where="protein_atlas", fix="pull it again")
    return list(map(str, whole.index)), np.log1p(whole.to_numpy(np.float64))


def whitened(profiles_GC: np.ndarray, n_features: int) -> np.ndarray:
    """Return [n_genes, n_features]: principal components of centred profiles, mean square one over the genes.

    Each gene's profile is centred, so that how much a gene is expressed everywhere is not among the features; where it
    was not measured (NaN) it is taken to be as on average. The sign of a component is the one that makes its largest
    entry positive.
    """
    centred_GC = np.nan_to_num(profiles_GC - np.nanmean(profiles_GC, axis=1, keepdims=True))
    centred_GC = centred_GC - centred_GC.mean(axis=0)
    left_GK, lengths_K, _ = np.linalg.svd(centred_GC, full_matrices=False)
    # Rows were centred, so that the last component is rounding.
    kept = min(n_features, int((lengths_K > 1e-8 * lengths_K[0]).sum()))
    components = left_GK[:, :kept] * np.sqrt(len(left_GK))
    top = np.abs(components).argmax(axis=0)
    return components * np.sign(components[top, np.arange(kept)])


def features_of(genes: Sequence[str], cache: Path, mirror: Path | None = None, n_features: int = 60) -> np.ndarray:
    """Return float32 [len(genes), n_features] for Ensembl ids; zeros for a gene the Atlas does not have."""
    known, values = profiles(cache, mirror)
    features = whitened(values, n_features)
    place = {gene: row for row, gene in enumerate(known)}
    found = np.zeros((len(genes), features.shape[1]), np.float32)
    for row, gene in enumerate(genes):
        if gene in place:
            found[row] = features[place[gene]]
    return found
