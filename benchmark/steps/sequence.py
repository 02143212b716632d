"""The steps of a board in their order, for who takes a part of it through them without snakemake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scarena.steps.config import BoardConfig
from scarena.steps.embed import embed_step
from scarena.steps.ontology import ontology_step
from scarena.steps.prepare import prepare_step
from scarena.steps.pull import pull_step
from scarena.steps.reference import reference_step
from scarena.steps.score import score_step

Step = tuple[str, Callable[[], dict[str, Any]]]
"""A step's name, and what runs it and returns its state and cost."""


def dataset_steps(dataset: str, config: BoardConfig) -> list[Step]:
    """Return what makes a dataset ready to be scored on; the board's ontology, the same for all, comes first."""
    place, ontology = config.folder / dataset, config.folder / "ontology.npz"
    sources, prepared, reference = (place / f"{name}.json" for name in ("sources", "dataset", "reference"))

    def write_ontology() -> dict[str, Any]:
        if not ontology.exists():
            ontology_step(ontology, config)
        return {"state": "ok"}

    return [
        ("ontology", write_ontology),
        ("pull", lambda: pull_step(dataset, sources, config)),
        ("prepare", lambda: prepare_step(dataset, sources, prepared, config)),
        ("reference", lambda: reference_step(prepared, ontology, reference, config)),
    ]


def run_steps(dataset: str, model: str, seed: int, config: BoardConfig) -> list[Step]:
    """Return what makes the scores of one model on a dataset that is ready."""
    place = config.folder / dataset
    record, scores = (place / model / str(seed) / f"{name}.json" for name in ("record", "scores"))
    embed = lambda: embed_step(place / "dataset.json", model, seed, record, config).model_dump(mode="json")  # noqa: E731
    return [
        (f"embed {model}", embed),
        (f"score {model}", lambda: score_step(record, place / "reference.json", scores, config)),
    ]
