"""The responses that vectors of genes predict: the default of every model that has vectors and predicts nothing else.

A bilinear form, as that of Ahlmann-Eltze and others (doi:10.1101/2024.09.16.613342): between the vector of a
perturbation, which is that of its gene or the sum of two in a pair, and ten principal axes of the effects that are
learned from. It is fitted about their mean with a penalty that inner folds choose: a model whose vectors say nothing of
perturbations predicts the mean.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from functools import partial
from typing import TYPE_CHECKING

from scarena.base.errors import NotApplicable
from scarena.models.perturbations.penalised import ridge
from scarena.models.perturbations.vectors import from_vectors, narrow

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.responses import Seen

N_AXES = 10


def bilinear_response(
    vectors_of: Callable[[pd.DataFrame], pd.DataFrame], seen: Seen, ask: pd.DataFrame, *, seed: int,
    kept: MutableMapping[tuple[str, ...], pd.DataFrame],
) -> pd.DataFrame:  # fmt: skip
    """Return what a model's vectors of the perturbed genes predict; see `Model.predict`.

    Parameters
    ----------
    vectors_of
        A model's `gene_vectors`. Asked for all genes of the dataset at once.
    seen, ask
        What is learned from, and what is asked.
    seed
        Of the inner folds.
    kept
        Where vectors are kept by the genes that were asked for: a run asks for them once, and not once a split.

    Raises
    ------
    NotApplicable
        If no perturbation is of a gene, or the model has no vectors, or none of these genes.
    """
    asked = tuple(map(str, seen.genes.index))
    if asked not in kept:
        kept[asked] = narrow(vectors_of(seen.genes))
    if kept[asked].empty:
        raise NotApplicable("it has no vector of any of these genes", where="response", fix="none needed")
    return from_vectors(kept[asked], seen, ask, partial(ridge, seed=seed, n_axes=N_AXES))
