"""A checkpoint's table of genes, asked for by Ensembl id whatever the checkpoint calls its genes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class GeneRows:
    """What stands for a gene before a network has seen any cell.

    Parameters
    ----------
    table
        [n_rows, d]; rows of what is no gene are of no matter.
    place
        A gene's row; without special tokens. Of two rows of one name the checkpoint's vocabulary has the first.
    by
        What the vocabulary calls genes by; ``capitals``: symbols without a lower-case letter.
    """

    table: Tensor
    place: Mapping[str, int]
    by: Literal["ensembl", "symbol", "capitals"]


def table_by_gene(rows: GeneRows, genes: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the genes that are asked for, float32, by Ensembl id; none for what the vocabulary lacks.

    Two Ensembl ids of one symbol have the same row where the vocabulary has symbols.

    Parameters
    ----------
    rows
        Of the checkpoint.
    genes
        Ensembl ids, with ``symbol``.
    """
    import pandas as pd

    names = map(str, genes.index if rows.by == "ensembl" else genes["symbol"])
    place = [rows.place.get(name.upper() if rows.by == "capitals" else name, -1) for name in names]
    known = [at for at, row in enumerate(place) if row >= 0]
    found = rows.table.detach()[[place[at] for at in known]].float().cpu().numpy()
    return pd.DataFrame(found, index=genes.index[known])
