"""docs/published-models.md: a hand-written introduction and a table of every published model, made from the cards.

Prints what the cards and the adapters' docstrings say and runs no model. To write the page:
``python -c "from scarena.cli.published_docs import markdown; print(markdown(), end='')" > docs/published-models.md``.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from scarena.cli.baseline_docs import line, said
from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.base import Model
from scarena.models.registry import all_models

COLUMNS = ("name", "what it is", "its folder", "held to", "settings", "parameters", "trained on", "source", "licence")
# What a test compares an adapter's tokens and vectors with.
HELD_TO = {
    "cellplm": "cellplm 0.1.0.post2",
    "geneformer": "transformers 4.57.1 (vectors); the published steps (tokens)",
    "langcell": "transformers 4.57.1 (vectors); the published steps (tokens, projection)",
    "nicheformer": "the published steps",
    "scbert": "the published steps",
    "sccello": "transformers 4.57.1 (vectors); the published steps (tokens)",
    "scfoundation": "the published steps",
    "scgpt": "scgpt 0.2.4",
    "se-600m": "arc-state 0.11.1",
    "tahoe-x1": "tahoe-x1 1.0.0 with llm-foundry 0.17.1",
    "transcriptformer": "transcriptformer 0.6.1",
    "uce": "uce-model 0.1.4",
}
_TEMPLATE = Path(__file__).parent / "templates" / "published-models.md"


def published() -> list[type[Model]]:
    """Return the adapters of published models, by name; those of their genes alone are told of in words."""
    return [m for m in all_models().values() if issubclass(m, Adapter) and m.card.offers != "genes"]


def unavailable() -> list[type[Model]]:
    """Return the models that nobody can run here, by name."""
    return [model for model in all_models().values() if model.card.unavailable]


def folder_of(model: type[Model]) -> str:
    """Return what an adapter's docstring says of its folder, in Markdown."""
    text = inspect.cleandoc(sys.modules[model.__module__].__doc__ or "")
    found = re.search(r"^Folder[^:]*: (.+?)(?:\n\n|\Z)", text, re.S | re.M)
    return " ".join(found[1].replace("``", "`").split()) if found else ""


def row(model: type[Model]) -> tuple[str, ...]:
    """Return the entries of one model, in the order of :data:`COLUMNS`."""
    card = model.card
    settings = "; ".join(f"{key} {said(value)}" for key, value in card.settings.items())
    parameters = "as the folder" if card.parameters is None else f"{card.parameters:,}"
    return (
        f"`{card.name}`", card.description, folder_of(model), HELD_TO[card.name], settings, parameters,
        "; ".join(card.training_corpus), card.source, card.licence,
    )  # fmt: skip


def markdown() -> str:
    """Return docs/published-models.md as it should be."""
    from jinja2 import Environment, StrictUndefined

    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    lines = [line(COLUMNS), line(["---"] * len(COLUMNS)), *(line(row(model)) for model in published())]
    without = [f"- **{model.card.title}** ({model.card.source}): {model.card.unavailable}." for model in unavailable()]
    return template.render(table="\n".join(lines), without="\n".join(without))
