"""The length of the text in an HDF5 file is told without reading it, however it is packed."""

import h5py
import numpy as np
import pytest

from scarena.datasets.stores.hdf5_text import text_bytes

TEXTS = [("x" * (7 * each % 41)) + "é" * (each % 3) for each in range(2000)]
SIZE = sum(len(text.encode()) for text in TEXTS)
WAYS = {
    "in one piece": {},
    "in chunks": {"chunks": (300,)},
    "packed": {"chunks": (300,), "compression": "gzip"},
    "shuffled and packed": {"chunks": (300,), "compression": "gzip", "shuffle": True},
    "packed otherwise": {"chunks": (300,), "compression": "lzf"},
}


@pytest.fixture
def held(tmp_path):
    """Write a dataset and yield it with its file."""
    files = []

    def write(*args, **given):
        path = tmp_path / "x.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("x", *args, **given)
        files.append(h5py.File(path, "r"))
        return files[-1]["x"], path

    yield write
    for file in files:
        file.close()


@pytest.mark.parametrize("way", WAYS)
def test_the_bytes_of_all_texts_are_counted(held, way):
    item, path = held(data=TEXTS, dtype=h5py.string_dtype(), **WAYS[way])
    assert text_bytes(item, path, most=1 << 40) == SIZE


def test_texts_in_a_table_of_chunks_that_do_not_fit_are_counted_once(held):
    item, path = held(data=np.array(TEXTS, object).reshape(40, 50), dtype=h5py.string_dtype(), chunks=(7, 9))
    assert text_bytes(item, path, most=1 << 40) == SIZE


def test_texts_in_records_are_counted(held):
    dtype = np.dtype([("a", "i4"), ("b", h5py.string_dtype()), ("c", h5py.string_dtype(), (2,))])
    item, path = held(data=np.array([(1, "abc", ("f", "gh")), (2, "de", ("", ""))], dtype))
    assert text_bytes(item, path, most=1 << 40) == 8


@pytest.mark.parametrize(
    ("given", "size"),
    [({"data": np.arange(9)}, 0), ({"shape": (0,), "dtype": h5py.string_dtype()}, 0), ({"data": np.bytes_(b"x")}, 0),
     ({"data": "abc"}, 3), ({"shape": (9,), "dtype": h5py.string_dtype()}, 0)],
)  # fmt: skip
def test_what_holds_no_text_of_any_length_takes_none(held, given, size):
    assert text_bytes(*held(**given), most=1 << 40) == size


def test_counting_ends_above_what_is_allowed(held):
    item, path = held(data=TEXTS, dtype=h5py.string_dtype(), chunks=(300,))
    assert 500 < text_bytes(item, path, most=500) < SIZE / 2
