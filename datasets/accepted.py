"""What every reader's result passes before anybody uses it: which features are genes, which text names what.

One place for all formats and all verbs; what is dropped or renamed here is noted, and said wherever the data go.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from scarena.base.errors import DataError
from scarena.base.text import as_written, merged, named, said_of
from scarena.datasets.features import genes_of
from scarena.datasets.raw import Raw
from scarena.datasets.stored import in_memory, is_stored


def accepted(raw: Raw, where: str) -> Raw:
    """Return what a reader found, genes alone, with names as text: tidied, None where a value is missing.

    What was accepted before comes back as it is.

    Parameters
    ----------
    raw
        What a reader returned.
    where
        The file or dataset, for errors.

    Raises
    ------
    DataError
        If the parts do not fit each other, or no feature is a gene.
    """
    width = raw.counts.shape[1] if raw.kept is None else len(raw.kept)
    if (raw.counts.shape[0], width) != (len(raw.obs), len(raw.genes)):
        what = f"counts are {tuple(raw.counts.shape)} for {len(raw.obs)} cells and {len(raw.genes)} genes"
        raise DataError(what, where=where, fix="correct the reader's options on the card")
    obs, said = named_columns(raw.obs)
    mask, dropped = (None, ()) if raw.features is None else genes_of(raw.features, f"{where}: features")
    found = replace(raw, obs=obs, notes=(*raw.notes, *dropped, *said))
    return found if mask is None else _genes_alone(found, mask)


def _genes_alone(raw: Raw, mask: np.ndarray) -> Raw:
    columns = np.flatnonzero(mask)
    features = None if raw.features is None else raw.features.iloc[columns]
    # A matrix on disk is cut to its genes a block at a time, when it is read.
    counts, kept = (raw.counts, columns) if is_stored(raw.counts) else (raw.counts[:, columns], None)
    return replace(raw, counts=counts, kept=kept, genes=raw.genes[columns], features=features)


def gene_counts(raw: Raw) -> Any:
    """Return the counts of what was accepted in memory, cells × genes."""
    counts = in_memory(raw.counts)
    return counts if raw.kept is None else counts[:, raw.kept]


def named_columns(obs: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a table of cells with its columns as tidied text, None where missing; and what was renamed."""
    columns, said = {}, []
    for key in obs:
        texts = as_written(obs[key])
        columns[key] = named(obs[key])
        present = {text for text, kept in zip(texts.tolist(), columns[key].tolist(), strict=True) if kept is not None}
        said += said_of(merged(present), str(key))
    return pd.DataFrame(columns, index=obs.index), tuple(said)
