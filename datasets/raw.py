"""What every reader returns: a dataset as its files hold it, before genes, labels and counts are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True)
class Raw:
    """Counts, cells and genes as published.

    `obs` is indexed by cell name and holds ``batch`` and, but for pretraining sets, ``label``; ``donor``, ``tissue``
    and ``assay`` where they differ between cells.
    """

    counts: Any
    """cells × genes, csr_matrix of any numeric type; of a file too large for memory, the matrix on disk."""
    obs: pd.DataFrame
    genes: np.ndarray
    """Symbols or Ensembl ids [n_genes] as published, duplicates included."""


Reader = Callable[[Mapping[str, Path], Mapping[str, Any]], Raw]
