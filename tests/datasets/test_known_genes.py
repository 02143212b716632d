"""Names of genes become Ensembl ids, or one line says whose they are."""

import pytest

from scarena.base.errors import DataError


def gene(number):
    return f"ENSG{number:011d}"


def test_each_naming_is_known_and_what_is_unknown_stays_unknown(known):
    assert known.ids(["G2", "nobody"], "symbol", "f") == [gene(2), None]
    assert known.ids(["102", "9"], "entrez", "f") == [gene(2), None]
    assert known.ids([f"{gene(2)}.15", "G2"], "ensembl", "f") == [gene(2), None]


def test_open_reading_frames_in_capitals_are_known(known):
    assert known.ids(["C1ORF9", "C1orf9"], "symbol", "f") == [gene(12), gene(12)]


@pytest.mark.parametrize(
    ("names", "naming", "words"),
    [
        (["ENSG00000000001", "ENSG00000000002.3"], "symbol", "`genes: ensembl`"),
        (["101", "102"], "symbol", "`genes: entrez`"),
        (["ENSG00000000001"], "entrez", "`genes: ensembl`"),
        (["Trp53", "Gapdh", "Actb"], "symbol", "mouse"),
        (["ENSMUSG00000000001"], "symbol", "genes of mouse"),
        (["ENSMUSG00000000001"], "ensembl", "genes of mouse"),
        (["ENSDARG00000000001"], "ensembl", "genes of zebrafish"),
        (["ENST00000000001"], "ensembl", "transcripts"),
        (["FOO", "BAR"], "symbol", "human genes are expected"),
        ([], "symbol", "0 of 0"),
        (["G1", *(f"N{i}" for i in range(19))], "symbol", "1 of 20"),
    ],
)
def test_names_of_another_kind_or_species_are_one_line_that_says_so(known, names, naming, words):
    with pytest.raises(DataError) as caught:
        known.ids(names, naming, "the file")
    assert words in str(caught.value) and "the file" in str(caught.value) and "\n" not in str(caught.value)


def test_the_pinned_names_are_those_that_everybody_uses(published, every_name):
    tp53, egfr = "ENSG00000141510", "ENSG00000146648"
    assert every_name.ids(["TP53", "EGFR"], "symbol", "f") == [tp53, egfr]
    assert every_name.ids(["7157", "1956"], "entrez", "f") == [tp53, egfr]
    assert every_name.ids(["C10ORF90"], "symbol", "f") == every_name.ids(["C10orf90"], "symbol", "f") != [None]
