"""In the child process: preparing a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scarena.tasks.dataset_reference import UNINTEGRATED


def prepare(spec: dict[str, Any]) -> dict[str, Any]:
    """Prepare the dataset a spec names, add the unintegrated components PCR compares with, write it; describe it."""
    from scarena.datasets.card import load_card
    from scarena.datasets.ontology import CellOntology
    from scarena.datasets.prepare import prepare as make
    from scarena.datasets.prepared import write_prepared
    from scarena.datasets.stored import scratch
    from scarena.datasets.summary import summary
    from scarena.models.expression import principal_components

    card = load_card(spec["dataset"], Path(spec["cards"]))
    ontology = CellOntology.load(spec["ontology"])
    with scratch(Path(spec["h5ad"])) as store:
        data = make(card, cache=Path(spec["cache"]), ontology=ontology, store=store)
        data.obsm[UNINTEGRATED] = principal_components(data, seed=0)
        described = summary(data)
        write_prepared(data, Path(spec["h5ad"]))
    return {"card": card.model_dump(mode="json"), "summary": described, "cl_release": ontology.release}
