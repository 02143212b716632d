"""Integration: does an embedding keep biology and remove the batches (scIB)?"""

from __future__ import annotations

from scarena.tasks.annotation import Annotation
from scarena.tasks.facts import Facts
from scarena.tasks.task import Task


class Integration(Task):
    """Bio conservation and batch correction, structure, and whether the types lie as the ontology has them."""

    name = "integration"
    title = "Integration"
    question = "Does the embedding keep cell types apart and mix batches?"
    product = "cells"
    headline = "total"
    controls = ("random-2", "random-64", "random-512", "shuffled", "labels", "labels-noisy", "centroids")

    def metrics(self) -> tuple[str, ...]:
        """Return every metric that is not one of predicted labels."""
        from scarena.metrics.registry import OF_EMBEDDING

        predicted = set(Annotation().metrics())
        return tuple(key for key in OF_EMBEDDING if key not in predicted)

    def unanswerable(self, facts: Facts) -> str:
        """Return why there is no total: it needs types to keep and batches to mix."""
        for group in ("labels", "bio", "batch"):
            if group in facts.excluded:
                return facts.excluded[group]
        if facts.n_batches < 2:
            return "one batch: there is nothing to correct"
        return "" if facts.n_types > 1 else "one label: there is nothing to tell apart"
