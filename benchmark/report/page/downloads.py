"""The board as files inside of its page, as long as they fit: compressed, as data URLs, the same bytes every time."""

from __future__ import annotations

import base64
import gzip
from typing import Any

Json = dict[str, Any]


def data_url(content: bytes, kind: str) -> str:
    """Return a data URL."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def compressed(content: bytes) -> bytes:
    """Return gzip's form of it, without the time that gzip notes."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def downloads(files: dict[str, bytes], room: int) -> list[Json]:
    """Return name, title and URL of each file, the smallest first; the URL is empty where the page has no room for it.

    Parameters
    ----------
    files
        Content by name.
    room
        Bytes that all of them may take together on the page.
    """
    found = []
    for name, content in sorted(files.items(), key=lambda item: (len(item[1]), item[0])):
        packed = name.endswith(".parquet")
        url = data_url(
            content if packed else compressed(content),
            "application/vnd.apache.parquet" if packed else "application/gzip",
        )
        fits = len(url) <= room
        room -= len(url) if fits else 0
        found.append(
            {"name": name if packed else f"{name}.gz", "beside": name, "url": url if fits else "", "size": len(content)}
        )
    return found
