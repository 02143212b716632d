"""How a step asks the warm process of its board (`scarena.steps.warm`): what both sides must know."""

from __future__ import annotations

PLACE = "SCARENA_WARM"
"""Name of the variable with the path of its socket."""
LENGTH = 8
"""Bytes of a request's length, which comes first."""
# The verbs of the DAG that a board of many runs starts often; the others are rare, or bring threads of their own.
STEPS = frozenset({"pull", "prepare", "ontology", "reference", "embed", "score", "umap", "board", "report", "crate"})
