"""A model on the checks' cells, in this process: what it was handed, what it returned, and variants of the two."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.models.base import Context, Model
from scarena.models.embedding import check_embedding, hand_over
from scarena.testing.cells import conformance_cells

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from scarena.models.responses import Seen


class Trial:
    """One model under test.

    Parameters
    ----------
    model
        The class.
    cache
        A folder that it may write to.
    """

    def __init__(self, model: type[Model], cache: Path) -> None:
        self.model, self.card, self.cache = model, model.card, cache

    @property
    def frozen(self) -> bool:
        """Whether a cell's vector can depend on nothing but the cell: no fit, no batches, no noise dealt by row."""
        return not (self.card.trains_on_target or self.card.uses_batch or self.card.control)

    @property
    def knows_genes(self) -> bool:
        """Whether the model has vectors of genes, so far as its class says."""
        return self.model.gene_vectors is not Model.gene_vectors

    @property
    def predicts(self) -> bool:
        """Whether the model predicts responses by a rule of its own; from vectors of genes all do it alike."""
        return self.model.predict is not Model.predict

    @cached_property
    def cells(self) -> AnnData:
        """The prepared dataset, labels included."""
        return conformance_cells()

    @cached_property
    def first(self) -> tuple[AnnData, AnnData, Any]:
        """What the model was handed, a copy made before, and what it returned, unchecked."""
        handed = self.handed(self.cells)
        before = handed.copy()
        return handed, before, self._run(handed, seed=0)

    @cached_property
    def vectors(self) -> np.ndarray:
        """What the model returned for the cells, float32 [n_cells, d]."""
        return check_embedding(self.first[2], self.cells.n_obs, self.card.name)

    @cached_property
    def shuffled(self) -> np.ndarray:
        """Vectors of cells and genes both in another order, which a fitted model is asked for once."""
        rng = np.random.default_rng(1)
        rows, columns = rng.permutation(self.cells.n_obs), rng.permutation(self.cells.n_vars)
        return self.embed(self.cells[rows][:, columns].copy())

    def handed(self, prepared: AnnData) -> AnnData:
        """Return what the model is handed of a prepared dataset."""
        return hand_over(prepared, self.card)

    def embed(self, prepared: AnnData, seed: int = 0) -> np.ndarray:
        """Return the model's vectors of other cells, float32 [n_cells, d], refused where they are no embedding."""
        return check_embedding(self.returned(prepared, seed), prepared.n_obs, self.card.name)

    def returned(self, prepared: AnnData, seed: int = 0) -> Any:
        """Return what the model returns for other cells, unchecked."""
        return self._run(self.handed(prepared), seed)

    def gene_vectors(self, asked: pd.DataFrame, seed: int = 0) -> Any:
        """Return the model's vectors of genes, unchecked."""
        with self._context(seed) as context:
            return self.model().gene_vectors(asked, context)

    def predict(self, seen: Seen, ask: pd.DataFrame, seed: int = 0) -> Any:
        """Return the responses that the model predicts, unchecked."""
        with self._context(seed) as context:
            return self.model().predict(seen, ask, context)

    def _run(self, handed: AnnData, seed: int) -> Any:
        with self._context(seed) as context:
            return self.model().embed(handed, context)

    @contextmanager
    def _context(self, seed: int) -> Iterator[Context]:
        # As the embed step does: a third party's model may draw from the global generator.
        np.random.seed(seed)  # noqa: NPY002
        log = logging.getLogger(f"scarena.{self.card.name}")
        with warnings.catch_warnings():
            # A library's advice is no fault of the model, whatever the tests around this one make of warnings.
            warnings.simplefilter("default")
            yield Context(seed, "cpu", self.cache, 1, log)
