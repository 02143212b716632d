"""umaps.npz: two coordinates a cell for each model of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from scarena.base.files import replacing


def write_umaps(path: Path, flat: dict[str, np.ndarray], names: np.ndarray) -> None:
    """Write coordinates [n_cells, 2] by model, and the names of the cells (npz, no pickle; small, to be shared)."""
    arrays: dict[str, Any] = {f"xy:{model}": xy for model, xy in flat.items()}
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, obs_names=names.astype(np.str_), **arrays)
