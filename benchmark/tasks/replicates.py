"""replicates.npz: what each score of a run would have been with other cells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scarena.base.advice import made_again
from scarena.base.errors import DataError
from scarena.base.files import replacing
from scarena.base.untrusted import read_arrays, reading

Floats = NDArray[np.float64]


def write_replicates(path: Path, replicates: Mapping[str, np.ndarray]) -> None:
    """Write what each score would have been in each bootstrap replicate, one row a metric (npz, no pickle)."""
    from scarena.metrics.resampling import N_REPLICATES

    keys = sorted(replicates)
    # Of no metric at all the shape is still one that is read back.
    values = np.array([replicates[key] for key in keys], dtype=np.float64).reshape(len(keys), N_REPLICATES)
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, metrics=np.asarray(keys, dtype=np.str_), values=values)


def read_replicates(path: Path) -> dict[str, Floats]:
    """Return the replicates [n_replicates] of one run by metric; none where there is no file.

    A metric with a replicate that is no number is left out: quantiles around a hole are not those of its score.

    Raises
    ------
    DataError
        If the file is not one that the score step writes.
    """
    from scarena.metrics.resampling import N_REPLICATES

    fix = made_again(path, "replicates.npz", "scores.json")
    if not path.exists():
        return {}
    with reading(path, what="not a file of replicates", fix=fix):
        file = read_arrays(path, "metrics", "values", fix=fix)
        metrics, values = file["metrics"], np.asarray(file["values"], dtype=np.float64)
    if values.shape != (len(metrics), N_REPLICATES):
        expected = f"{len(metrics)} metrics x {N_REPLICATES} replicates"
        raise DataError(f"shape {values.shape} is not {expected}", where=str(path), fix=fix)
    return {str(metric): row for metric, row in zip(metrics, values, strict=True) if np.isfinite(row).all()}
