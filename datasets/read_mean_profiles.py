"""Published mean profiles: npz files of observed means and a control's, as ivcbench keeps them; no cells.

A file holds the profiles that one split held out: those of one context are put together, and files that disagree are
refused. Genes and profiles join by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from scarena.base.errors import DataError
from scarena.base.untrusted import check_names, read_arrays
from scarena.datasets.response_rule import MeanProfiles

_ARRAYS = ("obs_means", "strata", "genes", "control_mean")
_FIX = "correct `reader: options` on the card, or give the files as published"


@dataclass(frozen=True, slots=True)
class Means:
    """What the files hold: means of log-normalised expression, a column a gene as published."""

    profiles: pd.DataFrame
    """By perturbation and context, as published."""
    controls: pd.DataFrame
    """By context."""
    asked: Mapping[str, tuple[tuple[str, str], ...]]
    """Name of a published split → perturbation and context of the profiles that it asks about."""


def read_mean_profiles(files: Mapping[str, Path], options: MeanProfiles) -> Means:
    """Read the files that a card names.

    Raises
    ------
    DataError
        If one cannot be read, holds anything but text and numbers, or two of them disagree.
    """
    profiles: dict[tuple[str, str], pd.Series] = {}
    controls: dict[str, pd.Series] = {}
    held: dict[str, tuple[tuple[str, str], ...]] = {}
    for key, context in options.contexts.items():
        table, control = _read(files[key], options.prefix)
        _join(controls, context, control, files[key])
        for name, row in table.iterrows():
            _join(profiles, (str(name), context), row, files[key])
        held[key] = tuple((str(name), context) for name in table.index)
    first = next(iter(controls.values())).index
    for context, control in controls.items():
        if set(control.index) != set(first):
            what = f"the files of {context!r} have other genes than those of {next(iter(controls))!r}"
            raise DataError(what, where=str(files[next(iter(options.contexts))]), fix=_FIX)
    asked = {name: tuple(each for key in keys for each in held[key]) for name, keys in options.published.items()}
    return Means(pd.DataFrame(profiles).T[first], pd.DataFrame(controls).T[first], asked)


def _read(path: Path, prefix: str) -> tuple[pd.DataFrame, pd.Series]:
    """Return the profiles of one file by name, and its control."""
    found = read_arrays(path, *_ARRAYS, only=_ARRAYS, objects=True, fix=_FIX)
    genes, strata = ([str(each) for each in found[key].ravel()] for key in ("genes", "strata"))
    check_names(sorted({*genes, *strata}), str(path))
    means, control = (_numbers(found[key], key, path) for key in ("obs_means", "control_mean"))
    if means.shape != (len(strata), len(genes)) or control.shape != (len(genes),):
        what = f"means are {means.shape} for {len(strata)} profiles and {len(genes)} genes"
        raise DataError(what, where=str(path), fix=_FIX)
    for what, names in (("genes", genes), ("profiles", strata)):
        if len(set(names)) < len(names):
            raise DataError(f"two {what} of one name", where=str(path), fix=_FIX)
    # Of other strata, as of a compound in a cell type, the control would be another.
    if wrong := [name for name in strata if not name.startswith(prefix) or "=" in name.removeprefix(prefix)]:
        raise DataError(f"a profile is called {wrong[0]!r}, not {prefix!r} and a name", where=str(path), fix=_FIX)
    names = [name.removeprefix(prefix) for name in strata]
    return pd.DataFrame(means, names, genes), pd.Series(control, genes)


def _numbers(values: np.ndarray, key: str, path: Path) -> np.ndarray:
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise DataError(f"{key} holds what is no finite number", where=str(path), fix=_FIX)
    if values.size and values.min() < 0:
        what = f"{key} holds negative values: effects, and not means of log-normalised expression"
        raise DataError(what, where=str(path), fix=_FIX)
    return values.astype(np.float32)


def _join(held: dict, name: str | tuple[str, str], row: pd.Series, path: Path) -> None:
    """Keep a row under its name; one that is held already must be the same."""
    if name not in held:
        held[name] = row
        return
    other = row.reindex(held[name].index)
    if len(row) != len(other) or not np.array_equal(other.to_numpy(), held[name].to_numpy()):
        called = name if isinstance(name, str) else f"{name[0]} in {name[1]}"
        raise DataError(f"has other means of {called!r} than a file before it", where=str(path), fix=_FIX)
