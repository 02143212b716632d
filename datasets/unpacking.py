"""HDF5 files that are published gzipped: what a gzip holds, unpacked once into the cache."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from scarena.base.errors import SourceError
from scarena.base.files import replacing, sha256_of
from scarena.base.untrusted import check_unpacked, reading

_BLOCK = 1 << 20


def crc_of(path: Path) -> int:
    """Return the CRC-32 of a file, as zip and gzip keep it."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value


def gunzipped(path: Path, where: str, cache: Path) -> Path:
    """Return the file that a gzip holds; one that was unpacked before is taken if it is still whole.

    Parameters
    ----------
    path
        A gzip whose checksum was looked at.
    where
        The address, for errors.
    cache
        Folder of the cache.

    Raises
    ------
    SourceError
        If it is no gzip, a damaged one, or unpacks to far more than counts would.
    """
    size, final = path.stat().st_size, cache / "unpacked" / sha256_of(path)
    if final.is_file() and size > 8:
        with path.open("rb") as file:
            file.seek(-8, 2)
            # The CRC-32 of the last member; a gzip of several is unpacked anew each time.
            if int.from_bytes(file.read(4), "little") == crc_of(final):
                return final
    got, fix = 0, "pull again, or correct `unpack` on the card"
    with (
        reading(where, SourceError, what="not a readable gzip", fix=fix),
        gzip.open(path) as packed,
        replacing(final) as part,
        part.open("wb") as file,
    ):
        while block := packed.read(_BLOCK):
            got += len(block)
            check_unpacked(got, size, where, SourceError)
            file.write(block)
    return final
