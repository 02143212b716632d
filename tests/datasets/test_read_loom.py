"""A loom file is read whatever its attributes are called; a bad one is one line that names it."""

import h5py
import numpy as np
import pytest

from scarena.base.errors import DataError, ScarenaError
from scarena.datasets import read_loom
from scarena.datasets.readers import find_reader

COUNTS = np.array([[0, 2, 0, 5], [1, 0, 0, 0], [0, 0, 7, 3], [4, 4, 1, 0], [0, 1, 0, 0]])
COLUMNS = {
    "CellID": np.array([b"c1", b"c2", b"c3", b"c4", b"c5"]),
    "Type": np.array([b"T", b"B", b"NA", b"T", b"B"]),
    "Batch": np.array([[0.0], [0.0], [1.0], [1.0], [1.0]]),
    "Place": np.arange(10.0).reshape(5, 2),
}
ROWS = {"Gene": np.array([b"TP53", b"HLA-A", b"MS4A1", b"CD3E"])}
OPTIONS = {"batch": {"column": "Batch", "names": {"0.0": "one", "1.0": "two"}}, "label": {"column": "Type"}}


@pytest.fixture
def loom(tmp_path):
    """A writer of loom files."""

    def write(matrix=COUNTS.T, columns=COLUMNS, rows=ROWS, layers=()):
        with h5py.File(tmp_path / "x.loom", "w") as file:
            if matrix is not None:
                file["matrix"] = matrix
            for group, held in (("col_attrs", columns), ("row_attrs", rows), ("layers", dict(layers))):
                for name, values in held.items():
                    file[f"{group}/{name}"] = values
        return {"x": tmp_path / "x.loom"}

    return write


def read(files, **options):
    return find_reader("loom", "d")(files, {**OPTIONS, **options})


@pytest.mark.parametrize("block", [1, 2, 2048])
def test_counts_cells_and_genes_are_those_of_the_file_however_many_are_read_at_a_time(loom, monkeypatch, block):
    monkeypatch.setattr(read_loom, "_BLOCK", block)
    raw = read(loom(), coordinates="Place")
    assert raw.counts.toarray().tolist() == COUNTS.tolist()
    assert list(raw.genes) == ["TP53", "HLA-A", "MS4A1", "CD3E"]
    assert list(raw.obs.index) == ["c1", "c2", "c3", "c4", "c5"]
    assert list(raw.obs["batch"]) == ["one", "one", "two", "two", "two"]
    assert list(raw.obs["label"]) == ["T", "B", None, "T", "B"]
    assert raw.matrices["coordinates"].loc["c2"].tolist() == [2.0, 3.0]


def test_cells_without_names_are_numbered_and_a_layer_may_hold_the_counts(loom):
    columns = {key: values for key, values in COLUMNS.items() if key != "CellID"}
    raw = read(loom(columns=columns, layers={"spliced": COUNTS.T + 1}), counts="spliced")
    assert raw.obs.index[0] == "cell1" and raw.counts.toarray().tolist() == (COUNTS + 1).tolist()


def test_only_the_cells_that_are_asked_for_are_read(loom):
    raw = read(loom(), keep={"column": "Type", "values": ["B"]}, coordinates="Place")
    assert list(raw.obs.index) == ["c2", "c5"] and raw.counts.shape == (2, 4)
    assert "2 of 5 cells have B" in raw.notes[0]


def test_counts_that_were_scaled_to_a_million_come_back(loom):
    counts = np.random.default_rng(0).poisson(1.5, (5, 4)) + np.eye(5, 4, dtype=int)
    counts[:, 0] = 1
    scaled = (counts / counts.sum(axis=1, keepdims=True) * 1e6).astype(np.float32)
    assert read(loom(scaled.T), scaled=True).counts.toarray().tolist() == counts.tolist()
    with pytest.raises(DataError, match="no whole multiples"):
        read(loom(np.log1p(scaled.T)), scaled=True)


@pytest.mark.parametrize(
    ("held", "options", "words"),
    [
        ({"matrix": None}, {}, "no matrix 'matrix'"),
        ({"matrix": np.arange(4.0)}, {}, "no matrix 'matrix'"),
        ({"matrix": np.array([[b"a"] * 5] * 4)}, {}, "the matrix holds"),
        ({}, {"counts": "none"}, "no matrix 'layers/none'"),
        ({"rows": {}}, {}, "no attribute with the genes' names"),
        ({"rows": {"Gene": ROWS["Gene"][:3]}}, {}, "has shape"),
        ({"columns": {**COLUMNS, "Type": np.array([b"\xff\xfe"] * 5)}}, {}, "no readable loom file"),
        ({}, {"genes": "Symbol"}, "no attribute 'Symbol'"),
        ({}, {"label": {"column": "Clusters"}}, "no column 'Clusters'"),
        ({}, {"coordinates": "Batch"}, "no attribute 'Batch' of two values"),
        ({}, {"keep": {"column": "Type", "values": ["X"]}}, "no cell has X"),
    ],
)
def test_what_a_file_lacks_is_one_line(loom, held, options, words):
    with pytest.raises(ScarenaError, match=words) as caught:
        read(loom(**held), **options)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("keep", [0, 7, 700])
def test_a_truncated_file_is_one_line(loom, keep):
    (path,) = loom().values()
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="not a readable HDF5 file"):
        read({"x": path})


def test_a_matrix_in_another_file_is_refused(loom, tmp_path):
    files = loom(matrix=None)
    with h5py.File(files["x"], "a") as file:
        file["matrix"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/matrix")
    with pytest.raises(DataError, match="links to another file"):
        read(files)
