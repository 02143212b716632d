"""A damaged Cell Ranger folder is one line with the file that is damaged."""

import gzip

import pytest

from scarena.base.errors import DataError
from scarena.datasets.read_mtx import read_mtx

MATRIX = b"%%MatrixMarket matrix coordinate integer general\n2 3 2\n1 1 5\n2 3 1\n"
FEATURES = b"ENSG1\tA\tGene Expression\nENSG2\tB\tGene Expression\n"
BARCODES = b"c1\nc2\nc3\n"


@pytest.fixture
def folder(tmp_path):
    """The three files, gzipped."""
    files = {}
    for key, content in (("matrix", MATRIX), ("features", FEATURES), ("barcodes", BARCODES)):
        files[key] = tmp_path / f"{key}.gz"
        files[key].write_bytes(gzip.compress(content))
    return files


def test_genes_are_symbols_or_the_ids_beside_them(folder):
    assert list(read_mtx(folder, {"batch": {"value": "b"}}).genes) == ["A", "B"]
    assert list(read_mtx(folder, {"batch": {"value": "b"}, "names": 0}).genes) == ["ENSG1", "ENSG2"]


@pytest.mark.parametrize("key", ["matrix", "features", "barcodes"])
@pytest.mark.parametrize("spoil", [lambda b: b[:-6], lambda b: b[:12] + b"\xff" * 6 + b[18:]])
def test_a_rotten_file_is_named(folder, key, spoil):
    folder[key].write_bytes(spoil(folder[key].read_bytes()))
    with pytest.raises(DataError, match=rf"{key}\.gz: .*pull it again"):
        read_mtx(folder, {"batch": {"value": "b"}})


def test_an_entry_outside_the_matrix_is_refused(folder):
    folder["matrix"].write_bytes(MATRIX.replace(b"2 3 1", b"9 3 1"))
    with pytest.raises(DataError, match="no Matrix Market file"):
        read_mtx(folder, {"batch": {"value": "b"}})
