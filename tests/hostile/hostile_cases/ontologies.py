"""Malformed OBO files, handed to `scarena ontology`."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile_cases.case import Case, command, cut, flipped, odd_files, outside_of
from hostile_cases.seeds import write_board

_TERMS = {"CL:0000000": (), "CL:0000236": ("CL:0000000",), "CL:0000084": ("CL:0000000",), "CL:0000624": ("CL:0000084",)}


def obo(terms: dict[str, tuple[str, ...]]) -> bytes:
    """Return an ontology of these terms with their parents."""
    stanzas = [
        "\n".join(["[Term]", f"id: {term}", f"name: cell {term}", *(f"is_a: {each} ! x" for each in above), ""])
        for term, above in terms.items()
    ]
    return "\n".join(["format-version: 1.2", "data-version: releases/x", "ontology: cl", "", *stanzas]).encode()


def _chain(n: int) -> dict[str, tuple[str, ...]]:
    return {f"CL:{i:07d}": (f"CL:{i - 1:07d}",) if i else () for i in range(n)}


def _files() -> dict[str, tuple[Callable[[], bytes], str]]:
    valid = obo(_TERMS)
    circle = {"CL:0000000": ("CL:0000084",), "CL:0000084": ("CL:0000000",)}
    return {
        "valid": (lambda: valid, "ok"),
        "itself": (lambda: obo(_TERMS | {"CL:0000000": ("CL:0000000",)}), "ok"),
        "circle": (lambda: obo(circle), "refused"),
        "circle-of-three": (lambda: obo(circle | {"CL:0000084": ("CL:1",), "CL:1": ("CL:0000000",)}), "refused"),
        "many": (lambda: obo({f"CL:{i:07d}": () for i in range(10_500)}), "refused"),
        "chain": (lambda: obo(_chain(300)), "ok"),
        "one": (lambda: obo({"CL:0000000": ()}), "refused"),
        "none": (lambda: obo({}), "refused"),
        "others": (lambda: obo({"GO:0000001": ()}), "refused"),
        "relationship": (lambda: valid + b"\n[Term]\nid: CL:9\nname: x\nrelationship: broken\n", "refused"),
        "no-id": (lambda: valid + b"\n[Term]\nname: x\n", "refused"),
        "two-names": (lambda: valid + b"\n[Term]\nid: CL:9\nname: x\nname: y\n", "either"),
        "stanza": (lambda: valid + b"\n[Strange]\nid: CL:9\n", "either"),
        "long-line": (lambda: valid + b"\n[Term]\nid: CL:9\nname: " + b"x" * 3_000_000, "either"),
        "bare": (lambda: valid + b"\n[Term]\nid\n", "refused"),
        "latin": (lambda: valid + "\n[Term]\nid: CL:9\nname: caf\xe9\n".encode("latin-1"), "refused"),
        "utf16": (lambda: valid.decode().encode("utf-16"), "refused"),
        "gzip": (lambda: gzip.compress(valid), "refused"),
        "json": (lambda: b'{"graphs": []}', "refused"),
        "nul": (lambda: b"\x00" * 10_000, "refused"),
        "escape": (lambda: valid.replace(b"cell CL:0000084", b"\x1b[2J"), "either"),
    }  # fmt: skip


def _case(name: str, make: Callable[[Path], Any], expects: str = "refused") -> Case:
    def run(work: Path) -> str | None:
        path = write_board(work)
        make(work / "in.obo")
        path.write_text(path.read_text() + "ontology: in.obo\n")
        return command("ontology", "--settings", path, "--out", "ontology.npz")

    return Case(f"ontology-{name}", run, expects)


def flips(seeds: range) -> list[Case]:
    """Return files with three bits turned over."""
    return [
        _case(f"flipped-{seed}", lambda path, s=seed: path.write_bytes(flipped(obo(_TERMS), s)), "either")
        for seed in seeds
    ]


def cases() -> list[Case]:
    """Return every OBO."""
    found = [
        _case(name, lambda path, m=make: path.write_bytes(m()), expects) for name, (make, expects) in _files().items()
    ]
    for odd in odd_files(Path(), Path()):
        found.append(_case(odd, lambda path, o=odd: odd_files(path, outside_of(path.parent))[o]()))
    for seed in range(6):
        found.append(_case(f"cut-{seed}", lambda path, s=seed: path.write_bytes(cut(obo(_TERMS), s)), "either"))
        found.append(_case(f"flipped-{seed}", lambda path, s=seed: path.write_bytes(flipped(obo(_TERMS), s)), "either"))
    return found
