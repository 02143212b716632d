"""The cells that the checks hand to a model: made-up counts of real human genes, so that vocabularies overlap."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from scarena.models.responses import Seen

N_CELLS, N_TYPES = 60, 3
_GENES = Path(__file__).parent / "genes.tsv"


def gene_names() -> tuple[list[str], list[str]]:
    """Return the Ensembl ids and the symbols of the 600 genes, which six of the board's datasets all measured."""
    rows = [line.split("\t") for line in _GENES.read_text(encoding="utf-8").splitlines()[1:]]
    return [row[0] for row in rows], [row[1] for row in rows]


def asked_genes(more: Sequence[str] = (), seed: int = 0) -> pd.DataFrame:
    """Return the 600 genes as a model is asked for their vectors, with made-up facts; of `more` names nothing is known.

    See `scarena.models.base.Model.gene_vectors`.
    """
    import pandas as pd

    from scarena.datasets.gene_facts import FACTS

    ids, symbols = gene_names()
    facts = np.random.default_rng(seed).uniform(0, 1, (len(ids), len(FACTS)))
    known = pd.DataFrame(facts, index=ids, columns=list(FACTS))
    known.insert(0, "symbol", symbols)
    return known.reindex([*ids, *more]).fillna({"symbol": "no gene"})


def asked_responses(seed: int = 0) -> tuple[Seen, pd.DataFrame]:
    """Return sixteen made-up responses to learn from, and four to ask about: see `scarena.models.base.Model.predict`.

    Effects lie along three programmes of genes, so that there is something to learn; one asked gene is not measured.
    """
    import pandas as pd

    from scarena.models.responses import Seen

    genes, rng = asked_genes(), np.random.default_rng(seed)
    measured, perturbed = list(genes.index[:100]), list(genes.index[81:101])
    control = rng.gamma(1.0, 0.5, 100)
    values = control + rng.normal(0, 0.3, (20, 3)) @ rng.normal(0, 0.3, (3, 100)) + rng.normal(0, 0.02, (20, 100))
    names = [f"knock-out of {gene}" for gene in perturbed]
    profiles = pd.DataFrame(np.maximum(values, 0), index=names, columns=measured)
    items = pd.DataFrame({"perturbation": names, "context": "cells", "targets": perturbed}, index=names)
    cells = conformance_cells(seed)[:, :100].copy()
    cells.obs = cells.obs[["batch"]].assign(context="cells")
    seen = Seen(
        "gene", profiles.iloc[:16], items.iloc[:16], pd.DataFrame(control[None], ["cells"], measured), genes, cells,
        duplicates=profiles.iloc[16:], training_cells=lambda: _behind(profiles.iloc[:16], control, seed),
    )  # fmt: skip
    return seen, items.iloc[16:]


def _behind(profiles: pd.DataFrame, control: np.ndarray, seed: int) -> AnnData:
    """Return six made-up cells of each profile, and sixteen of the control, as `Seen.training_cells` reads them."""
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    names = [*np.repeat(profiles.index, 6), *[""] * 16]
    means = np.concatenate([np.repeat(profiles.to_numpy(), 6, axis=0), np.tile(control, (16, 1))])
    values = np.maximum(means + np.random.default_rng(seed).normal(0, 0.2, means.shape), 0).astype(np.float32)
    obs = pd.DataFrame({"profile": names, "context": "cells"}, index=[f"treated{i:03d}" for i in range(len(names))])
    return AnnData(csr_matrix(values), obs=obs, var=pd.DataFrame(index=profiles.columns))


def conformance_cells(seed: int = 0) -> AnnData:
    """Return a prepared dataset: int32 counts [60, 600] of three types in two batches that differ in every gene.

    A batch effect and types are there to be found, and every cell has counts, so that a model has no cause to fail.
    """
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    ids, symbols = gene_names()
    rng = np.random.default_rng(seed)
    types, batches = np.arange(N_CELLS) % N_TYPES, (np.arange(N_CELLS) // N_TYPES) % 2
    rates = rng.gamma(0.6, 2.0, (N_TYPES, len(ids))) * rng.lognormal(0, 0.3, (2, 1, len(ids)))
    counts = csr_matrix(rng.poisson(rates[batches, types]).astype(np.int32))
    obs = pd.DataFrame(index=[f"cell{i:03d}" for i in range(N_CELLS)])
    obs["batch"] = pd.Categorical([f"batch{b}" for b in batches])
    obs["cell_type"] = pd.Categorical([f"type{t}" for t in types])
    obs["cell_type_id"] = ""
    return AnnData(counts, obs=obs, var=pd.DataFrame({"symbol": symbols}, index=ids))
