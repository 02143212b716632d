"""A file of gene sets is read line by line, or one line says which is wrong."""

import pytest

from scarena.base.errors import DataError
from scarena.datasets.gmt import read_gmt


def write(folder, text):
    path = folder / "sets.gmt"
    path.write_bytes(text.encode())
    return path


def test_sets_keep_their_order_and_their_genes_once(tmp_path):
    path = write(tmp_path, "b\t\tG2\tG1\tG2\r\n\na\thttps://example.org/a\tG3\t\n")
    assert read_gmt(path) == {"b": ("G2", "G1"), "a": ("G3",)}


def test_a_description_names_a_set_unless_it_is_an_address_or_a_count(tmp_path):
    path = write(tmp_path, "DOID:17\tof muscles\tG1\nGO:1\tdivision (12)\tG1\nx\thttp://x\tG1\ny\ty\tG1\n")
    assert list(read_gmt(path)) == ["DOID:17 of muscles", "GO:1 division", "x", "y"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no set of genes"),
        ("\n\n", "no set of genes"),
        ("<!DOCTYPE html>\n", "line 1: no set of genes"),
        ("a\t\tG1\n\tx\tG2\n", "line 2: no set of genes"),
        ("a\t\tG1\nb\tx\t\t\n", "line 2: the set 'b x' has no genes"),
        ("a\tx\n", "line 1: the set 'a x' has no genes"),
        ("a\t\tG1\na\t\tG2\n", "line 2: two sets are called 'a'"),
        ("a\x1b[2J\t\tG1\n", "control characters"),
    ],
)
def test_what_is_no_such_file_is_one_line(tmp_path, text, words):
    with pytest.raises(DataError) as caught:
        read_gmt(write(tmp_path, text))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_and_another_encoding_are_one_line(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_gmt(tmp_path / "none.gmt")
    (tmp_path / "x.gmt").write_bytes(b"a\t\t\xff\xfe\n")
    with pytest.raises(DataError, match=r"x\.gmt"):
        read_gmt(tmp_path / "x.gmt")
