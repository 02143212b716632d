"""The step `ontology`: the Cell Ontology's graph and its diffusion embedding, which is found again in the cache."""

from __future__ import annotations

from pathlib import Path

from scarena.steps.config import BoardConfig


def ontology_step(out: Path, config: BoardConfig) -> None:
    """Write the Cell Ontology's graph and its diffusion embedding, which every score on the board shares.

    Raises
    ------
    OntologyError
        If the configured ontology cannot be read: no board can be made without the one it names.
    """
    from scarena.datasets.ontology import CellOntology
    from scarena.tasks.ontology_reference import write_reference

    write_reference(out, CellOntology.load(config.ontology), config.cache / "ontology")
