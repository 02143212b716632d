"""What every reader returns: a dataset as its files hold it, before genes, labels and counts are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scarena.datasets.targets import TARGETS

OBS_KEYS = ("batch", "label", "donor", "tissue", "assay", *TARGETS)
"""Columns of `Raw.obs`, each of which has a rule among a reader's options."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Counts, cells and genes as published.

    `obs` is indexed by cell name and holds ``batch`` and, but for pretraining sets, ``label``; ``donor``, ``tissue``
    and ``assay`` where they differ between cells; and targets (`scarena.datasets.targets`).
    """

    counts: Any
    """cells × features, csr_matrix of any numeric type; of a file too large for memory, the matrix on disk."""
    obs: pd.DataFrame
    genes: np.ndarray
    """Symbols or Ensembl ids [n_features] as published, duplicates included."""
    features: pd.DataFrame | None = None
    """What else the file says of each feature, [n_features] rows: its kind, other names."""
    kept: np.ndarray | None = None
    """Columns of `counts` that are genes, where `counts` on disk has others too (`scarena.datasets.accepted`)."""
    notes: tuple[str, ...] = field(default=())
    """What was dropped, renamed or assumed in reading, a line each."""
    matrices: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """``proteins`` (counts) and ``coordinates``, each indexed by cell name; never part of `counts`."""
    advice: str = ""
    """Where the counts look to be, if `counts` are none."""


Reader = Callable[[Mapping[str, Path], Mapping[str, Any]], Raw]
