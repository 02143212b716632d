"""Metrics of an embedding: arrays in, numbers with intervals out. It knows neither files, models nor boards.

>>> from scarena.metrics import METRICS
>>> METRICS["kbet"].better
'higher'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scarena.metrics.ontology_graph import ontology_embedding
    from scarena.metrics.reference import DatasetReference, OntologyReference, dataset_reference, ontology_reference
    from scarena.metrics.registry import METRICS
    from scarena.metrics.scores import Score, Scores
    from scarena.metrics.scoring import score_embedding

__all__ = [
    "METRICS", "DatasetReference", "OntologyReference", "Score", "Scores", "dataset_reference", "ontology_embedding",
    "ontology_reference", "score_embedding",
]  # fmt: skip

_HOMES = {
    "ontology_embedding": "ontology_graph", "DatasetReference": "reference", "OntologyReference": "reference",
    "dataset_reference": "reference", "ontology_reference": "reference", "METRICS": "registry", "Score": "scores",
    "Scores": "scores", "score_embedding": "scoring",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: who lists metrics should not wait for numba."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
