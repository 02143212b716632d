"""Malformed zarr stores, folders and zips, handed to the verbs that read one."""

import gzip
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hostile_cases.case import Case, child, command, cut, flipped, odd_files, outside_of
from hostile_cases.seeds import CACHE, TERMS, valid_h5ad, write_board, write_card

Change = Callable[[Path], Any]


@cache
def valid_zarr(form: int) -> dict[str, bytes]:
    """Return the files of a store that every entry takes."""
    import tempfile
    import warnings

    import anndata

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        place = Path(folder) / "valid.h5ad"
        place.write_bytes(valid_h5ad())
        before, anndata.settings.zarr_write_format = anndata.settings.zarr_write_format, form
        try:
            anndata.read_h5ad(place).write_zarr(place.with_suffix(".zarr"))
        finally:
            anndata.settings.zarr_write_format = before
        top = place.with_suffix(".zarr")
        paths = [path for path in sorted(top.rglob("*")) if path.is_file()]
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in paths}


def _write(path: Path, files: dict[str, bytes]) -> None:
    for name, held in files.items():
        place = path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(held)


def _store(form: int, change: Change = lambda path: None) -> Change:
    """Return what writes a store as a folder and then changes it."""

    def make(path: Path) -> None:
        _write(path, valid_zarr(form))
        change(path)

    return make


def _zip(change: Callable[[zipfile.ZipFile], Any] = lambda archive: None, form: int = 3, method: int = 0) -> Change:
    """Return what writes a store as a zip with more members."""

    def make(path: Path) -> None:
        import warnings

        # Of the second of two members of one name.
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
            warnings.simplefilter("ignore")
            for name, held in valid_zarr(form).items():
                archive.writestr(name, held)
            change(archive)

    return make


def _unpickling() -> str:
    """Return metadata of an array that only unpickling would decode."""
    return json.dumps(json.loads(valid_zarr(3)["X/data/zarr.json"]) | {"codecs": [{"name": "numcodecs.pickle"}]})


def _json(name: str, change: Callable[[dict[str, Any]], Any]) -> Change:
    def apply(path: Path) -> None:
        held = json.loads((path / name).read_text())
        change(held)
        (path / name).write_text(json.dumps(held))

    return apply


def _v2(array: str, **keys: Any) -> Change:
    return _store(2, _json(f"{array}/.zarray", lambda held: held.update(keys)))


def _v3(array: str, **keys: Any) -> Change:
    return _store(3, _json(f"{array}/zarr.json", lambda held: held.update(keys)))


def _codecs(array: str, *codecs: Any) -> Change:
    return _v3(array, codecs=[{"name": "bytes", "configuration": {"endian": "little"}}, *codecs])


def _chunk(name: str, change: Callable[[bytes], bytes], form: int = 3) -> Change:
    def apply(path: Path) -> None:
        place = path / name
        place.write_bytes(change(place.read_bytes()))

    return _store(form, apply)


def _values(name: str, change: Callable[[Any], Any]) -> Change:
    """Return what changes the values of an array of a valid store by zarr itself."""

    def apply(path: Path) -> None:
        import zarr

        array = zarr.open_array(str(path / name), mode="r+")
        held = array[:]
        change(held)
        array[:] = held

    return _store(3, apply)


class _Writes:
    """What writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (Path("unpickled"), "x")


def _pickled(where: str) -> Change:
    def apply(path: Path) -> None:
        import numcodecs.pickles

        # Newer versions ask for leave, which another package may have given.
        numcodecs.pickles.ALLOW_UNSAFE_PICKLE_DECODE = True
        held = json.loads((path / "obs/_index/.zarray").read_text())
        held["compressor"] = None
        held |= {"filters": [{"id": "pickle"}]} if where == "filter" else {"compressor": {"id": "pickle"}}
        (path / "obs/_index/.zarray").write_text(json.dumps(held))
        (path / "obs/_index/0").write_bytes(pickle.dumps(_Writes()))

    return _store(2, apply)


def _link(name: str, target: str) -> Change:
    def apply(path: Path) -> None:
        place = path / name
        place.unlink(missing_ok=True)
        place.symlink_to(outside_of(path.parent) / target)

    return _store(3, apply)


def _special(path: Path) -> None:
    os.mkfifo(path / "X" / "data" / "c" / "1")


def _repacked(array: str, codec: dict[str, Any], packed: bytes, **keys: Any) -> Change:
    """Return what gives an array another compressor and another chunk."""

    def apply(path: Path) -> None:
        first = {"name": "bytes", "configuration": {"endian": "little"}}
        _json(f"{array}/zarr.json", lambda held: held.update({"codecs": [first, codec], **keys}))(path)
        (path / array / "c" / "0").write_bytes(packed)

    return _store(3, apply)


_GZIP = {"name": "gzip", "configuration": {"level": 1}}
_ZSTD = {"name": "zstd", "configuration": {"level": 0, "checksum": False}}
_BLOSC = {"name": "blosc", "configuration": {"typesize": 4, "cname": "lz4", "clevel": 5, "shuffle": "noshuffle",
                                             "blocksize": 0}}  # fmt: skip


def _zstd_bomb(*, says: bool) -> bytes:
    """Return 4 GB of zeros as blocks of one repeated byte, in 128 KB."""
    head = b"\x28\xb5\x2f\xfd" + (b"\xe0" + (4 << 30).to_bytes(8, "little") if says else b"\x00\x58")
    size = 128 << 10
    blocks = [(size << 3 | 1 << 1 | (number == 32767)).to_bytes(3, "little") + b"\x00" for number in range(32768)]
    return head + b"".join(blocks)


def _strings(count: int) -> Change:
    def apply(path: Path) -> None:
        _json("obs/_index/zarr.json", lambda held: held.update(codecs=[{"name": "vlen-utf8"}]))(path)
        (path / "obs/_index/c/0").write_bytes(struct.pack("<I", count))

    return _store(3, apply)


def _sharded(index: bytes, inner: int = 93) -> Change:
    """Return what puts one shard in the place of the matrix's values, its index at its end."""
    codecs = [{"name": "sharding_indexed", "configuration": {
        "chunk_shape": [inner], "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, _ZSTD],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], "index_location": "end",
    }}]  # fmt: skip

    def apply(path: Path) -> None:
        _json("X/data/zarr.json", lambda held: held.update(codecs=codecs))(path)
        (path / "X/data/c/0").write_bytes(bytes(64) + index)

    return _store(3, apply)


def _many(archive: zipfile.ZipFile) -> None:
    for number in range(20_001):
        archive.writestr(f"uns/g{number}/zarr.json", b"{}")


def _deep(path: Path) -> None:
    place = path / "uns" / "/".join("g" * 40)
    place.mkdir(parents=True)
    (place / "zarr.json").write_text("{}")


def _consolidated(path: Path) -> None:
    """Consolidated metadata that says other things of the arrays than these themselves."""
    held = json.loads((path / "zarr.json").read_text())
    metadata = held["consolidated_metadata"]["metadata"]
    metadata["X/data"] = {**metadata["X/data"], "shape": [10**15]}
    metadata["../../../outside"] = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    (path / "zarr.json").write_text(json.dumps(held))


FOLDERS: dict[str, Change] = {
    "pickle-filter": _pickled("filter"),
    "pickle-compressor": _pickled("compressor"),
    "pickle-v3": _codecs("X/data", {"name": "numcodecs.pickle", "configuration": {}}),
    "object-none": _v2("obs/_index", filters=None),
    "object-json": _v2("obs/_index", filters=[{"id": "json2"}]),
    "object-numbers": _v2("X/data", dtype="|O"),
    "codec-unknown": _codecs("X/data", {"name": "https://example.org/codec"}),
    "codec-lzma": _v2("X/data", compressor={"id": "lzma", "filters": None}),
    "codec-twice": _codecs("X/data", _ZSTD, _ZSTD),
    "codecs-none": _v3("X/data", codecs=[]),
    "codecs-text": _v3("X/data", codecs="bytes"),
    "transformers": _v3("X/data", storage_transformers=[{"name": "other", "configuration": {}}]),
    "kind-unknown": _v3("X/data", data_type={"name": "numpy.datetime64", "configuration": {"unit": "s"}}),
    "kind-text": _v2("X/data", dtype="i4,O"),
    "kind-wide": _v2("X/data", dtype="<U999999999"),
    "shape-promised": _v3("X/data", shape=[10**15]),
    "shape-negative": _v3("X/data", shape=[-1]),
    "shape-text": _v3("X/data", shape="279"),
    "shape-fractional": _v2("X/data", shape=[279.0]),
    "shape-dimensions": _v3("X/data", shape=[1] * 40),
    "chunks-zero": _v2("X/data", chunks=[0]),
    "chunks-wide": _v2("X/data", chunks=[1 << 34]),
    "chunks-half": _v2("X/data", chunks=[1 << 27]),
    "chunks-dimensions": _v2("X/data", chunks=[279, 1]),
    "separator": _v2("X/data", dimension_separator="/../../../../outside/"),
    "format-both": _store(3, lambda path: (path / ".zgroup").write_text('{"zarr_format": 2}')),
    "format-four": _store(3, _json("zarr.json", lambda held: held.update(zarr_format=4))),
    "json-nested": _store(3, lambda path: (path / "obs/zarr.json").write_text("[" * 10**5)),
    "json-attributes": _store(3, lambda path: (path / "obs/zarr.json").write_text(
        '{"zarr_format": 3, "node_type": "group", "attributes": ' + '{"a":' * 900 + "1" + "}" * 901)),
    "json-large": _store(3, lambda path: (path / "obs/zarr.json").write_text(" " * (5 << 20) + "{}")),
    "json-none": _store(3, lambda path: (path / "obs/zarr.json").write_text("{")),
    "json-list": _store(3, lambda path: (path / "obs/zarr.json").write_text("[]")),
    "json-latin": _store(3, lambda path: (path / "obs/zarr.json").write_bytes(b'{"a": "caf\xe9"}')),
    "nested": _store(3, _deep),
    "link-chunk": _link("X/data/c/0", "canary.txt"),
    "link-endless": _link("X/data/c/0", "../../../../../../dev/zero"),
    "link-folder": _link("uns/more", "."),
    "link-metadata": _link("uns/zarr.json", "canary.txt"),
    "pipe-inside": _store(3, _special),
    "name-line": _store(3, lambda path: (path / "two\nlines").write_text("")),
    "chunk-cut": _chunk("X/data/c/0", lambda held: held[:-5]),
    "chunk-cut-blosc": _chunk("X/data/0", lambda held: held[:-5], 2),
    "chunk-longer-blosc": _chunk("X/data/0", lambda held: held + b"x", 2),
    "chunk-empty": _chunk("X/data/c/0", lambda held: b""),
    "chunk-text": _chunk("X/data/c/0", lambda held: b"<html>no</html>"),
    "chunk-lies": _chunk("X/data/0", lambda held: held[:4] + b"\xff\xff\xff\x7f" + held[8:], 2),
    "chunk-missing": _store(3, lambda path: (path / "X/data/c/0").unlink()),
    "gzip-bomb": lambda path: _repacked("X/data", _GZIP, gzip.compress(bytes(16 << 20), 9) * 60)(path),
    "zlib-bomb": _repacked("X/data", {"name": "numcodecs.zlib", "configuration": {"level": 1}},
                           zlib.compress(bytes(16 << 20), 9)),
    "zstd-bomb": _repacked("X/data", _ZSTD, _zstd_bomb(says=True)),
    "zstd-bomb-silent": _repacked("X/data", _ZSTD, _zstd_bomb(says=False)),
    "zstd-lies": _repacked("X/data", _ZSTD, b"\x28\xb5\x2f\xfd\xe0" + (1 << 60).to_bytes(8, "little") + b"\x09\0\0x"),
    "zstd-frames": _repacked("X/data", _ZSTD, _zstd_bomb(says=False)[:6] + b"\x01\0\0" + _zstd_bomb(says=False)),
    "lz4-lies": _repacked("X/data", {"name": "numcodecs.lz4", "configuration": {}}, b"\xff\xff\xff\x7f" + b"x" * 30),
    "blosc-lies": _repacked("X/data", _BLOSC, b"\x02\x01\x91\x04" + struct.pack("<III", 1 << 30, 16, 30) + b"x" * 14),
    "string-bomb": _store(3, lambda path: (path / "obs/_index/c/0").write_bytes(_zstd_bomb(says=True))),
    "strings-promised": _strings(0xFFFFFFFF),
    "strings-short": _strings(24),
    "shard-outside": _sharded(struct.pack("<6Q", 0, 10**9, 0, 0, 0, 0)),
    "shard-short": _sharded(b"", inner=1),
    "shard-uneven": _sharded(bytes(48), inner=7),
    "index-beyond": _values("X/indices", lambda held: held.__setitem__(0, 10**6)),
    "index-negative": _values("X/indices", lambda held: held.__setitem__(0, -5)),
    "pointer-falls": _values("X/indptr", lambda held: held.__setitem__(3, 0)),
    "pointer-beyond": _values("X/indptr", lambda held: held.__setitem__(24, 10**6)),
    "rows-promised": _store(3, _json("X/zarr.json", lambda held: held["attributes"].update(shape=[10**12, 12]))),
    "columns-promised": _store(3, _json("X/zarr.json", lambda held: held["attributes"].update(shape=[24, 2]))),
    "matrix-dictionary": _store(3, _json("X/zarr.json", lambda held: held["attributes"].update(
        {"encoding-type": "dict"}))),
    "data-none": _store(3, lambda path: (path / "X/data/zarr.json").unlink()),
    "obs-none": _store(3, lambda path: (path / "obs/zarr.json").unlink()),
    "obs-array": _store(3, lambda path: (path / "obs/zarr.json").write_bytes(valid_zarr(3)["X/data/zarr.json"])),
    "codes-beyond": _values("obs/batch/codes", lambda held: held.__setitem__(0, 99)),
    "negative": _values("X/data", lambda held: held.__setitem__(0, -1)),
    "nan": _values("X/data", lambda held: held.__setitem__(0, float("nan"))),
    "top-none": _store(3, lambda path: (path / "zarr.json").unlink()),
}  # fmt: skip
ZIPS: dict[str, Change] = {
    "zip-up": _zip(lambda archive: archive.writestr("../../slipped", b"x")),
    "zip-absolute": _zip(lambda archive: archive.writestr("/tmp/slipped", b"x")),
    # Of two members of one name zarr reads the last, and so must who looks at it before.
    "zip-twice": _zip(lambda archive: archive.writestr("X/data/zarr.json", _unpickling())),
    "zip-twice-bomb": _zip(lambda archive: [
        archive.writestr("uns/bomb", bytes(10 << 20), zipfile.ZIP_DEFLATED, 1) for _ in range(30)]),
    "zip-bomb": _zip(lambda archive: archive.writestr("uns/bomb", bytes(300 << 20), zipfile.ZIP_DEFLATED, 1)),
    "zip-lzma": _zip(method=zipfile.ZIP_LZMA),
    "zip-many": _zip(_many),
    "zip-none": lambda path: zipfile.ZipFile(path, "w").close(),
    "zip-h5ad": lambda path: path.write_bytes(valid_h5ad()),
    "zip-cut": lambda path: (_zip()(path), path.write_bytes(cut(path.read_bytes(), 3))),
    "zip-pickle": _zip(lambda archive: archive.writestr("uns/p/zarr.json", _unpickling())),
}  # fmt: skip
TAKEN: dict[str, Change] = {
    "valid": _store(3),
    "valid-v2": _store(2),
    "consolidated": _store(3, _consolidated),
    "beside": _store(3, lambda path: (path / "X/data/c/.DS_Store").write_bytes(b"x")),
    "address": _store(3, lambda path: (path / "uns/more").mkdir()),
}
TAKEN_ZIPS: dict[str, Change] = {
    "valid-zip": _zip(),
    "valid-zip-v2": _zip(form=2, method=zipfile.ZIP_DEFLATED),
    "valid-zip-twice": _zip(lambda archive: [
        archive.writestr("X/data/zarr.json", held) for held in (_unpickling(), valid_zarr(3)["X/data/zarr.json"])]),
}  # fmt: skip


def _add(path: Path) -> str | None:
    return command("add-dataset", path, "--batch", "batch", "--label", "cell_type", "--folder", "cards", "--name", "n")


def _prepare(path: Path) -> str | None:
    reader = {"name": "zarr", "options": {"batch": "batch", "label": "cell_type"}}
    write_card(Path.cwd(), f"file:{path}", reader=reader, labels=TERMS)
    return child("prepare", dataset="d", cards="cards", cache=str(CACHE), h5ad="out.h5ad", ontology="package")


ENTRIES = {"add": _add, "prepare": _prepare}


def _case(entry: str, name: str, make: Change, expects: str, file: str) -> Case:
    def run(work: Path) -> str | None:
        write_board(work)
        make(work / file)
        said = ENTRIES[entry](work / file)
        assert not (work / "unpickled").exists(), "what was pickled ran"
        return said

    return Case(f"zarr-{entry}-{name}", run, expects)


def _flipped(seed: int) -> Change:
    """Return what writes a store of which one file that is decoded has three bits turned over."""
    form = 2 + seed % 2

    def make(path: Path) -> None:
        read = [name for name in valid_zarr(form) if name.split("/")[0] in ("X", "obs", "var", "zarr.json", ".zgroup")]
        _chunk(read[seed * 7 % len(read)], lambda held: flipped(held, seed), form)(path)

    return make


def flips(entry: str, seeds: range) -> list[Case]:
    """Return stores with three bits turned over: some are valid still."""
    return [_case(entry, f"flipped-{seed}", _flipped(seed), "either", "in.zarr") for seed in seeds]


def _odd(kind: str) -> Change:
    return lambda path: odd_files(path, outside_of(path.parent))[kind]()


def cases() -> list[Case]:
    """Return every change, by turns for one of the entries, and stores that are taken by both."""
    odd = [kind for kind in odd_files(Path(), Path()) if kind != "folder"]
    refused = [(name, make, "refused", "in.zarr") for name, make in FOLDERS.items()]
    refused += [(name, make, "refused", "in.zarr.zip") for name, make in ZIPS.items()]
    refused += [(f"odd-{kind}", _odd(kind), "refused", "in.zarr.zip") for kind in odd]
    found = [_case(sorted(ENTRIES)[number % 2], *each) for number, each in enumerate(refused)]
    for entry in ENTRIES:
        found += [_case(entry, name, make, "ok", "in.zarr") for name, make in TAKEN.items()]
        found += [_case(entry, name, make, "ok", "in.zarr.zip") for name, make in TAKEN_ZIPS.items()]
    return found + flips("add", range(24))
