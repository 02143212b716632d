"""Which kinds of dataset a model has an answer to: told by its card and its class, before anything is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scarena.models.base import Model
from scarena.models.without_cells import HAS_INSTEAD

if TYPE_CHECKING:
    from scarena.datasets.card import Kind


def lacks_product(model: type[Model], kind: Kind) -> str:
    """Return why a model cannot be asked about a kind of dataset, as one line; empty where it can."""
    genes = model.gene_vectors is not Model.gene_vectors
    if kind == "genes":
        return "" if genes else "the model has no vectors of genes"
    if kind == "network":
        return "" if genes or model.network is not Model.network else "the model has no network of genes"
    if kind == "response":
        return "" if genes or model.predict is not Model.predict else "the model predicts no responses to perturbations"
    return HAS_INSTEAD.get(model.card.offers, "")
