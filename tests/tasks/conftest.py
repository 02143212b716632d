"""What tests of tasks share: the Cell Ontology as a file, whose embedding takes seconds and is made once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from scarena.datasets.gene_truth import NEWER, STATED_OUT, GeneTruth


@pytest.fixture(scope="session")
def ontology_npz(tmp_path_factory, cache) -> Path:
    from scarena.datasets.ontology import CellOntology
    from scarena.tasks.ontology_reference import write_reference

    path = tmp_path_factory.mktemp("ontology") / "ontology.npz"
    write_reference(path, CellOntology.load(), cache / "ontology")
    return path


def made_gene_truth(kind: str = "sets", n: int = 900, seed: int = 0):
    """Return a dataset of genes that `latent` decides, and that latent vector of each gene.

    Kinds are ``sets`` (with tissues and pairs), ``newer`` and ``stated``.
    """
    rng = np.random.default_rng(seed)
    family = rng.integers(0, n // 2, n)
    latent = 0.4 * rng.normal(size=(n // 2, 8))[family] + rng.normal(size=(n, 8))
    genes = pd.DataFrame(index=[f"ENSG{i:011d}" for i in range(n)])
    genes["symbol"], genes["family"] = [f"G{i}" for i in range(n)], [f"F{i}" for i in family]
    rank = np.argsort(np.argsort(-latent @ rng.normal(size=(8, 12)), axis=1), axis=1)
    several = np.clip(np.round(5 + 3 * latent[:, :1] + rng.normal(size=(n, 1))), 1, 12)
    profiles = (rng.gamma(3, size=(n, 1)) * (1.2 - rank / 24) * (rank < several)).astype(np.float32)
    genes["mean_expression"] = profiles.mean(axis=1)
    genes[["tau", "length", "elsewhere"]] = rng.normal(size=(n, 3))
    genes.iloc[:5, 3] = np.nan
    score = latent @ rng.normal(size=(8, 10)) + rng.normal(size=(n, 10))
    inside = score > np.quantile(score, 0.93, axis=0)
    values = inside.astype(np.int8)
    if kind == "newer":
        values[inside & (rng.random(inside.shape) < 0.4)] = NEWER
    if kind == "stated":
        values = values[:, :1].copy()
        values[rng.choice(np.flatnonzero(values[:, 0] == 0), 150, replace=False)] = STATED_OUT
    pairs = np.sort(rng.integers(0, n, (6000, 2)), axis=1)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    near = (latent[pairs[:, 0]] * latent[pairs[:, 1]]).sum(axis=1) + rng.normal(size=len(pairs))
    related = near > np.median(near)
    full = kind == "sets"
    truth = GeneTruth(
        genes, csr_matrix(values), tuple(f"S{i}" for i in range(values.shape[1])),
        profiles if full else profiles[:, :0], tuple(f"T{i}" for i in range(12)) if full else (),
        np.column_stack([pairs, related]) if full else np.zeros((0, 3), np.int64),
    )  # fmt: skip
    return truth, latent


@pytest.fixture(scope="session")
def make_gene_truth():
    """The maker of small datasets of genes."""
    return made_gene_truth
