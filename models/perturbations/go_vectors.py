"""What models that know perturbed genes by their annotations have in common: the vectors of the control `gene-go`."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context
from scarena.models.genes.ontology import GeneGO
from scarena.models.of_responses import ResponseModel
from scarena.models.perturbations.vectors import from_vectors, narrow

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.responses import Seen

KNOWLEDGE = ("GO", "Reactome")
FEATURES = "128 principal components of memberships in sets of GO and Reactome (gene-go)"


class OfGO(ResponseModel):
    """Effects learned from the annotations of the perturbed genes. A subclass a file; `fitted` is all it has to do."""

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return what annotations predict; no row for a gene that is in no set.

        Raises
        ------
        NotApplicable
            If no perturbation is of a gene.
        """
        kept: dict[tuple[str, ...], pd.DataFrame] = vars(self).setdefault("_kept", {})
        asked = tuple(map(str, seen.genes.index))
        if asked not in kept:
            kept[asked] = narrow(self.features(seen.genes, ctx))
        return from_vectors(kept[asked], seen, ask, partial(self.fitted, ctx=ctx))

    def features(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return what genes are known by, as `scarena.models.base.Model.gene_vectors`."""
        return GeneGO().gene_vectors(genes, ctx)

    @abstractmethod
    def fitted(
        self, x_nd: np.ndarray, y_nG: np.ndarray, x_md: np.ndarray, groups: np.ndarray, ctx: Context
    ) -> np.ndarray:
        """Return effects [m, G] from vectors and effects learned from, vectors asked about, and what is held out."""
