"""Malformed tables of vectors, handed to `scarena submit`."""

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile_cases.case import Case, command, cut, flipped, odd_files, outside_of
from hostile_cases.seeds import CELLS, N_CELLS, WIDTH, write_board


def _vectors() -> Any:
    import numpy as np

    return np.random.default_rng(1).random((N_CELLS, WIDTH)).astype(np.float32)


def npz(vectors: Any = None, names: Any = None, **more: Any) -> bytes:
    """Return an npz of vectors and names, or of others in their place."""
    import numpy as np

    out = io.BytesIO()
    vectors, names = _vectors() if vectors is None else vectors, CELLS if names is None else names
    np.savez(out, embedding=vectors, obs_names=np.asarray(names), **more)
    return out.getvalue()


def csv(names: list[str] = CELLS, sep: str = ",", value: str = "0.5") -> bytes:
    """Return a CSV of vectors, with one value for all."""
    return "\n".join([f"cell{sep}x{sep}y", *(f"{name}{sep}{value}{sep}1" for name in names)]).encode()


def parquet(names: list[str] = CELLS, make: Callable[[Any], Any] = lambda frame: frame) -> bytes:
    """Return a parquet table of vectors."""
    import pandas as pd

    out = io.BytesIO()
    frame = pd.DataFrame(_vectors(), columns=[f"d{i}" for i in range(WIDTH)])
    frame.insert(0, "cell", names)
    make(frame).to_parquet(out, index=False)
    return out.getvalue()


def _npy(header: str, body: bytes = b"") -> bytes:
    text = header.encode() + b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


def archive(members: list[tuple[str, bytes]], *, packed: bool = False) -> bytes:
    """Return a zip of some members, two of one name included."""
    import warnings

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as file:
        for name, body in members:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                file.writestr(name, body)
    return out.getvalue()


class _Runs:
    def __reduce__(self) -> Any:
        return Path.write_text, (Path("ran"), "ran")


def header(shape: str, descr: str = "'<f4'") -> bytes:
    """Return an array's file that promises a shape and a type, with 64 bytes in it."""
    return _npy(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}", bytes(64))


def _with(first: bytes) -> bytes:
    import numpy as np

    names = io.BytesIO()
    np.save(names, np.asarray(CELLS))
    return archive([("embedding.npy", first), ("obs_names.npy", names.getvalue())])


def _files() -> dict[str, Callable[[], bytes]]:
    import numpy as np

    names = {
        "few": [*CELLS[:-3], "x", "y", "z"], "twice": [CELLS[0], *CELLS[:-1]],
        "script": ["<script>alert(1)</script>"] * 24,
        "formula": ["=cmd|' /C calc'!A0", *CELLS[1:]], "up": ["../../../etc/passwd", *CELLS[1:]],
        "escape": ["\x1b[2J", *CELLS[1:]], "empty": ["", *CELLS[1:]],
    }  # fmt: skip
    kinds: dict[str, Callable[[list[str]], bytes]] = {
        "npz": lambda given: npz(names=given), "csv": csv, "parquet": parquet,
    }  # fmt: skip
    found: dict[str, Callable[[], bytes]] = {}
    for kind, make in kinds.items():
        found |= {f"names-{what}.{kind}": lambda m=make, g=given: m(g) for what, given in names.items()}
        found |= {f"cut-{seed}.{kind}": lambda m=make, s=seed: cut(m(CELLS), s) for seed in range(6)}
    del found["cut-0.csv"], found["names-empty.csv"]
    found |= {
        "names-nul.npz": lambda: npz(names=["a\x00b", *CELLS[1:]]),
        "names-numbers.npz": lambda: npz(names=np.arange(24)),
        "names-bytes.npz": lambda: npz(names=np.array([b"\xff"] * 24)),
        "object.npz": lambda: npz(vectors=np.array([[_Runs()] * 4] * 24, dtype=object)),
        "object-names.npz": lambda: npz(names=np.array([_Runs()] * 24, dtype=object)),
        "pickle.npz": lambda: pickle.dumps(_Runs()),
        "pickle-member.npz": lambda: _with(pickle.dumps(_Runs())),
        "promises.npz": lambda: _with(header("(1000000000000, 4)")),
        "promises-none.npz": lambda: _with(header("(0, 1000000000000)")),
        "negative.npz": lambda: _with(header("(-1, 4)")),
        "shape-text.npz": lambda: _with(header("('a', 4)")),
        "shape-deep.npz": lambda: _with(header("(" * 90 + ")" * 90)),
        "code.npz": lambda: _with(header("(__import__('os').getpid(), 4)")),
        "dtype-object.npz": lambda: _with(header("(4, 4)", "'|O'")),
        "dtype-record.npz": lambda: _with(header("(4,)", "[('a', '<f4'), ('b', '|O')]")),
        "dtype-none.npz": lambda: _with(header("(4, 4)", "'zz'")),
        "version.npz": lambda: _with(b"\x93NUMPY\x09\x00" + bytes(100)),
        "bomb.npz": lambda: archive([("embedding.npy", bytes(300 << 20))], packed=True),
        "twice.npz": lambda: archive([("embedding.npy", b""), ("embedding.npy", b"")]),
        "up.npz": lambda: archive([("../../../up.npy", header("(4, 4)"))]),
        "absolute.npz": lambda: archive([("/tmp/embedding.npy", header("(4, 4)"))]),
        "members.npz": lambda: archive([(f"{i}.npy", b"") for i in range(10_001)]),
        "none.npz": lambda: archive([]),
        "short.npz": lambda: npz(vectors=_vectors()[:5]),
        "flat.npz": lambda: npz(vectors=_vectors().ravel()),
        "cube.npz": lambda: npz(vectors=_vectors()[None]),
        "nan.npz": lambda: npz(vectors=np.full((24, 4), np.nan)),
        "infinite.npz": lambda: npz(vectors=np.full((24, 4), np.inf)),
        "complex.npz": lambda: npz(vectors=np.ones((24, 4), complex)),
        "text.npz": lambda: npz(vectors=np.full((24, 4), "high")),
        "overflow.npz": lambda: npz(vectors=np.full((24, 4), 1e300)),
        "gone.npz": lambda: npz(vectors=np.empty((24, 0))),
        "text.csv": lambda: csv(value="high"),
        "formula.csv": lambda: csv(value="=1+1"),
        "nan.csv": lambda: csv(value="nan"),
        "overflow.csv": lambda: csv(value="1e999"),
        "hole.csv": lambda: csv(value=""),
        "semicolon.csv": lambda: csv(sep=";"),
        "nul.csv": lambda: csv().replace(b"cell3", b"ce\x00l3"),
        "latin.csv": lambda: csv(["caf\xe9", *CELLS[1:]]).decode().encode("latin-1"),
        "utf16.csv": lambda: csv().decode().encode("utf-16"),
        "quote.csv": lambda: csv().replace(b"cell3", b'"cell3'),
        "ragged.csv": lambda: csv() + b"\n1,2,3,4,5,6,7",
        "wide.csv": lambda: b"," * 200_000 + b"\n" + b"," * 200_000,
        "text.parquet": lambda: parquet(make=lambda frame: frame.assign(d0="high")),
        "object.parquet": lambda: parquet(make=lambda frame: frame.assign(d0=[[1, 2]] * 24)),
        "dates.parquet": lambda: parquet(make=lambda frame: frame.assign(d0=np.datetime64("2020-01-01", "ns"))),
        "bomb.parquet": _many_rows,
        "names-only.parquet": lambda: parquet(make=lambda frame: frame[["cell"]]),
        "unknown.pkl": lambda: pickle.dumps(_Runs()),
        "unknown.tar": lambda: b"",
        "kind.csv": lambda: npz(),
        "kind.npz": csv,
        "kind.parquet": csv,
    }
    return found


def _many_rows() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out, rows = io.BytesIO(), 1 << 20
    table = pa.table({"cell": pa.array([0] * rows, pa.int8()), "x": pa.array([0] * rows, pa.int8())})
    with pq.ParquetWriter(out, table.schema) as writer:
        for _ in range(40):
            writer.write_table(table)
    return out.getvalue()


def _case(name: str, make: Callable[[Path], Any], expects: str = "refused") -> Case:
    def run(work: Path) -> str | None:
        write_board(work)
        path = work / f"in.{name.rpartition('.')[2]}"
        make(path)
        said = command("submit", "d", path, "--card", "model.yaml", "--settings", "board.yaml")
        if (work / "ran").exists():
            raise AssertionError("the input ran code")
        return said

    return Case(f"submit-{name}", run, expects)


def flips(seeds: range) -> list[Case]:
    """Return tables with three bits turned over."""
    made = {"npz": npz, "csv": csv, "parquet": parquet}
    return [
        _case(f"flipped-{seed}.{kind}", lambda path, m=make, s=seed: path.write_bytes(flipped(m(), s)), "either")
        for kind, make in made.items()
        for seed in seeds
    ]


def cases() -> list[Case]:
    """Return every table, and every odd file under each ending."""
    found = [
        _case(f"valid.{kind}", lambda path, m=make: path.write_bytes(m()), "ok")
        for kind, make in {"npz": npz, "csv": csv, "parquet": parquet}.items()
    ]
    found += [_case(name, lambda path, m=make: path.write_bytes(m())) for name, make in _files().items()]
    for kind in ("npz", "csv", "parquet"):
        found += [
            _case(f"{odd}.{kind}", lambda path, o=odd: odd_files(path, outside_of(path.parent))[o]())
            for odd in odd_files(Path(), Path())
        ]
    return [*found, *flips(range(8))]
