"""The checks of a model's vectors of genes; a model that has none breaks no promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import ModelError
from scarena.models.gene_table import checked_gene_vectors
from scarena.testing.cells import asked_genes
from scarena.testing.outcome import Unsuitable, Violation
from scarena.testing.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = ("ENSG99999999998", "ENSG99999999999")
"""Ids of no gene, of which nobody knows anything."""


def _asked(trial: Trial) -> pd.DataFrame:
    """Return the genes to ask a model for, among them two that are none; say so where it has no vectors of genes."""
    if not trial.knows_genes:
        raise Unsuitable("it has no vectors of genes")
    return asked_genes(UNKNOWN)


def _checked(trial: Trial, table: pd.DataFrame, asked: pd.DataFrame) -> None:
    try:
        checked_gene_vectors(table, list(asked.index), trial.card.name)
    except ModelError as error:
        raise Violation(error.what) from None


def finite(trial: Trial) -> None:
    """Vectors are finite numbers by Ensembl id, of genes that were asked for; what was handed over is left alone."""
    asked = _asked(trial)
    before = asked.copy()
    found = trial.gene_vectors(asked)
    if not asked.equals(before):
        raise Violation("gene_vectors changed the table that it was handed")
    _checked(trial, found, asked)
    if strange := sorted(set(map(str, found.index)) - set(asked.index)):
        raise Violation(f"{len(strange)} rows of genes that were not asked for (first: {strange[0]})")


def unknown(trial: Trial) -> None:
    """A gene that nobody knows has no row."""
    found = trial.gene_vectors(_asked(trial))
    if trial.card.control == "negative":
        raise Unsuitable("noise knows every name")
    if rows := [gene for gene in UNKNOWN if gene in found.index]:
        raise Violation(f"{rows[0]} is no gene and has a vector: missing is not zero")


def deterministic(trial: Trial) -> None:
    """The same seed gives the same bytes."""
    asked = _asked(trial)
    first, again = (trial.gene_vectors(asked) for _ in range(2))
    if not first.index.equals(again.index) or first.to_numpy().tobytes() != again.to_numpy().tobytes():
        raise Violation("the same seed gave other vectors of genes the second time")


def alone(trial: Trial) -> None:
    """A gene's vector does not depend on which other genes are asked for, or in which order."""
    asked = _asked(trial)
    whole = trial.gene_vectors(asked)
    for some in (asked.iloc[::-1], asked.iloc[5::3]):
        found = trial.gene_vectors(some.copy())
        wanted = whole.loc[[gene for gene in whole.index if gene in some.index]]
        if set(found.index) != set(wanted.index):
            raise Violation(f"asked for {len(some)} of the genes it knew {len(found)}, and {len(wanted)} before")
        gap = np.abs(found.loc[wanted.index].to_numpy(float) - wanted.to_numpy(float))
        if gap.size and gap.max() > 1e-5 * max(float(np.std(wanted.to_numpy(float))), 1e-12):
            raise Violation(f"other vectors beside other genes (largest difference {gap.max():.2g})")
