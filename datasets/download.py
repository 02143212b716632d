"""Downloading over https: resumed where it broke, retried, progress told, and never mistaking a page for data."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import requests
import urllib3

from scarena.base.errors import SourceError
from scarena.base.progress import tell

_BLOCK = 1 << 14
_TIMEOUT_S = 60
# Bytes a second below which a download is as good as stopped, once it has had time to begin.
_SLOWEST, _GRACE_S = 1000, 60.0
_PAUSES_S = (0.5, 2.0, 8.0)
_HTML = (b"<!doctype html", b"<html", b"<head")
_AGAIN = (requests.codes.request_timeout, requests.codes.too_many_requests)


def _refuse_html(start: bytes, url: str) -> None:
    if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:32].lower().startswith(_HTML):
        fix = "open the address in a browser: it may ask for a login, or the file may have moved"
        raise SourceError("the server sent a web page instead of the file", where=url, fix=fix)


def _coming(response: requests.Response) -> Iterator[bytes]:
    """Yield what comes as it comes; a server that trickles, which no time-out between bytes notices, is given up."""
    start, came = time.monotonic(), 0
    while block := response.raw.read1(_BLOCK, decode_content=True):
        came += len(block)
        seconds = time.monotonic() - start
        if seconds > _GRACE_S and came < _SLOWEST * seconds:
            raise requests.Timeout(f"{came:,} bytes came in {seconds:.0f} s")
        yield block


def _append(response: requests.Response, part: Path, *, mode: str, url: str) -> None:
    done = part.stat().st_size if mode == "ab" else 0
    length = response.headers.get("Content-Length")
    total = done + int(length) if length else None
    what = f"fetching {url.rsplit('/', 1)[-1][:40]}"
    with part.open(mode) as file:
        for block in _coming(response):
            if file.tell() == 0:
                _refuse_html(block, url)
            file.write(block)
            tell(what, file.tell(), total, "B")
        if total is not None and file.tell() < total:
            raise requests.ConnectionError(f"{file.tell():,} of {total:,} bytes came")


def _attempt(url: str, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    # Compressed on the way, neither lengths nor ranges would count the bytes of the file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            return  # Nothing is left to fetch; the caller's hash decides whether what is there is right.
        response.raise_for_status()
        if response.status_code == requests.codes.accepted:
            fix = "open the address in a browser and put the file into a folder named by SCARENA_MIRROR"
            raise SourceError("the server asks for a browser instead of sending the file", where=url, fix=fix)
        # A server that ignores the range sends the whole file again, with 200 instead of 206.
        mode = "ab" if response.status_code == requests.codes.partial_content else "wb"
        _append(response, part, mode=mode, url=url)


def download(url: str, folder: Path) -> Path:
    """Fetch `url` into `folder` and return the file, whose hash the caller checks.

    A broken download leaves its part there and is resumed by the next call, in this process or another.

    Raises
    ------
    SourceError
        If the server answers with an error or a web page, or the connection breaks more often than is worth retrying.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / hashlib.sha256(url.encode()).hexdigest()[:32]
    problem: Exception | None = None
    for pause in (0.0, *_PAUSES_S):
        time.sleep(pause)
        try:
            _attempt(url, part)
            return part
        except requests.HTTPError as error:
            problem = error
            if error.response.status_code < 500 and error.response.status_code not in _AGAIN:
                break
        except SourceError:
            part.unlink(missing_ok=True)
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            problem = error
    said = f"{type(problem).__name__}: {problem}"[:200]
    fix = "check the network and run again (the download resumes), or set SCARENA_MIRROR to a folder that has it"
    raise SourceError(f"could not be downloaded ({said})", where=url, fix=fix)
