"""What several tests of datasets share: cells as published ones are, and matrices that stay on disk."""

import os

import pytest

from scarena.datasets import stored
from scarena.datasets.gene_facts import gene_facts
from scarena.datasets.genes import gene_table
from scarena.datasets.known_genes import KnownGenes, known_genes
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


@pytest.fixture
def known():
    """Twelve genes by symbol and by Entrez number, of which the last two are not asked about."""
    ids = [f"ENSG{number:011d}" for number in range(1, 13)]
    symbols = [*(f"G{number}" for number in range(1, 12)), "C1orf9"]
    return KnownGenes(
        dict(zip(symbols, ids, strict=True)), {str(100 + i): gene for i, gene in enumerate(ids, 1)}, frozenset(ids[:10])
    )


@pytest.fixture
def published():
    """Skip a test, saying so, where the published files are not at hand."""
    if not os.environ.get("SCARENA_MIRROR"):
        pytest.skip("needs the published files: set SCARENA_MIRROR")


@pytest.fixture(scope="session")
def facts(cache):
    """What is known of every gene that codes for a protein; for tests that ask for `published` first."""
    return gene_facts(cache=cache)


@pytest.fixture(scope="session")
def every_name(facts, cache):
    """Every name of a gene, made once for all tests that ask for `published` first."""
    universe = frozenset(facts.index[facts["mean_expression"].notna()])
    return known_genes(universe, cache=cache, entrez=True)
