"""Cells whose file has logarithms that no counts come back from: the values are taken as they are, and nobody's counts.

What `scarena.datasets.prepare` asks of cells is asked here too, but for the counts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import DataError
from scarena.base.folders import digest_of
from scarena.datasets.accepted import gene_counts
from scarena.datasets.card import DatasetCard
from scarena.datasets.counts import plain
from scarena.datasets.genes import gene_map, gene_table
from scarena.datasets.prepare import canonical_obs, check_obs, wanted_cells
from scarena.datasets.readers import find_reader
from scarena.datasets.sources import pull

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix


def published_cells(card: DatasetCard, *, cache: Path, mirror: Path | None = None) -> AnnData:
    """Return cells with the values that were published, in the canonical form but for these.

    Of two columns of one gene the first is taken: logarithms do not add up.

    Raises
    ------
    SourceError, DataError, CardError
        As for any dataset; and if a value is negative or no finite number.
    """
    from anndata import AnnData as New

    where = f"dataset {card.name}"
    files = pull(card, cache=cache, mirror=mirror)
    raw = find_reader(card.reader.name, where)(files, card.reader.options)
    check_obs(raw, card, where)
    wanted, said = wanted_cells(raw, card)
    genes = gene_map(raw.genes, gene_table(cache=cache, mirror=mirror), where, raw.features)
    published, kept = genes.merge.nonzero()
    columns = published[np.unique(kept, return_index=True)[1]]
    values = _logarithms(plain(gene_counts(raw))[:, columns][wanted], where)
    obs = canonical_obs(raw, card, None, where)[wanted]
    data = New(values, obs=obs)
    data.var_names, data.var["symbol"] = genes.ids, genes.symbols
    known, twice = genes.merge.nnz, genes.merge.nnz - len(genes.ids)
    said.append(f"{known:,} of {len(raw.genes):,} genes are known; {twice} are another column of one, and left out")
    data.uns = {"notes": [*raw.notes, *said], "card": card.model_dump_json()}
    data.uns["sources"] = json.dumps({key: digest_of(path) for key, path in files.items()}, sort_keys=True)
    return data


def _logarithms(values: csr_matrix, where: str) -> csr_matrix:
    values = values.astype(np.float64)
    if values.nnz and not (np.isfinite(values.data).all() and values.data.min() >= 0):
        what = "values are negative, or no finite numbers: no logarithms of normalised counts"
        raise DataError(what, where=f"{where}: values", fix="name the layer that has these, or give counts")
    return values
