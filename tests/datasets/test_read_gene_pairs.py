"""Pairs of genes: each once, whichever gene comes first, and none whose answer is in doubt."""

import pytest

from scarena.base.errors import DataError
from scarena.datasets.read_gene_pairs import Options, read


def gene(number):
    return f"ENSG{number:011d}"


@pytest.fixture
def pairs(tmp_path, known):
    """Read parts given as text and labels."""

    def make(*parts):
        files, rules = {}, []
        for number, part in enumerate(parts):
            rule = {"text": f"text{number}", "labels": f"labels{number}"}
            for key, content in zip(rule.values(), part, strict=True):
                files[key] = tmp_path / key
                files[key].write_bytes(content.encode())
            rules.append(rule)
        return read(files, Options(pairs=rules), known)

    return make


def told(raw):
    return [(raw.genes[a], raw.genes[b], sign) for a, b, sign in raw.pairs.tolist()]


def test_lines_may_end_in_any_way_and_parts_are_joined(pairs):
    raw = pairs(("G1 G2\r\nG3\tG1\n\r\n", "1\r\n0\n"), ("G4  G2\r", "1"))
    assert told(raw) == [(gene(1), gene(2), 1), (gene(1), gene(3), 0), (gene(2), gene(4), 1)]
    assert raw.genes == tuple(map(gene, (1, 2, 3, 4)))
    assert raw.notes == ("0 of 4 genes are unknown (by symbol), and so 0 of 3 pairs",)


def test_a_pair_stands_once_in_either_order_and_not_at_all_if_its_answer_is_in_doubt(pairs):
    raw = pairs(("G2 G1\nG1 G2\nG3 G4\nG4 G3\nG5 G5\nG5 G6\n", "1\n1\n1\n0\n1\n0\n"))
    assert told(raw) == [(gene(1), gene(2), 1), (gene(5), gene(6), 0)]
    assert raw.notes[1:] == (
        "1 pairs are of a gene with itself and are left out",
        "2 pairs stand there twice and are left out",
        "1 pairs are called related and unrelated and are left out",
    )


def test_pairs_with_an_unknown_gene_are_counted(pairs):
    raw = pairs(("G1 G2\nG1 WHO\nWHO WHO\n", "1\n1\n0\n"))
    assert told(raw) == [(gene(1), gene(2), 1)]
    assert raw.notes == ("1 of 3 genes are unknown (by symbol), and so 2 of 3 pairs",)


@pytest.mark.parametrize(
    ("text", "labels", "words"),
    [
        ("G1 G2\n", "1\n0\n", "1 pairs for 2 labels"),
        ("G1 G2\nG3\n", "1\n0\n", "text0: line 2: 1 names of genes"),
        ("G1 G2 G3\n", "1\n", "line 1: 3 names of genes"),
        ("G1 G2\n", "yes\n", "labels0: the label 'yes'"),
        ("G1 G2\n", "2\n", "the label '2'"),
        ("G1 G2\n", "1 0\n", "labels0: line 1: 2 labels"),
        ("", "1\n", "an empty file"),
        ("G1 G2\n", "\n", "an empty file"),
        ("G1 G1\n", "1\n", "no pair is left"),
        ("Trp53 Gapdh\n", "1\n", "mouse"),
        (f"{gene(1)} {gene(2)}\n", "1\n", "`genes: ensembl`"),
        ("G1\x00 G2\n", "1\n", "control characters"),
    ],
)
def test_what_are_no_pairs_is_one_line(pairs, text, labels, words):
    with pytest.raises(DataError) as caught:
        pairs((text, labels))
    assert words in str(caught.value) and "\n" not in str(caught.value)
