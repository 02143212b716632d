"""What every reader of genes returns: a dataset of genes by Ensembl id, before facts and families are added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, field_validator

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class RawGenes:
    """Sets, tissues or pairs of genes as published, over Ensembl ids."""

    genes: tuple[str, ...] | None = None
    """Those it lists, sorted; None where it asks about all that code for proteins and whose expression is known."""
    sets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Name of a set → gene → a sign of `scarena.datasets.gene_truth`."""
    tissues: pd.DataFrame | None = None
    """log1p of expression, genes × tissues, in the order of `genes`."""
    pairs: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.int64))
    """Places in `genes` of two genes, and whether they are related (1) or not (0), int64 [n_pairs, 3]."""
    notes: tuple[str, ...] = ()
    """What was lost or dropped in reading, a line each."""


class Asked(BaseModel):
    """Options that every reader of genes has; each has more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    collection: tuple[str, ...] = ()
    """Which of `scarena.datasets.gene_facts.COLLECTIONS` the dataset is made of, one or several: what is known of its
    genes elsewhere is not counted in these."""

    @field_validator("collection", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value
