"""Which cells have a label, and which of them are held out: whole batches where there are several.

The cells to annotate later come from another batch, so that cells of the same one would promise too much.

Shapes: B cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from scarena.base.errors import DataError

if TYPE_CHECKING:
    from anndata import AnnData

_MOST_HELD = 0.5


def labels_of(data: AnnData, column: str) -> tuple[list[str], np.ndarray]:
    """Return the labels there are, sorted, and the place of each cell's, int64 [n_cells], −1 where it is missing.

    Raises
    ------
    DataError
        If there is no such column, or fewer than two labels.
    """
    if column not in data.obs:
        known = ", ".join(map(str, data.obs.columns)) or "none"
        raise DataError(f"obs has no column {column!r}", where="labels", fix=f"columns: {known}")
    values = data.obs[column].astype(object)
    told_B = (values.notna() & (values.astype(str).str.strip() != "")).to_numpy()
    text_B = values.astype(str).to_numpy()
    names = sorted(set(text_B[told_B].tolist()))
    if len(names) < 2:
        what = f"{len(names)} label{'s' * (len(names) != 1)} in {told_B.sum()} labelled cells"
        raise DataError(what, where=f"obs[{column!r}]", fix="name a column with at least two")
    place = {name: number for number, name in enumerate(names)}
    return names, np.array([place[text] if told else -1 for text, told in zip(text_B, told_B, strict=True)], np.int64)


@dataclass(frozen=True, slots=True)
class Split:
    """Cells to train on and cells held out, by row."""

    train: np.ndarray
    held: np.ndarray
    by: Literal["batches", "cells", "nothing"]
    """Whether whole batches are held out, a share of every label's cells, or nothing, where no label can spare one."""
    batches: tuple[str, ...] = ()
    """Those held out."""


def split_cells(labels_B: np.ndarray, batch_B: np.ndarray, share: float, rng: np.random.Generator) -> Split:
    """Hold out about a share of labelled cells: whole batches drawn at random, or cells where there is one batch.

    A batch is passed over if without it a label had no cell left or more than half of the cells were held out. Where
    that leaves none, cells are held out as in a single batch: of every label the share, rounded down.

    Parameters
    ----------
    labels_B
        int, −1 where there is no label: such cells are in neither part.
    batch_B
        Names of batches.
    share
        Of the labelled cells, 0 to 1.
    rng
        Decides.
    """
    known = np.flatnonzero(labels_B >= 0)
    labels, batch = labels_B[known], batch_B[known]
    left, held = np.bincount(labels), np.zeros(len(known), bool)
    chosen: list[str] = []
    for name in rng.permutation(sorted(set(batch.tolist()))) if share > 0 else ():
        mine = batch == name
        after = left - np.bincount(labels[mine], minlength=len(left))
        if held.sum() >= share * len(known):
            break
        if ((after == 0) & (left > 0)).any() or (held | mine).sum() > _MOST_HELD * len(known):
            continue
        left, held = after, held | mine
        chosen.append(str(name))
    if chosen:
        return Split(known[~held], known[held], "batches", tuple(sorted(chosen)))
    for label in range(len(left)):
        rows = np.flatnonzero(labels == label)
        held[rng.permutation(rows)[: int(share * len(rows))]] = True
    return Split(known[~held], known[held], "cells" if held.any() else "nothing")
