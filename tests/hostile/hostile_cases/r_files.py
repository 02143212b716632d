"""Malformed files of R, as a card's reader opens them."""

import bz2
import gzip
import lzma
import struct
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hostile_cases.case import Case, cut, flipped, odd_files, outside_of


@cache
def rda() -> bytes:
    """Return a saved workspace with a vector and a list, not compressed."""
    import numpy as np
    import rdata

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.rda"
        rdata.write_rda(path, {"x": np.arange(20.0), "y": {"a": "b"}}, compression="gzip")
        return gzip.decompress(path.read_bytes())


def _head() -> bytes:
    return b"RDX3\nX\n" + struct.pack(">iiii", 3, 0x040000, 0x030500, 5) + b"UTF-8"


def _vector(length: int) -> bytes:
    return b"X\n" + struct.pack(">iiii", 3, 0x040000, 0x030500, 5) + b"UTF-8" + struct.pack(">ii", 14, length)


def _sequence(length: float) -> bytes:
    """Return R's short form of 1:n."""
    symbol = lambda name: struct.pack(">ii", 1, 0x40009) + struct.pack(">i", len(name)) + name  # noqa: E731
    info = struct.pack(">i", 2) + symbol(b"compact_intseq") + struct.pack(">i", 2) + symbol(b"base")
    info += struct.pack(">iiii", 2, 13, 1, 13) + struct.pack(">i", 254)
    state = struct.pack(">ii", 14, 3) + struct.pack(">ddd", length, 1, 1)
    return _vector(0)[:-8] + struct.pack(">i", 238) + info + state + struct.pack(">i", 254)


def _deep(n: int) -> bytes:
    return _vector(0)[:-8] + struct.pack(">ii", 19, 1) * n + struct.pack(">i", 254)


def _files() -> dict[str, tuple[Callable[[], bytes], str]]:
    return {
        "valid": (rda, "ok"),
        "valid-gzip": (lambda: gzip.compress(rda()), "ok"),
        "valid-bzip2": (lambda: bz2.compress(rda()), "ok"),
        "valid-xz": (lambda: lzma.compress(rda()), "ok"),
        "gzip-cut": (lambda: gzip.compress(rda())[:-9], "refused"),
        "bzip2-cut": (lambda: bz2.compress(rda())[:-9], "refused"),
        "xz-cut": (lambda: lzma.compress(rda())[:-9], "refused"),
        "gzip-bomb": (lambda: gzip.compress(bytes(300 << 20), 1), "refused"),
        "bzip2-bomb": (lambda: bz2.compress(bytes(1 << 20)) * 400, "refused"),
        "xz-bomb": (lambda: lzma.compress(bytes(16 << 20)) * 20, "refused"),
        "vector-promised": (lambda: _vector(2**31 - 1), "either"),
        "vector-negative": (lambda: _vector(-7), "either"),
        "vector-long": (lambda: _vector(-1) + struct.pack(">ii", 2**20, 0), "either"),
        "sequence": (lambda: _sequence(1e12), "refused"),
        "sequence-negative": (lambda: _sequence(-5), "refused"),
        "sequence-nan": (lambda: _sequence(float("nan")), "refused"),
        "deep": (lambda: _deep(20_000), "refused"),
        "code": (lambda: _vector(0)[:-8] + struct.pack(">i", 6), "refused"),
        "kind": (lambda: _vector(0)[:-8] + struct.pack(">i", 77), "refused"),
        "head": (_head, "refused"),
        "ascii": (lambda: b"RDA3\nA\n3\n262144\n197888\n5\nUTF-8\n" + b"19\n1\n" * 5000, "refused"),
        "pickle": (lambda: b"\x80\x04cos\nsystem\n.", "refused"),
    }  # fmt: skip


def _case(name: str, make: Callable[[Path], Any], expects: str = "refused") -> Case:
    def run(work: Path) -> str | None:
        from scarena.datasets.r_objects import load

        path = work / "in.rda"
        make(path)
        load(path)
        return None

    return Case(f"r-{name}", run, expects)


def flips(seeds: range) -> list[Case]:
    """Return files with three bits turned over."""
    return [
        _case(f"flipped-{seed}", lambda path, s=seed: path.write_bytes(flipped(rda(), s)), "either") for seed in seeds
    ]


def cases() -> list[Case]:
    """Return every R file."""
    found = [
        _case(name, lambda path, m=make: path.write_bytes(m()), expects) for name, (make, expects) in _files().items()
    ]
    for odd in odd_files(Path(), Path()):
        found.append(_case(odd, lambda path, o=odd: odd_files(path, outside_of(path.parent))[o]()))
    for seed in range(8):
        found.append(_case(f"cut-{seed}", lambda path, s=seed: path.write_bytes(cut(rda(), s))))
        found.append(_case(f"flipped-{seed}", lambda path, s=seed: path.write_bytes(flipped(rda(), s)), "either"))
    return found
