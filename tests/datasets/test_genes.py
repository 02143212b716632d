"""Names of genes become Ensembl ids by one rule, and what is lost is counted."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.genes import GeneTable, gene_table, map_genes
from scarena.datasets.recover import recovered

A, B, C = "ENSG00000000001", "ENSG00000000002", "ENSG00000000003"
TABLE = GeneTable({"A": A, "HLA-B": B, "C.1": C}, {A: "A", B: "HLA-B", C: "C.1"})


def mapped(names, counts):
    return map_genes(csr_matrix(np.array(counts, dtype=np.int32)), np.array(names, dtype=object), TABLE, "test")


def test_versions_are_stripped_and_what_r_did_to_hyphens_is_undone():
    assert TABLE.ids([f"{A}.12", "HLA.B", "HLA-B", "C.1", "nope"]) == [A, B, B, C, None]


def test_columns_of_one_id_are_summed_in_the_order_ids_are_met():
    found = mapped(["HLA-B", "A", "nope", B], [[1, 2, 4, 8], [0, 0, 16, 1]])
    assert found.ids == [B, A]
    assert found.symbols == ["HLA-B", "A"]
    assert found.counts.toarray().tolist() == [[9, 2], [1, 0]]


def test_what_is_lost_is_recorded():
    record = mapped(["HLA-B", "A", "nope", B], [[1, 2, 4, 8], [0, 0, 16, 1]]).record
    assert record == {"published": 4, "kept": 2, "share_lost": 0.25, "share_of_counts_lost": 0.625, "merged": 1}


def test_another_species_has_no_gene_in_common():
    with pytest.raises(DataError, match=r"no gene is known.*is this human"):
        mapped(["ENSMUSG00000000001", "Gnai3"], [[1, 2]])


def test_the_pinned_table_takes_the_lowest_id_of_a_symbol(cache):
    table = gene_table(cache=cache)
    assert len(table.id_to_symbol) == 62754
    assert table.symbol_to_id["HLA-A"] == "ENSG00000206503"
    ids = {}
    for gene, symbol in table.id_to_symbol.items():
        ids.setdefault(symbol, []).append(gene)
    assert all(table.symbol_to_id[symbol] == min(genes) for symbol, genes in ids.items())


def logarithms(counts, decimals):
    depth = counts.sum(axis=1)
    return csr_matrix(np.round(np.log1p(counts / depth[:, None] * 1e4), decimals)), depth


@pytest.mark.parametrize("decimals", [3, 4, 9])
def test_counts_come_back_from_rounded_logarithms(decimals):
    counts = np.random.default_rng(0).poisson(2.0, (50, 400))
    values, depth = logarithms(counts, decimals)
    assert (recovered(values, depth, "test").toarray() == counts).all()


def test_totals_of_other_cells_are_noticed():
    values, depth = logarithms(np.random.default_rng(0).poisson(2.0, (50, 400)), 4)
    with pytest.raises(DataError, match="no whole numbers"):
        recovered(values, depth * 1.1, "test")


def test_counts_too_large_for_rounded_logarithms_are_not_guessed():
    values, depth = logarithms(np.random.default_rng(0).poisson(5000.0, (5, 40)), 3)
    with pytest.raises(DataError, match="no whole numbers"):
        recovered(values, depth, "test")
