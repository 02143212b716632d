"""Malformed h5ad files, handed to every verb that reads one."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hostile_cases.case import Case, child, command, cut, flipped, odd_files, outside_of
from hostile_cases.seeds import CACHE, ROOT, valid_h5ad, write_board

Change = Callable[[Path], Any]


def _add(path: Path) -> str | None:
    return command("add-dataset", path, "--batch", "batch", "--label", "cell_type", "--folder", "cards", "--name", "n")


def _recommend(path: Path) -> str | None:
    board = ROOT / "results" / "reference" / "demo" / "board.json"
    return command("recommend", path, "--batch", "batch", "--board", board, "--cache", CACHE)


def _submit(path: Path) -> str | None:
    return command("submit", "d", path, "--card", "model.yaml", "--settings", "board.yaml")


def _prepare(path: Path) -> str | None:
    return child("prepare", dataset="d", cards="cards", cache=str(CACHE), h5ad="out.h5ad", ontology="package")


def _embed(path: Path) -> str | None:
    spec = {"model": "random-2", "seed": 0, "device": "cpu", "cache": "cache", "threads": 1, "checkpoints": {}}
    return child("embed", dataset=str(path), embedding="embedding.npz", **spec)


def _corpus(path: Path) -> str | None:
    Path("corpus.yaml").write_text(
        f"{{name: c, min_cells: 1, chunk_cells: 8, h5ad: [{{name: d, path: '{path}', batch: batch}}]}}"
    )
    return command("corpus", "build", "corpus.yaml", "--out", "corpus", "--cache", CACHE)


COUNTING = {"add": _add, "recommend": _recommend, "prepare": _prepare, "corpus": _corpus}
ENTRIES = {**COUNTING, "submit": _submit, "embed": _embed}


def _edit(change: Callable[[Any], Any]) -> Change:
    def apply(path: Path) -> None:
        import h5py

        path.write_bytes(valid_h5ad())
        with h5py.File(path, "r+") as file:
            change(file)

    return apply


def _replace(file: Any, name: str, value: Any, **more: Any) -> Any:
    attributes = dict(file[name].attrs) if name in file else {}
    if name in file:
        del file[name]
    made = file.create_dataset(name, data=value, **more)
    made.attrs.update(attributes)
    return made


def _link(name: str, target: str, inside: str = "/secret") -> Change:
    def change(file: Any) -> None:
        import h5py

        if name in file:
            del file[name]
        file[name] = h5py.ExternalLink(str(outside_of(Path.cwd()) / target), inside)

    return _edit(change)


def _external(name: str) -> Change:
    def change(file: Any) -> None:
        if name in file:
            del file[name]
        stored = [(str(outside_of(Path.cwd()) / "canary.txt"), 0, 24)]
        made = file.create_dataset(name, (24, 1), "u1", external=stored)
        made.attrs["encoding-type"], made.attrs["encoding-version"] = "array", "0.2.0"

    return _edit(change)


def _virtual(name: str, source: str) -> Change:
    def change(file: Any) -> None:
        import h5py

        if name in file:
            del file[name]
        target = source if source == "." else str(outside_of(Path.cwd()) / source)
        layout = h5py.VirtualLayout((24, 1), "u1")
        layout[:] = h5py.VirtualSource(target, "secret", shape=(24, 1), dtype="u1")
        made = file.create_virtual_dataset(name, layout)
        made.attrs["encoding-type"], made.attrs["encoding-version"] = "array", "0.2.0"

    return _edit(change)


def _bomb(file: Any) -> None:
    packed = zlib.compress(bytes(1 << 24), 9)
    made = file["uns"].create_dataset("bomb", (1 << 24, 128), "u1", chunks=(1 << 24, 1), compression="gzip")
    for column in range(128):
        made.id.write_direct_chunk((0, column), packed)


def _text_bomb(packing: str | None) -> Change:
    """Make a million names that all stand for one of a mebibyte."""

    def change(file: Any) -> None:
        import h5py

        given: dict[str, Any] = {"chunks": (1,), "maxshape": (None,), "dtype": h5py.string_dtype()}
        one = file["uns"].create_dataset("one", data=["x" * (1 << 20)], **given)
        reference = one.id.read_direct_chunk((0,))[1]
        given |= {"chunks": (1 << 20,), "compression": packing}
        many = file["uns"].create_dataset("many", (1 << 20,), **given)
        raw = reference * (1 << 20)
        many.id.write_direct_chunk((0,), zlib.compress(raw) if packing else raw)

    return _edit(change)


def _chunk_bomb(file: Any) -> None:
    # A piece at a time: the process that makes it may not take much memory either.
    packer, n_pieces = zlib.compressobj(1), 400
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(n_pieces)) + packer.flush()
    made = file["uns"].create_dataset("x", (8,), "u1", maxshape=(None,), chunks=(n_pieces << 20,), compression="gzip")
    made.id.write_direct_chunk((0,), packed)


def _nested(file: Any) -> None:
    group = file["uns"]
    for _ in range(300):
        group = group.create_group("g")


def _object(kind: str) -> Change:
    def change(file: Any) -> None:
        import h5py
        import numpy as np

        if kind == "vlen":
            file["uns"].create_dataset("x", (3,), h5py.vlen_dtype(np.int32))
        elif kind == "reference":
            file["uns"].create_dataset("x", (3,), h5py.ref_dtype)
        elif kind == "region":
            file["uns"].create_dataset("x", (3,), h5py.regionref_dtype)
        elif kind == "opaque":
            file["uns"].create_dataset("x", data=np.void(b"\x80\x04cos\nsystem\n"))
        else:
            file["uns"].create_dataset("x", (3,), np.dtype([("a", "i4"), ("b", h5py.ref_dtype)]))

    return _edit(change)


def _set(name: str, index: Any, value: Any) -> Change:
    return _edit(lambda file: file[name].__setitem__(index, value))


def _as(name: str, make: Callable[[Any], Any]) -> Change:
    return _edit(lambda file: _replace(file, name, make(file[name][:])))


def _names(make: Callable[[list[bytes]], list[Any]]) -> Change:
    def change(file: Any) -> None:
        import h5py

        _replace(file, "obs/_index", make(list(file["obs/_index"][:])), dtype=h5py.string_dtype())

    return _edit(change)


_LINKED = ("X", "obs", "obs/batch", "uns/x", "obsm/X_v")
# Refused whatever reads the file.
STRUCTURE: dict[str, Change] = {
    **{f"link-{name.replace('/', '-')}": _link(name, "canary.h5") for name in _LINKED},
    "link-to-text": _link("X", "canary.txt"),
    "link-to-pipe": _link("uns/x", "pipe"),
    "link-up": _link("uns/x", "../../../../../../etc/passwd"),
    **{f"external-{name.replace('/', '-')}": _external(name) for name in ("X", "obsm/X_v", "uns/x")},
    **{f"virtual-{name.replace('/', '-')}": _virtual(name, "canary.h5") for name in ("X", "obsm/X_v", "uns/x")},
    "virtual-itself": _virtual("uns/x", "."),
    **{f"object-{kind}": _object(kind) for kind in ("vlen", "reference", "region", "opaque", "record")},
    "circle": _edit(lambda file: file["uns"].__setitem__("up", file["/"])),
    "circle-by-name": _edit(lambda file: file["uns"].__setitem__("up", __import__("h5py").SoftLink("/"))),
    "itself-by-name": _edit(lambda file: file["uns"].__setitem__("x", __import__("h5py").SoftLink("/uns/x"))),
    "nowhere-by-name": _edit(lambda file: file["uns"].__setitem__("x", __import__("h5py").SoftLink("/nothing"))),
    "nested": _edit(_nested),
    "bomb": _edit(_bomb),
    "text-bomb": _text_bomb(None),
    "text-bomb-packed": _text_bomb("gzip"),
    "chunk-bomb": _edit(_chunk_bomb),
    "rows-promised": _edit(lambda file: file["X"].attrs.__setitem__("shape", [10**12, 12])),
    "columns-promised": _edit(lambda file: file["X"].attrs.__setitem__("shape", [24, 2])),
    "shape-negative": _edit(lambda file: file["X"].attrs.__setitem__("shape", [-1, 12])),
    "shape-text": _edit(lambda file: file["X"].attrs.__setitem__("shape", "24")),
    "shape-none": _edit(lambda file: file["X"].attrs.__delitem__("shape")),
    "dense-promised": _edit(lambda f: f["uns"].create_dataset("x", (10**12, 3), "f4", chunks=(1024, 3))),
    "index-beyond": _set("X/indices", 0, 10**6),
    "index-negative": _set("X/indices", 0, -5),
    "pointer-falls": _set("X/indptr", 3, 0),
    "pointer-beyond": _set("X/indptr", 24, 10**6),
    "pointer-negative": _set("X/indptr", 0, -1),
    "pointer-short": _as("X/indptr", lambda values: values[:-3]),
    "indices-short": _as("X/indices", lambda values: values[:-3]),
    "indices-fractional": _as("X/indices", lambda values: values.astype("f8")),
    "data-none": _edit(lambda file: file["X"].__delitem__("data")),
    "type-unknown": _edit(lambda file: file["X"].attrs.__setitem__("encoding-type", "pickle")),
    "version-unknown": _edit(lambda file: file["obs"].attrs.__setitem__("encoding-version", "99")),
    "obs-none": _edit(lambda file: file.__delitem__("obs")),
    "obs-numbers": _edit(lambda file: _replace(file, "obs", [1, 2, 3])),
    "index-none": _edit(lambda file: file["obs"].__delitem__("_index")),
    "column-short": _edit(lambda file: _replace(file, "obs/depth", [1.0, 2.0])),
    "codes-beyond": _set("obs/batch/codes", 0, 99),
    "cell-short": _names(lambda names: names[:-2]),
    "cells-twice": _names(lambda names: [names[0], *names[:-1]]),
    "cells-latin": _edit(lambda f: _replace(f, "obs/_index", [b"caf\xe9"] * 24, dtype="S8")),
}  # fmt: skip
# Refused by what reads counts and batches.
CONTENTS: dict[str, Change] = {
    "nan": _set("X/data", 0, float("nan")),
    "infinite": _set("X/data", 0, float("inf")),
    "negative": _set("X/data", 0, -1.0),
    "fractional": _set("X/data", 0, 0.5),
    "enormous": _set("X/data", 0, 1e30),
    "batch-missing": _set("obs/batch/codes", 0, -1),
    "batch-none": _edit(lambda file: file["obs"].__delitem__("batch")),
    "counts-none": _edit(lambda file: file.__delitem__("X")),
    "genes-strange": _edit(lambda f: _replace(f, "var/_index", [f"<script>{i}".encode() for i in range(12)])),
}
# Refused by what keeps the names, which may be any otherwise.
NAMES: dict[str, Change] = {
    "name-nul": _edit(lambda f: _replace(f, "obs/_index", [b"a\x00b"] + [b"c%d" % i for i in range(23)], dtype="S4")),
    "name-escape": _names(lambda names: [*names[:-1], "\x1b[31mred"]),
    "name-line": _names(lambda names: [*names[:-1], "two\nlines"]),
}
FREE: dict[str, Change] = {
    "name-script": _names(lambda names: [*names[:-1], "<script>alert(1)</script>"]),
    "name-up": _names(lambda names: [*names[:-1], "../../../etc/passwd"]),
    "name-formula": _names(lambda names: [*names[:-1], "=cmd|' /C calc'!A0"]),
    "name-empty": _names(lambda names: [*names[:-1], ""]),
    "genes-twice": _edit(lambda f: _replace(f, "var/_index", [f["var/_index"][0]] * 12)),
}


# What an entry point has no need of.
LENIENT = {"submit": ("data-none",), "corpus": ("enormous",), "embed": ("cell-short",)}


def _case(entry: str, name: str, make: Change, expects: str) -> Case:
    def run(work: Path) -> str | None:
        write_board(work)
        path = work / "in.h5ad"
        make(path)
        return ENTRIES[entry](path)

    return Case(f"{entry}-{name}", run, expects)


def _bytes(change: Callable[[bytes], bytes]) -> Change:
    return lambda path: path.write_bytes(change(valid_h5ad()))


def _odd(kind: str) -> Change:
    return lambda path: odd_files(path, outside_of(path.parent))[kind]()


def flips(entry: str, seeds: range) -> Iterator[Case]:
    """Yield files with three bits turned over: some are valid still."""
    for seed in seeds:
        yield _case(entry, f"flipped-{seed}", _bytes(lambda data, seed=seed: flipped(data, seed)), "either")


def cases() -> list[Case]:
    """Return every change for every entry, and some truncated and flipped files."""
    found = [_case(entry, "valid", _bytes(bytes), "ok") for entry in ENTRIES]
    odd = list(odd_files(Path(), Path()))
    for number, entry in enumerate(ENTRIES):
        found += [_case(entry, kind, _odd(kind), "refused") for kind in odd]
        # The guard is one: where others show that it is asked at all, a third of the structures does.
        structure = list(STRUCTURE.items())[:: 1 if entry in ("add", "embed") else 3]
        lenient = LENIENT.get(entry, ())
        found += [_case(entry, n, make, "either" if n in lenient else "refused") for n, make in structure]
        held = "refused" if entry in COUNTING else "either"
        found += [_case(entry, n, make, "either" if n in lenient else held) for n, make in CONTENTS.items()]
        found += [_case(entry, name, make, "either") for name, make in {**NAMES, **FREE}.items()]
        cuts = range(number * 4, number * 4 + 4)
        found += [_case(entry, f"cut-{s}", _bytes(lambda data, s=s: cut(data, s)), "refused") for s in cuts]
        found += flips(entry, range(number * 8, number * 8 + 8))
    return found
