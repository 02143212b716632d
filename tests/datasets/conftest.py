"""What several tests of datasets share: cells as published ones are, and matrices that stay on disk."""

import pytest

from scarena.datasets import stored
from scarena.datasets.genes import gene_table
from scarena.datasets.ontology import CellOntology


@pytest.fixture
def on_disk(monkeypatch):
    """Small matrices stay on disk too, and a block is a few cells."""
    monkeypatch.setattr(stored, "STORED_ABOVE", 0)
    monkeypatch.setattr(stored, "BLOCK", 37)


@pytest.fixture(scope="session")
def ontology():
    return CellOntology.load()


@pytest.fixture
def imperfect_cells(cells, cache):
    """Cells with genes to merge and to lose, an empty cell and a label to drop."""
    table = gene_table(cache=cache)
    symbols = sorted(table.symbol_to_id)
    ids = [table.symbol_to_id[symbols[i]] for i in range(3)]
    cells.var_names = [*ids, *symbols[: cells.n_vars - 5], "NO-SUCH-1", "NO-SUCH-2"]
    counts = cells.X.tolil()
    counts[5] = 0
    cells.X = counts.tocsr()
    cells.obs.loc[cells.obs_names[7], "cell_type"] = "doublet"
    return cells
