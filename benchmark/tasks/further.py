"""What a prepared dataset knows of its cells besides types and batches: donors, targets, proteins, places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from anndata import AnnData


def further_truths(data: AnnData, log: Any, card: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `Annotated` that hold further truths.

    Parameters
    ----------
    data
        A prepared dataset.
    log
        log1p of counts per 10,000 of the same cells and genes.
    card
        The dataset's card, as written.
    """
    named = card.get("targets", {})
    donor = data.obs["donor"].astype(str).to_numpy() if "donor" in data.obs else np.full(data.n_obs, "unknown")
    matrices = {key: np.asarray(data.obsm[key], np.float32) for key in ("proteins", "coordinates") if key in data.obsm}
    proteins = tuple(map(str, data.uns["proteins"])) if "proteins" in matrices else ()
    if proteins:
        genes = [card.get("proteins", {}).get(protein) for protein in proteins]
        matrices["coding_rna"] = coding_rna(log, data.var["symbol"].astype(str).to_numpy(), genes)
    return {
        "donor": donor.astype(np.str_),
        "targets": {name: data.obs[name].astype(str).to_numpy(np.str_) for name in named},
        "matrices": matrices,
        "proteins": proteins,
        "not_identifiable": {name: why for name, each in named.items() if (why := each.get("not_identifiable"))},
    }


def coding_rna(log: Any, symbols: np.ndarray, genes: list[str | None]) -> np.ndarray:
    """Return the expression ``[n_cells, n_proteins]`` of each protein's gene; NaN where it is not measured.

    Parameters
    ----------
    log
        log1p of counts per 10,000, cells × genes.
    symbols
        Of the genes; ids that share a symbol are summed before the logarithm.
    genes
        Symbol of each protein's gene, None where it has none.
    """
    found = np.full((log.shape[0], len(genes)), np.nan, np.float32)
    for column, gene in enumerate(genes):
        at = np.flatnonzero(symbols == gene) if gene is not None else ()
        if len(at):
            found[:, column] = np.log1p(np.asarray(log[:, at].expm1().sum(axis=1)).ravel())
    return found
