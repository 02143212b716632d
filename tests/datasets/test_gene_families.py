"""Genes that look alike by descent are of one family, whatever else they are called."""

from collections import Counter

import pytest

from scarena.datasets import gene_families as module
from scarena.datasets.gene_families import LARGEST, families

SYMBOLS = [
    "HOXA1", "HOXA2", "HOXB1", "HOXD13", "KRT1", "KRT14", "KRTAP1-1", "KRTAP10-2", "OR4F5", "OR4A5", "OR4B1", "OR1A1",
    "H2AC1", "H2AC21", "H2BC1", "MT1A", "MT1B", "MT1X", "MT2A", "MT-ND1", "MT-ND2", "MT-CO1", "TP53", "TP63", "CD3D",
    "CD3E", "C1orf112", "C1orf50", "C1QA", "C1QB", "C1QC", "ACTA1", "ACTB", "ACTG1", "GAPDH", "HLA-A", "HLA-DRA",
    "PCDHGA1", "PCDHGB2", "PCDHA1", "PCDHB2", "TMED1", "TMEM14A", "ENSG00000280071", "ENSG00000280072", "GAPDHS",
    "PAX6",
]  # fmt: skip


@pytest.mark.parametrize(
    "together",
    [
        ["HOXA1", "HOXA2", "HOXB1", "HOXD13"], ["KRT1", "KRT14"], ["KRTAP1-1", "KRTAP10-2"], ["OR4F5", "OR4A5"],
        ["H2AC1", "H2AC21"], ["MT1A", "MT1X"], ["C1QA", "C1QC"], ["ACTA1", "ACTB", "ACTG1"], ["HLA-A", "HLA-DRA"],
        ["PCDHGA1", "PCDHGB2", "PCDHA1", "PCDHB2"], ["MT-ND1", "MT-ND2"],
    ],
)  # fmt: skip
def test_relatives_are_together(together):
    found = families(SYMBOLS)
    assert len({found[symbol] for symbol in together}) == 1


@pytest.mark.parametrize(
    "apart",
    [
        ["KRT1", "KRTAP1-1"], ["OR4F5", "OR1A1"], ["TMED1", "TMEM14A"], ["C1orf112", "C1orf50"], ["MT-ND1", "MT-CO1"],
        ["ENSG00000280071", "ENSG00000280072"], ["MT1A", "MT-ND1"], ["PAX6", "HOXA1"],
    ],
)  # fmt: skip
def test_others_are_apart(apart):
    found = families(SYMBOLS)
    assert len({found[symbol] for symbol in apart}) == len(apart)


def test_what_names_do_not_tell_is_missed_as_is_said():
    found = families(SYMBOLS)
    for first, second in (("TP53", "TP63"), ("CD3D", "CD3E"), ("GAPDH", "GAPDHS"), ("MT1A", "MT2A")):
        assert found[first] != found[second]
        assert "TP53 and TP63" in module.__doc__ and "CD3D and CD3E" in module.__doc__


def test_a_last_letter_stays_where_a_and_b_are_not_both_among_the_stems():
    assert families(["TMED1", "TMEM1"]) == {"TMED1": "TMED", "TMEM1": "TMEM"}
    assert set(families(["FOXA1", "FOXB1", "FOXQ1"]).values()) == {"FOX"}
    assert families(["FOXA1", "FOXQ1"]) == {"FOXA1": "FOXA", "FOXQ1": "FOXQ"}


def test_a_large_family_is_cut_by_the_number_that_letters_follow():
    symbols = [f"SLC{number}A{place}" for number in range(1, 42) for place in range(1, 6)]
    found = families(symbols)
    assert len(symbols) > LARGEST and found["SLC2A1"] == found["SLC2A5"] == "SLC2" != found["SLC22A1"]
    assert set(Counter(found.values()).values()) == {5}


def test_a_large_family_of_mere_numbers_is_cut_into_equal_pieces_in_their_order():
    symbols = [f"ZNF{number}" for number in range(1, 2 * LARGEST + 2)]
    found = families(reversed(symbols))
    assert sorted(Counter(found.values()).values()) == [133, 134, 134]
    pieces = [found[symbol] for symbol in symbols]
    assert pieces == sorted(pieces) and set(pieces) == {"ZNF:1", "ZNF:2", "ZNF:3"}


def test_the_order_and_repeats_of_symbols_are_no_matter():
    assert families([*SYMBOLS, *SYMBOLS][::-1]) == families(SYMBOLS)
    assert list(families([])) == []


def test_no_family_of_all_genes_is_larger_than_is_said(published, facts):
    found = Counter(families(facts["symbol"]).values())
    assert max(found.values()) <= LARGEST
    assert found["HOX"] == 40, "39 genes of four clusters, and HOXA10 read through to HOXA9"
