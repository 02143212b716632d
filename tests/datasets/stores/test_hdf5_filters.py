"""HDF5 files that are packed with filters which HDF5 alone has not are read."""

import sys

import h5py
import hdf5plugin
import numpy as np
import pytest

from scarena.base.errors import DataError
from scarena.datasets.readers import find_reader
from scarena.datasets.stores.hdf5 import check_hdf5


@pytest.mark.parametrize("packed", [hdf5plugin.Zstd(), hdf5plugin.Blosc(), hdf5plugin.LZ4(), hdf5plugin.Bitshuffle()])
def test_counts_and_text_come_back(tmp_path, cells, packed):
    path = tmp_path / "x.h5ad"
    cells.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        for name in ("X/data", "X/indices", "var/symbol", "obs/batch/codes"):
            item = file[name]
            values, attributes, kind = item[:], dict(item.attrs), item.dtype
            if kind.kind == "O" and not isinstance(packed, hdf5plugin.Zstd):
                continue
            del file[name]
            file.create_dataset(name, data=values, dtype=kind, chunks=True, **packed).attrs.update(attributes)
    raw = find_reader("h5ad", "test")({"h5ad": path}, {"batch": "batch", "label": "cell_type", "genes": "symbol"})
    assert (raw.counts != cells.X).nnz == 0 and list(raw.genes) == list(cells.var["symbol"])
    assert list(raw.obs["batch"]) == list(np.asarray(cells.obs["batch"]).astype(str))


def test_a_plain_file_needs_no_plugin_and_one_that_does_says_so(tmp_path, cells, monkeypatch):
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    cells.write_h5ad(tmp_path / "plain.h5ad", compression="gzip")
    check_hdf5(tmp_path / "plain.h5ad")
    with h5py.File(tmp_path / "packed.h5", "w") as file:
        file.create_dataset("x", data=np.arange(1000), chunks=True, **hdf5plugin.Zstd())
    with pytest.raises(DataError, match="pip install hdf5plugin"):
        check_hdf5(tmp_path / "packed.h5")
