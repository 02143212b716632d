"""What the tasks that probe one run's vectors share: principal axes, codes, and predictions of held-out cells."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scarena.metrics.probes.held_out import HeldOut
    from scarena.metrics.probes.scores import Draws
    from scarena.models.base import Offers
    from scarena.tasks.dataset_reference import Annotated


class Probed:
    """Of one run; each part is computed when it is first asked for.

    Parameters
    ----------
    vectors, known, groups, seed, offers
        Those of the run's `Cells`.
    """

    def __init__(
        self, vectors: np.ndarray, known: Annotated, groups: np.ndarray, seed: int, offers: Offers = "vectors"
    ) -> None:
        self.known, self.seed, self.offers = known, seed, offers
        self._vectors, self._groups = vectors, groups

    @cached_property
    def x(self) -> np.ndarray:
        """The vectors along their principal axes ``[n_cells, ≤ 512]``."""
        from scarena.metrics.probes.linear import axes_of

        return axes_of(self._vectors)

    @cached_property
    def _coded(self) -> tuple[np.ndarray, np.ndarray]:
        names, codes = np.unique(self.known.labels, return_inverse=True)
        return names, codes.astype(np.int64)

    @property
    def types(self) -> np.ndarray:
        """Names of the cell types, sorted."""
        return self._coded[0]

    @property
    def classes(self) -> np.ndarray:
        """Cell type of each cell, a place in `types` ``[n_cells]``."""
        return self._coded[1]

    @cached_property
    def groups(self) -> np.ndarray:
        """Donor, else batch, of each cell as a code ``[n_cells]``."""
        return np.unique(self._groups, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def sections(self) -> np.ndarray:
        """Batch of each cell as a code ``[n_cells]``."""
        return np.unique(self.known.batch, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def edges(self) -> np.ndarray | None:
        """Edges of the ontology from a type (row) up to where it meets another ``[n_types, n_types]``; NaN without."""
        from scarena.metrics.checks import most_frequent

        view = self.known.ontology
        if view is None:
            return None
        terms = [most_frequent(view.term_ids[self.classes == number]) for number in range(len(self.types))]
        place = {term: number for number, term in enumerate(view.lca.terms)}
        found = np.full((len(terms), len(terms)), np.nan)
        has = [number for number, term in enumerate(terms) if term in place]
        at = [place[terms[number]] for number in has]
        found[np.ix_(has, has)] = view.lca.directed[np.ix_(at, at)]
        return found

    @cached_property
    def of_types(self) -> HeldOut:
        """Types predicted by probes that saw no cell of the donor, else batch; or by the model, told no type of one."""
        from scarena.metrics.probes.held_out import given, held_out

        if self.offers == "labels":
            return given(self._of_scored_types, self.classes, self.groups, seed=self.seed)
        return held_out(self.x, self.classes, self.groups, seed=self.seed)

    @property
    def _of_scored_types(self) -> np.ndarray:
        """Predictions of the types that occur among the scored cells, which may be a part of the dataset."""
        known = self.known.types
        if not len(known) or self._vectors.shape[1] != len(known):
            return self._vectors
        return self._vectors[:, np.isin(known, self.types)]

    @cached_property
    def claimed_types(self) -> HeldOut:
        """Types predicted under random folds of cells.

        Raises
        ------
        Undefined
            If the model predicts types itself.
        """
        from scarena.metrics.measured import Undefined

        if self.offers == "labels":
            raise Undefined("asked with donors held out alone")
        from scarena.metrics.probes.held_out import claimed

        return claimed(self.x, self.classes, self.of_types, seed=self.seed)

    @cached_property
    def draws(self) -> Draws:
        """Replicates of groups, or of cells where there are few groups; the same for every model."""
        from scarena.metrics.probes.scores import draws

        return draws(self.classes, self.groups)
