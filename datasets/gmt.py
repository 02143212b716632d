"""Files of gene sets (GMT): a line a set, of its name, a description and its genes, parted by tabs."""

from __future__ import annotations

from pathlib import Path

from scarena.base.errors import DataError
from scarena.base.text import tidied
from scarena.base.untrusted import check_names, read_text

_MOST_BYTES = 64 << 20
_FIX = "give lines of a name, a description and genes, parted by tabs"


def read_gmt(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the genes of each set as written, in the order of the file, each once.

    A set is called by its name, and by its description too where that is one: an address, or a number in brackets at
    its end, says nothing.

    Raises
    ------
    DataError
        If it is no such file, a set has no genes, or two have one name.
    """
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(read_text(path, DataError, most=_MOST_BYTES, fix=_FIX).splitlines(), 1):
        fields = [tidied(field) for field in line.split("\t")]
        if not any(fields):
            continue
        where = f"{path}: line {number}"
        if len(fields) < 2 or not fields[0]:
            raise DataError("no set of genes", where=where, fix=_FIX)
        name = _called(fields[0], fields[1])
        genes = tuple(dict.fromkeys(field for field in fields[2:] if field))
        if not genes:
            raise DataError(f"the set {name!r} has no genes", where=where, fix=_FIX)
        if name in found:
            raise DataError(f"two sets are called {name!r}", where=where, fix="rename one of them")
        found[name] = genes
    if not found:
        raise DataError("no set of genes", where=str(path), fix=_FIX)
    check_names(found, str(path))
    return found


def _called(name: str, description: str) -> str:
    said = description.partition(" (")[0] if description.endswith(")") else description
    return name if not said or said == name or "://" in said else f"{name} {said}"
