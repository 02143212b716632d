"""An atlas as pretraining reads it: kept in the cache, laid over a vocabulary, to start from and to make cells of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scarena.models.foundation.atlas.build import build_atlas
from scarena.models.foundation.atlas.config import read_config
from scarena.models.foundation.atlas.store import read_atlas, write_atlas
from scarena.models.foundation.atlas_start import Start, start_of
from scarena.models.foundation.recipe import atlas_source
from scarena.models.foundation.simulated import SimulatedSource, SimulationConfig
from scarena.models.foundation.technology import technology

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scarena.models.foundation.atlas.profiles import Profiles


def atlas_of(config: Path, cache: Path, mirror: Path | None = None) -> Profiles:
    """Return the atlas of a configuration, built where the cache does not hold it yet.

    Raises
    ------
    ConfigError, DataError, SourceError, NotAvailable
        As building it does.
    """
    asked = read_config(config)
    place = cache / "atlases" / f"{asked.name}-{atlas_source(config)}.h5ad"
    if place.is_file():
        return read_atlas(place)
    found = build_atlas(asked, cache, mirror)
    write_atlas(found, place)
    return found


@dataclass(frozen=True, slots=True)
class Laid:
    """An atlas over a vocabulary: P profiles, V genes."""

    values_PV: np.ndarray
    """float32, expression per 10,000; 0 where the source did not measure the gene."""
    measured_PV: np.ndarray
    source_P: np.ndarray
    """int, place in `sources`."""
    sources: tuple[str, ...]
    term_P: np.ndarray
    """str, Cell Ontology term of each profile, empty where there is none."""

    @classmethod
    def over(cls, atlas: Profiles, genes: Sequence[str]) -> Laid:
        """Return an atlas over a vocabulary.

        Raises
        ------
        DataError
            If they have no gene in common.
        """
        place_V = atlas.places(genes, "vocabulary")
        known_V = place_V >= 0
        number = {name: at for at, name in enumerate(atlas.sources)}
        source_P = np.array([number[name] for name in atlas.obs["source"]])
        values_PV = np.where(known_V, atlas.values[:, place_V], 0).astype(np.float32)
        measured_PV = atlas.measured_by_profile()[:, place_V] & known_V
        term_P = atlas.obs["term"].fillna("").astype(str).to_numpy()
        return cls(values_PV, measured_PV, source_P, atlas.sources, term_P)

    def some(self, kept_P: np.ndarray) -> Laid:
        """Return some of its profiles."""
        parts = (self.values_PV[kept_P], self.measured_PV[kept_P], self.source_P[kept_P])
        return Laid(*parts, self.sources, self.term_P[kept_P])

    def technology(self) -> np.ndarray:
        """Return what pairs of its studies differ in, float32 [K, V]; see `technology`."""
        return technology(self.values_PV, self.measured_PV, self.source_P, self.term_P.tolist())

    def start(self, n_components: int) -> Start:
        """Return where a gene bag starts from."""
        return start_of(np.log1p(self.values_PV), self.measured_PV, self.source_P, n_components)

    def simulated(self, config: SimulationConfig) -> SimulatedSource:
        """Return a source of cells made from the profiles; those without a gene of the vocabulary are left out."""
        kept_P = self.values_PV.sum(axis=1) > 0
        names = [self.sources[source] for source in self.source_P[kept_P]]
        panels = {name: self.measured_PV[self.source_P == self.sources.index(name)][0] for name in set(names)}
        return SimulatedSource(self.values_PV[kept_P], names, panels, config, term_P=self.term_P[kept_P].tolist())
