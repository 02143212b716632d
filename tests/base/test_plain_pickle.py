"""Pickles that are not trusted: arrays of text come back, and what would call anything else is refused in one line."""

import io
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from scarena.base.errors import DataError
from scarena.base.plain_pickle import dictionary_of, objects_of
from scarena.base.untrusted import read_arrays


def npz(path, raw, shape=(2,), descr="'|O'"):
    """Write an npz with one array of objects, whose pickle is `raw`."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    member = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + raw
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("names.npy", member)
    return path


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_text_and_numbers_come_back_of_every_protocol_of_python_3(protocol):
    values = np.array([["A", "β"], [1, None]], object)
    assert objects_of(pickle.dumps(values, protocol=protocol), (2, 2)) == ["A", "β", 1, None]


def test_what_numpy_wrote_is_what_is_read(tmp_path):
    names, numbers = np.array(["GENE1", "perturbation=X"], object), np.arange(6.0).reshape(2, 3)
    np.savez(tmp_path / "a.npz", names=names, numbers=numbers, one=np.array("x", object))
    found = read_arrays(tmp_path / "a.npz", "names", objects=True)
    assert found["names"].tolist() == names.tolist() and found["one"].shape == () and found["one"].item() == "x"
    np.testing.assert_array_equal(found["numbers"], numbers)
    with pytest.raises(DataError, match="Python objects"):
        read_arrays(tmp_path / "a.npz")


class Calls:
    def __init__(self, function, *arguments):
        self.made_of = function, arguments

    def __reduce__(self):
        return self.made_of


HOSTILE = {
    "runs a command": Calls(eval, "1"),
    "runs a command in an array": np.array([Calls(eval, "1"), "x"], object),
    "makes room for a huge array": Calls(np.ndarray, (1 << 40,)),
    "makes room by numpy's own function": Calls(np.zeros, 1 << 40),
    "a dictionary": {"a": 1},
    "an ordered dictionary": OrderedDict(a=1),
    "lists in an array": np.array([["a"], ["b", "c"]], object),
    "an array in an array": np.array([np.arange(3), "x"], object),
    "another number of items": np.array(["a", "b", "c"], object),
    "numbers as bytes": np.arange(2.0),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_anything_else_is_refused_in_one_typed_line(tmp_path, name):
    path = npz(tmp_path / "a.npz", pickle.dumps(HOSTILE[name]))
    with pytest.raises(DataError, match="not a readable npz") as caught:
        read_arrays(path, objects=True)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_an_array_that_holds_itself_is_refused(tmp_path):
    loop = np.empty(2, object)
    loop[:] = ["x", loop]
    with pytest.raises(DataError, match="no text or number"):
        read_arrays(npz(tmp_path / "a.npz", pickle.dumps(loop)), objects=True)


def test_deep_nesting_ends_in_a_line_and_not_in_a_crash(tmp_path):
    raw = b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b"."
    with pytest.raises(DataError, match="not a readable npz"):
        read_arrays(npz(tmp_path / "a.npz", raw), objects=True)


@pytest.mark.parametrize("shape", [(3,), (1 << 60,), (-2,), (2, 1 << 60)])
def test_a_header_that_lies_is_refused(tmp_path, shape):
    raw = pickle.dumps(np.array(["a", "b"], object))
    with pytest.raises(DataError, match="items for the shape"):
        read_arrays(npz(tmp_path / "a.npz", raw, shape=shape), objects=True)


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_pickle_that_was_cut_short_is_refused(tmp_path, cut):
    raw = pickle.dumps(np.array(["a", "b"], object))[:-cut]
    with pytest.raises(DataError, match="not a readable npz"):
        read_arrays(npz(tmp_path / "a.npz", raw), objects=True)


def test_a_structure_that_hides_objects_is_refused(tmp_path):
    with pytest.raises(DataError, match="Python objects"):
        read_arrays(npz(tmp_path / "a.npz", b"", descr="[('a', '|O')]"), objects=True)


def test_five_bytes_do_not_make_room_for_gigabytes():
    raw = b"\x80\x02Nr" + (1 << 31).to_bytes(4, "little") + b"."
    for read in (dictionary_of, lambda each: objects_of(each, ())):
        with pytest.raises(pickle.UnpicklingError, match="numbers an object"):
            read(raw)


def test_dictionaries_of_plain_data_are_read_and_nothing_is_called():
    held = {"a": [1, 2.5, "x"], "b": OrderedDict(c=np.float64(3))}
    assert dictionary_of(pickle.dumps(held)) == held
    with pytest.raises(pickle.UnpicklingError, match=r"asks for builtins\.eval"):
        dictionary_of(pickle.dumps({"a": Calls(eval, "1")}))


def test_our_stand_ins_cannot_be_asked_for_by_name():
    raw = io.BytesIO()
    pickle.Pickler(raw).dump(Calls(pickle.loads, b""))
    with pytest.raises(pickle.UnpicklingError, match=r"asks for _pickle\.loads"):
        objects_of(raw.getvalue(), ())
