"""Annotation: are a cell's neighbours of other batches of its type, and how far off in the ontology are they if not?"""

from __future__ import annotations

from scarena.tasks.facts import Facts
from scarena.tasks.task import Task


class Annotation(Task):
    """Labels predicted by the nearest cells of other batches, and how wrong the wrong ones are (LCAD)."""

    name = "annotation"
    title = "Label transfer"
    question = "Can a cell's type be read from its neighbours in other batches?"
    product = "cells"
    headline = "knn_macro_f1"
    controls = ("random-2", "random-64", "random-512", "shuffled", "labels", "labels-noisy", "centroids")

    def metrics(self) -> tuple[str, ...]:
        """Return the metrics of predicted labels, LCAD of the mistakes among them."""
        from scarena.metrics.registry import OF_EMBEDDING

        return tuple(key for key, info in OF_EMBEDDING.items() if info.group == "transfer" or key.startswith("lcad"))

    def unanswerable(self, facts: Facts) -> str:
        """Return why there is no prediction: it needs labels, of more than one kind."""
        if "labels" in facts.excluded:
            return facts.excluded["labels"]
        return "" if facts.n_types > 1 else "one label: there is nothing to tell apart"
