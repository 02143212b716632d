"""A table of genes by tissues: joined by id, logged once, whole rows alone."""

import gzip

import numpy as np
import pytest

from scarena.base.errors import DataError
from scarena.datasets.read_gene_tissues import Options, read, read_profiles


def gene(number):
    return f"ENSG{number:011d}"


def table(*rows, header="GeneID\tliver\tbrain"):
    return "\n".join([header, *rows]) + "\n"


GOOD = table(f"{gene(2)}\t1\t0", f"{gene(1)}.7\t3.5\t8", f"{gene(3)}\t4\t", f"{gene(11)}\t1\t1")


def write(folder, text):
    path = folder / "tissues.tsv"
    path.write_text(text)
    return path


def test_expression_is_logged_and_a_gap_stays_one(tmp_path):
    found = read_profiles(write(tmp_path, GOOD))
    assert list(found.columns) == ["liver", "brain"] and found.loc[f"{gene(1)}.7", "brain"] == np.log(9)
    assert np.isnan(found.loc[gene(3), "brain"]) and found.loc[gene(2), "brain"] == 0


def test_a_gzip_reads_the_same(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert read_profiles(path).equals(read_profiles(write(tmp_path, GOOD)))


def test_genes_with_a_gap_and_genes_that_are_not_asked_about_are_left_out_and_counted(tmp_path, known):
    raw = read({"t": write(tmp_path, GOOD)}, Options(file="t"), known)
    assert raw.genes == (gene(1), gene(2)) == tuple(raw.tissues.index)
    assert np.allclose(np.expm1(raw.tissues), [[3.5, 8], [1, 0]])
    assert raw.notes[0].startswith("1 of 4 genes") and raw.notes[1].startswith("1 genes were not measured")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (table(), "no gene in it"),
        (table(f"{gene(1)}", header="GeneID"), "no gene in it, or no tissue"),
        (table(f"{gene(1)}\t1\t2", f"{gene(1)}\t1\t2"), "1 genes are in it twice"),
        (table(f"{gene(1)}.1\t1\t2", f"{gene(1)}.2\t1\t2"), "1 genes are in it twice"),
        (table(f"{gene(1)}\t-1\t2"), "1 values are below 0"),
        (table(f"{gene(1)}\tinf\t2"), "1 values are below 0 or infinite"),
        (table(f"{gene(1)}\thigh\t2"), "no table of genes by tissues"),
        (table("ENSMUSG00000000001\t1\t2"), "genes of mouse"),
        (table("G1\t1\t2"), "0 of 1 names of genes are known by ensembl"),
        ("", "no table of genes by tissues"),
    ],
)
def test_what_is_no_such_table_is_one_line(tmp_path, known, text, words):
    with pytest.raises(DataError) as caught:
        read({"t": write(tmp_path, text)}, Options(file="t"), known)
    assert words in str(caught.value) and "tissues.tsv" in str(caught.value) and "\n" not in str(caught.value)
