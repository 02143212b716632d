"""A class of genes and its opposite: from one table or two lists, each gene once and on one side."""

import pytest

from scarena.base.errors import DataError
from scarena.datasets.gene_truth import MEMBER, STATED_OUT
from scarena.datasets.read_gene_lists import Options, read


def gene(number):
    return f"ENSG{number:011d}"


@pytest.fixture
def lists(tmp_path, known):
    """Read two lists given as text, of symbols without a column where nothing else is said."""

    def make(inside, outside, genes="symbol", **columns):
        files = {"in": tmp_path / "in.txt", "out": tmp_path / "out.txt"}
        files["in"].write_bytes(inside.encode())
        files["out"].write_bytes(outside.encode())
        rules = {"positive": {"file": "in"}, "negative": {"file": "out"}}
        rules = {side: rule | ({"column": columns[side]} if side in columns else {}) for side, rule in rules.items()}
        return read(files, Options(name="class", genes=genes, **rules), known)

    return make


def test_each_gene_has_the_sign_of_its_list(lists):
    raw = lists("G1\nG2\n", "G3\n")
    assert raw.sets == {"class": {gene(1): MEMBER, gene(2): MEMBER, gene(3): STATED_OUT}}
    assert raw.genes == (gene(1), gene(2), gene(3)) and raw.notes == ()


def test_genes_that_code_for_nothing_count_too_if_they_are_listed(lists):
    assert gene(11) in lists("G11\n", "G3\n").genes


def test_repeats_are_kept_once_and_what_is_in_both_lists_is_in_neither(lists):
    raw = lists("G1\r\nG1\r\nG2\r\nWHO\r\n", "G2\nG3\n\nG4\n")
    assert raw.sets["class"] == {gene(1): MEMBER, gene(3): STATED_OUT, gene(4): STATED_OUT}
    assert raw.notes == (
        "positive: 2 of 4 genes; 1 stand there twice, 1 are unknown (by symbol)",
        "1 genes are in both lists and left out",
    )


def test_two_names_of_one_gene_are_a_repeat(lists):
    raw = lists(f"{gene(1)}.1\n{gene(1)}.2\n", gene(2), genes="ensembl")
    assert raw.sets["class"][gene(1)] == MEMBER and raw.notes == ("positive: 1 of 2 genes; 1 stand there twice",)


@pytest.mark.parametrize("sep", ["\t", ","])
def test_columns_of_a_table_may_end_early(lists, sep):
    table = f"yes{sep}no\r\nG1{sep}G3\r\nG2{sep}G4\r\n{sep}G5\r\n"
    raw = lists(table, table, positive="yes", negative="no")
    assert raw.sets["class"] == {gene(n): MEMBER if n < 3 else STATED_OUT for n in range(1, 6)}
    assert raw.notes == ()


@pytest.mark.parametrize(
    ("inside", "outside", "options", "words"),
    [
        ("", "G1\n", {}, "the list has no genes"),
        ("\n\nNA\n", "G1\n", {}, "the list has no genes"),
        ("A\n", "G1\n", {"positive": "B"}, "no column 'B'"),
        ("B\nG1\n", "G1\n", {"positive": "A"}, "no column 'A'"),
        ("G1\n", "G1\n", {}, "one of the two lists has no gene of its own"),
        ("G1\n", "G1\nG1\n", {}, "one of the two lists has no gene of its own"),
        ("G1 G2\n", "G3\n", {}, "'G1 G2' is no name of one gene"),
        ("G1,G2\n", "G3\n", {}, "'G1,G2' is no name of one gene"),
        ("Trp53\nGapdh\n", "G3\n", {}, "mouse"),
        ("G1\n", "ENSMUSG00000000001\n", {}, "genes of mouse"),
        (f"{gene(1)}\n", f"{gene(2)}\n", {}, "`genes: ensembl`"),
        ("G1\n", "G2\n", {"genes": "ensembl"}, "0 of 1 names of genes are known by ensembl"),
    ],
)
def test_lists_that_say_nothing_are_one_line(lists, inside, outside, options, words):
    with pytest.raises(DataError) as caught:
        lists(inside, outside, **options)
    assert words in str(caught.value) and "\n" not in str(caught.value)
