"""profiles.npz beside the scores.json of a run on perturbations: how far each prediction lies from what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.advice import made_again
from scarena.base.errors import DataError
from scarena.base.files import replacing
from scarena.base.untrusted import check_names, read_arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class ProfileErrors:
    """Squared errors of one run, mean over genes.

    Parameters
    ----------
    names
        Of the profiles that were asked about [n].
    zero
        Error of the better negative: of knowing nothing of the perturbation, float64 [n].
    predicted
        Error of the prediction, float64 [n].
    replicate
        Error of a replicate experiment, float64 [n]; NaN where there is none.
    """

    names: tuple[str, ...]
    zero: NDArray[np.float64]
    predicted: NDArray[np.float64]
    replicate: NDArray[np.float64]


def write_profiles(path: Path, errors: ProfileErrors) -> None:
    """Write them, no pickle."""
    arrays = {name: getattr(errors, name) for name in ("zero", "predicted", "replicate")}
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, names=np.asarray(errors.names, np.str_), **arrays)


def read_profiles(path: Path) -> ProfileErrors | None:
    """Read what `write_profiles` wrote; None where there is no file, as of a run on anything but perturbations.

    Raises
    ------
    DataError
        If the file is damaged or its arrays do not fit each other.
    """
    if not path.exists():
        return None
    fix = made_again(path, "profiles.npz", "scores.json")
    has = read_arrays(path, "names", "zero", "predicted", "replicate", fix=fix)
    names = has["names"]
    if names.ndim != 1 or names.dtype.kind != "U" or len(names) > _MOST:
        raise DataError("its profiles are no names", where=str(path), fix=fix)
    told = tuple(map(str, names))
    check_names(told, str(path))
    arrays = [has[name] for name in ("zero", "predicted", "replicate")]
    if any(each.shape != names.shape or each.dtype != np.float64 for each in arrays):
        raise DataError("has not one error a profile", where=str(path), fix=fix)
    return ProfileErrors(told, *arrays)
