"""The published files of openproblems, and the boards that are made of them."""

import os

import pytest

from scarena.bench.others.openproblems import board_from
from scarena.bench.others.openproblems_files import openproblems, read_files
from scarena.datasets.sources import pull


@pytest.fixture(scope="session")
def published_files(tmp_path_factory):
    if not os.environ.get("SCARENA_MIRROR"):
        pytest.skip("needs the published files: set SCARENA_MIRROR")
    told = openproblems()
    return read_files(pull(told.card(), cache=tmp_path_factory.mktemp("pulled")), told)


@pytest.fixture(scope="session")
def openproblems_boards(published_files):
    """The boards of all six atlases, and of the four human ones."""
    told = openproblems()
    return {species: board_from(published_files, told, species) for species in (None, "human")}
