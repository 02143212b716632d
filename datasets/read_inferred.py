"""Reader for treated cells without types, which take the types of the same experiment's labelled control cells.

Options
-------
cells: {reader, options}
    All cells; their label is what was done to them.
types: {reader, prefix, options}
    Cells with types, some of which are cells of the control, by name; `prefix` goes before theirs.
control: TEXT
    The label of untreated cells.
confidence: NUMBER
    A treated cell has the likeliest type where its probability is above this, else none; .8 by default.

A type becomes the cell's donor, so that types are the contexts of a perturbation. Cells without a type have no
label and are left out. Types are read from genes that do not respond: a treated monocyte must not be taken for another
cell because of the very effect that is to be predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.network_effects import log_normalised
from scarena.datasets.raw import Raw
from scarena.datasets.response_effects import means

SMALL_SHIFT = 0.1
"""A gene does not respond if the means of treated and untreated cells differ by fewer standard deviations."""
_DETECTED = 0.02


def read(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Read the cells and give each treated one that is sure enough a type."""
    from scarena.datasets.readers import find_reader

    parts = {key: options[key] for key in ("cells", "types")}
    raw, typed = (
        find_reader(part["reader"], f"reader `inferred`: {key}")(files, part.get("options", {}))
        for key, part in parts.items()
    )
    known = typed.obs["label"].set_axis(parts["types"].get("prefix", "") + typed.obs.index.astype(str))
    where = ", ".join(path.name for path in files.values())
    types, said = infer(raw, known, str(options["control"]), float(options.get("confidence", 0.8)), where)
    obs = raw.obs.assign(label=raw.obs["label"].where(types.notna()), donor=types)
    return replace(raw, obs=obs, notes=(*raw.notes, said))


def infer(raw: Raw, known: pd.Series, control: str, confidence: float, where: str) -> tuple[pd.Series, str]:
    """Return each cell's type, None where there is none, and a line that says how they came about.

    Parameters
    ----------
    raw
        All cells; those with the label `control` are untreated.
    known
        Types by the names of cells.
    control, confidence
        As for the reader.
    where
        The file, for errors.

    Returns
    -------
    types
        Of untreated cells those that `known` has; of treated ones the likeliest by a logistic regression on log counts
        per 10,000 of the genes that do not respond, learned of the former.
    said
        Numbers of genes and cells.

    Raises
    ------
    DataError
        If no cell is treated, fewer than two types are known of untreated cells, or every gene responds.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    untreated = (raw.obs["label"] == control).to_numpy()
    types = known[~known.index.duplicated()].reindex(raw.obs.index).astype(object)
    learned = untreated & types.notna().to_numpy()
    if untreated.all() or types[learned].nunique() < 2:
        what = f"{int((~untreated).sum())} treated cells, and {types[learned].nunique()} types known of untreated ones"
        raise DataError(what, where=where, fix="correct `control`, or `prefix` of the types, on the card")
    log = log_normalised(csr_matrix(raw.counts, dtype=np.float64))
    quiet = unmoved(log, untreated)
    if not len(quiet):
        fix = "give the cells types of their own: all genes respond, or depths differ too much"
        raise DataError("no gene is alike in treated and untreated cells", where=where, fix=fix)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    model.fit(log[learned][:, quiet].toarray(), types[learned].to_numpy(str))
    probability = model.predict_proba(log[~untreated][:, quiet].toarray())
    likeliest = model.classes_[probability.argmax(axis=1)].astype(object)
    types[~untreated] = np.where(probability.max(axis=1) > confidence, likeliest, None)
    sure = int(types[~untreated].notna().sum())
    return types.where(types.notna(), None), (
        f"types of {sure:,} of {int((~untreated).sum()):,} treated cells are inferred, from {len(quiet):,} genes that "
        f"do not respond and {int(learned.sum()):,} untreated cells; the others are left out"
    )


def unmoved(log: csr_matrix, untreated: np.ndarray) -> np.ndarray:
    """Return the columns of genes that cells of both kinds have, and whose means differ little between them."""
    group = np.where(untreated, 0, 1)
    shares, both, squares = (
        means(each, group, 2) for each in ((log > 0).astype(float), log, log.multiply(log).tocsr())
    )
    detected, variance = shares.min(axis=0) >= _DETECTED, (squares - both**2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.abs(both[1] - both[0]) / np.sqrt(variance / 2)
    return np.flatnonzero(detected & (shift < SMALL_SHIFT))
