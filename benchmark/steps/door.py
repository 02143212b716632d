"""How a step asks the warm process of its board (`scarena.steps.warm`): what both sides must know."""

from __future__ import annotations

PLACE = "SCARENA_WARM"
"""Name of the variable with the path of its socket."""
PREFIX = "SCARENA_WARM_PREFIX"
"""Name of the variable with the environment of Python that it runs in: steps of another one begin by themselves."""
LENGTH = 8
"""Bytes of a request's length, which comes first."""
# The verbs of the DAG that a board of many runs starts often; the others are rare, or bring threads of their own.
STEPS = frozenset({"pull", "prepare", "ontology", "reference", "embed", "score", "umap", "board", "report", "crate"})

IN_BOARD = "SCARENA_IN_BOARD"
"""Name of the variable that says that the workflow calls: how a step ended is in its file, and it has ended well."""
