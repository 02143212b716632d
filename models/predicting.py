"""Models that are given the labels of some cells and say what the others are: rivals of a probe on vectors.

They learn features and classes together, from the very cells that a probe is fitted on. What they are given are the
counts of all cells and the labels of the known ones; a hidden label is None and is nowhere else in what they see.

On a board each donor, or batch, is predicted from others: a run's rows are these predictions, not vectors, and only
tasks that ask for types with donors held out can be asked of them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import pandas as pd
from anndata import AnnData

from scarena.base.errors import DataError, ModelError, NotApplicable
from scarena.base.folds import grouped_folds, held_out_together, splits
from scarena.models.base import Context, Model
from scarena.models.embedding import hand_over
from scarena.models.expression import N_HVG, select_hvg
from scarena.models.normalised import log_normalised


class Predictor(Model):
    """One way of turning counts and some labels into the labels of the other cells.

    A subclass a file. Its card says ``offers="labels"`` and ``uses_labels=True``; `probabilities` is all it has to do.
    """

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return what is predicted of every cell without the labels of its donor, or batch.

        Parameters
        ----------
        data
            As for any model, cell types included. Each of five folds of donors, those of the task `probe`, is predicted
            with its own labels hidden.
        ctx
            Seed of the folds and of the model, device, cache and threads.

        Returns
        -------
        float32 [n_cells, n_types], types sorted by name; 0 for a type that none of a cell's known cells has.

        Raises
        ------
        NotApplicable
            If there is one type, or nothing to hold out.
        """
        labels = data.obs["cell_type"].astype(str).to_numpy()
        types, classes = np.unique(labels, return_inverse=True)
        groups = np.unique(_groups_of(data), return_inverse=True)[1].astype(np.int64)
        why = "one donor and one batch: none to hold out" if groups.max() < 1 else ""
        if len(types) < 2 or why:
            what = why or "one label: there is nothing to tell apart"
            raise NotApplicable(what, where=self.card.name, fix="none needed")
        found = np.zeros((len(labels), len(types)), dtype=np.float32)
        for _, asked in splits(grouped_folds(classes.astype(np.int64), groups, seed=ctx.seed)):
            known = labels.astype(object)
            known[asked] = None
            told = self._told(data, known, ctx)
            found[np.ix_(asked, np.isin(types, told.columns))] = told.to_numpy()[asked]
        return found

    def _told(self, data: AnnData, known: np.ndarray, ctx: Context) -> pd.DataFrame:
        """Return what is predicted of all cells; where one label is known, that one."""
        names = {each for each in known if each is not None}
        if len(names) == 1:
            return pd.DataFrame(1.0, index=data.obs_names, columns=[*names])
        return self.predict_types(data, known, ctx)

    def predict_types(
        self, data: AnnData, known: Sequence[str | None] | np.ndarray, ctx: Context
    ) -> pd.DataFrame:  # fmt: skip
        """Return the probability of each known label for every cell.

        Parameters
        ----------
        data
            A prepared dataset; what it says of the cells' types is not handed on.
        known
            Labels ``[n_cells]``, None where hidden.
        ctx
            Seed, cache and threads.

        Returns
        -------
        A row a cell, by its name, a column a label, sorted; each row sums to 1. Rows of known cells are there too, and
        say how well the model fits, no more.

        Raises
        ------
        DataError
            If there is not one entry a cell.
        NotApplicable
            If fewer than two labels are known.
        ModelError
            If what comes out is no probability.
        """
        labels = np.array([None if pd.isna(each) else str(each) for each in known], dtype=object)
        if len(labels) != data.n_obs:
            what = f"{len(labels)} entries for {data.n_obs} cells"
            raise DataError(what, where="known labels", fix="give one a cell, None where it is hidden")
        classes = sorted({each for each in labels if each is not None})
        if len(classes) < 2:
            fix = "none needed: there is nothing to tell apart"
            raise NotApplicable(f"{len(classes)} known labels, 2 needed", where="known labels", fix=fix)
        # With a card that uses labels the types would be handed over, of hidden cells too.
        blind = hand_over(data, self.card.model_copy(update={"uses_labels": False, "out_of_core": False}))
        found = self.probabilities(blind, labels, classes, ctx)
        return _checked(found, data.obs_names, classes, self.card.name)

    @abstractmethod
    def probabilities(self, data: AnnData, labels: np.ndarray, classes: list[str], ctx: Context) -> np.ndarray:
        """Return the probabilities, float [n_cells, n_classes].

        Parameters
        ----------
        data
            Counts without cell types, as `hand_over` makes them.
        labels
            ``[n_cells]``, None where hidden; at least two are known.
        classes
            The known labels, sorted: the columns.
        ctx
            Seed, cache and threads.
        """


def _groups_of(data: AnnData) -> np.ndarray:
    donor, batch = (data.obs[key].astype(str).to_numpy() if key in data.obs else None for key in ("donor", "batch"))
    return held_out_together(donor, np.full(data.n_obs, "") if batch is None else batch)


def variable_expression(data: AnnData, labels: np.ndarray, n_top: int = N_HVG) -> np.ndarray:
    """Return log expression of genes that vary among the known cells, float32 [n_cells, ≤ n_top].

    Chosen without the other cells, so that what is said of one of these does not depend on which others are asked for.
    """
    chosen = select_hvg(data[labels != None].copy(), n_top).var_names  # noqa: E711 - an array, one by one
    return np.asarray(log_normalised(data.X)[:, data.var_names.get_indexer(chosen)].toarray(), dtype=np.float32)


def _checked(found: np.ndarray, names: pd.Index[str], classes: list[str], model: str) -> pd.DataFrame:
    fix = "return probabilities [n_cells, n_classes] that sum to 1"
    if found.shape != (len(names), len(classes)):
        raise ModelError(f"shape {found.shape}, not {(len(names), len(classes))}", where=f"model {model}", fix=fix)
    if not np.isfinite(found).all() or found.min() < 0 or np.abs(found.sum(axis=1) - 1).max() > 1e-3:
        raise ModelError("what it returned are no probabilities", where=f"model {model}", fix=fix)
    return pd.DataFrame(found, index=names, columns=classes)
