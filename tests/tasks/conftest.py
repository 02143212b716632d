"""What tests of tasks share: the Cell Ontology as a file, whose embedding takes seconds and is made once."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def ontology_npz(tmp_path_factory, cache) -> Path:
    from scarena.datasets.ontology import CellOntology
    from scarena.tasks.ontology_reference import write_reference

    path = tmp_path_factory.mktemp("ontology") / "ontology.npz"
    write_reference(path, CellOntology.load(), cache / "ontology")
    return path
