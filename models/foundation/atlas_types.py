"""Names for cells without labels of one's own: the nearest type of the atlas that a model was pretrained on.

Vectors are compared by their cosine after the atlas' mean was taken from both, the same number for every dataset: what
a cell is called must not depend on which other cells were sequenced. A cell is named only where it lies as near to a
type as nineteen of twenty cells do that were simulated, with as many counts, from profiles of another study.

Shapes: B cells, P profiles, Z width of the embedding, K depths.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import ModelError
from scarena.base.untrusted import read_arrays
from scarena.models.foundation.embed import encode
from scarena.models.foundation.simulated import SimulationConfig
from scarena.models.foundation.tokenize import Cells

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from scarena.models.foundation.atlas_use import Laid
    from scarena.models.foundation.model import FoundationModel

FILE = "types.npz"
DEPTHS = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
"""Counts of a cell that simulated cells are made with; between them the bound is a straight line in their logarithm."""
REFUSED = 0.05
"""Share of the simulated cells that are not named."""
_SIMULATED, _OF_EACH = 2_048, 64
"""Cells that a bound is taken from: so many of all studies, and of each at least."""
WORDS = ("label", "term", "tissue", "source")
_FIX = "restore the folder, or pretrain with an atlas"


@dataclass(frozen=True, slots=True)
class AtlasTypes:
    """The types of an atlas that have a Cell Ontology term, as a model places them."""

    unit_PZ: NDArray[np.float32]
    """Centred vectors of length one."""
    centre_Z: NDArray[np.float32]
    words: dict[str, NDArray[np.str_]]
    """``label``, ``term``, ``tissue`` and ``source`` of each profile."""
    least_K: NDArray[np.float32]
    """Cosine below which a cell of each of `DEPTHS` is not named."""

    def likeness(self, z_BZ: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the cosines of cells with the profiles, [B, P]."""
        return _unit(z_BZ - self.centre_Z) @ self.unit_PZ.T

    def least(self, depth_B: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the cosine that a cell with so many counts must reach, [B]."""
        return np.interp(np.log(np.maximum(depth_B, 1)), np.log(DEPTHS), self.least_K)

    def named(self, z_BZ: NDArray[np.float32], depth_B: NDArray[np.floating]) -> pd.DataFrame:
        """Return the nearest type of each cell.

        Returns
        -------
        A row a cell: ``label``, ``term``, ``tissue`` and ``source`` of the nearest profile, missing for a cell that is
        near none; ``score``, its cosine, and ``needed``, the one to be reached, both missing for a cell of no counts;
        ``nearest``, the label even where it is too far.
        """
        import pandas as pd

        likeness_BP = self.likeness(z_BZ)
        best_B = likeness_BP.argmax(axis=1)
        score_B, needed_B = likeness_BP[np.arange(len(best_B)), best_B].astype(float), self.least(depth_B)
        empty_B = np.asarray(depth_B) <= 0
        found = pd.DataFrame({word: self.words[word][best_B].astype(object) for word in WORDS})
        found["score"], found["needed"], found["nearest"] = score_B, needed_B, found["label"]
        found.loc[empty_B | (score_B < needed_B), list(WORDS)] = None
        found.loc[empty_B, ["score", "needed", "nearest"]] = None
        return found


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)


def types_of(model: FoundationModel, laid: Laid, words: dict[str, NDArray[np.str_]], seed: int = 0) -> AtlasTypes:
    """Return the types of an atlas as a model places them.

    Parameters
    ----------
    model
        To place them with.
    laid
        The atlas over its vocabulary.
    words
        ``label``, ``term``, ``tissue`` and ``source`` of its profiles.
    seed
        Of the simulated cells.
    """
    place_PZ = encode(model, _profiles(laid.values_PV))
    means = [place_PZ[laid.source_P == source].mean(axis=0) for source in np.unique(laid.source_P)]
    centre_Z = np.mean(means, axis=0).astype(np.float32)
    known_P = (laid.term_P != "") & (laid.values_PV.sum(axis=1) > 0)
    known, unit_PZ = laid.some(known_P), _unit(place_PZ[known_P] - centre_Z)
    least = [_least(model, known, unit_PZ, centre_Z, depth, seed) for depth in DEPTHS]
    kept = {word: np.asarray(words[word], dtype=str)[known_P] for word in WORDS}
    return AtlasTypes(unit_PZ, centre_Z, kept, np.asarray(least, np.float32))


def _least(
    model: FoundationModel, known: Laid, unit_PZ: NDArray[np.float32], centre_Z: NDArray[np.float32], depth: int,
    seed: int,
) -> float:  # fmt: skip
    """Return the cosine that all but a twentieth of cells of a type reach to the types of other studies that have it.

    -1, which names every cell, where no two studies share a type.
    """
    rng = np.random.default_rng([seed, depth])
    made, best = known.simulated(SimulationConfig(mixed=0, shallowest=depth, deepest=depth)), []
    sources = np.unique(known.source_P)
    each = max(_OF_EACH, _SIMULATED // max(1, len(sources)))
    for source in sources:
        own_P = known.source_P == source
        shared = np.flatnonzero(np.isin(known.term_P[own_P], known.term_P[~own_P]))
        if not len(shared):
            continue
        cells = made.made_of(known.sources[source], rng.choice(shared, each), rng)
        likeness_BP = _unit(encode(model, cells) - centre_Z) @ unit_PZ[~own_P].T
        best.append(likeness_BP.max(axis=1))
    return float(np.quantile(np.concatenate(best), REFUSED)) if best else -1.0


def _profiles(values_PV: NDArray[np.float32]) -> Cells:
    from scipy.sparse import csr_matrix

    held = csr_matrix(values_PV)
    depth = np.asarray(held.sum(axis=1), np.float32).ravel()
    return Cells(held.indptr.astype(np.int64), held.indices.astype(np.int32), held.data.astype(np.float32), depth)


def write_types(types: AtlasTypes, folder: Path) -> None:
    """Write the types beside a checkpoint."""
    from scarena.base.files import replacing

    with replacing(folder / FILE) as part, part.open("wb") as file:
        numbers = {"unit": types.unit_PZ.astype(np.float16), "centre": types.centre_Z, "least": types.least_K}
        arrays: dict[str, Any] = {**numbers, **types.words}
        np.savez_compressed(file, **arrays)


def read_types(folder: Path) -> AtlasTypes:
    """Read the types of a checkpoint.

    Raises
    ------
    ModelError
        If it has none, or the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        raise ModelError("knows no types: it was not pretrained on an atlas", where=str(folder), fix=_FIX)
    held = read_arrays(path, "unit", "centre", "least", *WORDS, fix=_FIX)
    n = len(held["unit"])
    if held["unit"].ndim != 2 or held["centre"].shape != held["unit"].shape[1:] or len(held["least"]) != len(DEPTHS):
        raise ModelError("has arrays of other shapes", where=str(path), fix=_FIX)
    if not n or any(len(held[word]) != n for word in WORDS):
        raise ModelError("has words for other profiles", where=str(path), fix=_FIX)
    words = {word: held[word].astype(str) for word in WORDS}
    return AtlasTypes(
        held["unit"].astype(np.float32), held["centre"].astype(np.float32), words, held["least"].astype(np.float32)
    )
