"""Linear probe: how well a straight cut through frozen vectors tells labels apart in a batch that it has not seen.

Multinomial logistic regression on standardised vectors. What it cannot read off linearly may be in them all the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scarena.base.errors import DataError

N_FOLDS = 5
_STEPS = 1000
_WHERE = "probe"


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe found."""

    by: str
    """``batch``: each batch was left out in turn; ``cells``: a fifth of every label's cells was."""
    folds: pd.DataFrame
    """Indexed by fold (the batch left out, or its number): ``accuracy`` and ``macro_f1`` (0 to 1, higher is better; a
    mean over the labels in the fold), ``cells`` tested, ``trained`` on, ``labels`` tested, ``unseen`` (cells tested
    whose label no training cell has: they count as wrong), ``converged``. NaN where the rest has fewer than two
    labels."""
    cells: pd.DataFrame
    """Indexed by cell: ``fold``, ``label``, ``predicted`` (None where its fold could not be tested)."""
    unlabelled: int
    """Cells left out."""


def probe(z: np.ndarray, labels: pd.Series, batch: pd.Series | None = None, seed: int = 0) -> Probe:
    """Cross-validate a linear classifier on frozen vectors.

    Parameters
    ----------
    z
        Vectors [n_cells, d], in the order of `labels`.
    labels
        Indexed by cell name; cells where it is missing or empty are left out.
    batch
        Indexed alike. With two batches or more of labelled cells each is left out in turn.
    seed
        Decides the folds where there is one batch; nothing else is drawn.

    Returns
    -------
    Probe

    Raises
    ------
    DataError
        If the three are not of the same cells, a vector is not finite, there are fewer than two labels, or no fold can
        be tested.

    References
    ----------
    Alain and Bengio 2016, arXiv:1610.01644.
    """
    batch = pd.Series("all", index=labels.index) if batch is None else batch
    if len(z) != len(labels) or not labels.index.equals(batch.index):
        what = f"{len(z)} vectors, {len(labels)} labels and {len(batch)} batches that are not of the same cells"
        raise DataError(what, where=_WHERE, fix="join them by cell name first")
    if not np.isfinite(z).all():
        raise DataError("a vector is not finite", where=_WHERE, fix="embed the cells again")
    text = labels.astype(object).astype(str).str.strip()
    told = (labels.notna() & (text != "")).to_numpy()
    names, z = text.to_numpy()[told], np.asarray(z, np.float64)[told]
    if len(set(names)) < 2:
        raise DataError(f"{len(set(names))} labels", where=_WHERE, fix="name a column with at least two")
    batches = batch.astype(str).to_numpy()[told]
    by = "batch" if len(set(batches)) > 1 else "cells"
    fold = batches if by == "batch" else _stratified(names, seed)
    predicted = np.full(len(names), None, object)
    rows = {}
    for name, test in _each(fold):
        predicted[test], converged = _predict(z[~test], names[~test], z[test])
        rows[name] = {**_scores(names[test], predicted[test], names[~test]), "converged": converged}
    found = pd.DataFrame.from_dict(rows, orient="index").rename_axis("fold")
    if found["accuracy"].isna().all():
        raise DataError("no fold leaves two labels to train on", where=_WHERE, fix="probe without batches")
    index = pd.Index(labels.index.astype(str).to_numpy()[told], name="cell")
    cells = pd.DataFrame({"fold": fold, "label": names, "predicted": predicted}, index=index)
    return Probe(by, found, cells, int((~told).sum()))


def _each(fold: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    for name in sorted(set(fold.tolist())):
        yield str(name), fold == name


def _stratified(names: np.ndarray, seed: int) -> np.ndarray:
    """Return the fold of each cell, "0" to "4": of every label the cells are dealt out in turns, at random."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(names))
    order = shuffled[np.argsort(names[shuffled], kind="stable")]
    fold = np.empty(len(names), np.int64)
    fold[order] = np.arange(len(names)) % N_FOLDS
    return fold.astype(str)


def _predict(z_train: np.ndarray, names: np.ndarray, z_test: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return the labels told of test cells, None where there is only one to tell, and whether the fit converged."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(set(names)) < 2:
        return np.full(len(z_test), None, object), False
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=_STEPS))
    with warnings.catch_warnings():
        # Said in the result.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(z_train, names)
    return classifier.predict(z_test), bool(classifier[-1].n_iter_.max() < _STEPS)


def _scores(truth: np.ndarray, predicted: np.ndarray, trained: np.ndarray) -> dict[str, float | int]:
    labels = sorted(set(truth))
    sizes: dict[str, float | int] = {
        "cells": len(truth), "trained": len(trained), "labels": len(labels),
        "unseen": int((~np.isin(truth, trained)).sum()),
    }  # fmt: skip
    if predicted[0] is None:
        return {"accuracy": np.nan, "macro_f1": np.nan, **sizes}
    from sklearn.metrics import f1_score

    macro = f1_score(truth, predicted.astype(str), labels=labels, average="macro", zero_division=0.0)
    return {"accuracy": float((truth == predicted).mean()), "macro_f1": float(macro), **sizes}
