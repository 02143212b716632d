"""Malformed YAML and JSON, handed to every verb that reads a configuration, a card or a map."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile_cases.case import Case, command, cut, odd_files, outside_of
from hostile_cases.seeds import ROOT, valid_h5ad, write_board


def _run(path: Path) -> str | None:
    return command("run", "--config", path)


def _settings(path: Path) -> str | None:
    return command("board", "--settings", path, "--out", "board.json")


def _card(path: Path) -> str | None:
    from scarena.datasets.card import load_card

    load_card(str(path))
    return None


def _map(path: Path) -> str | None:
    arguments = ["--batch", "batch", "--label", "cell_type", "--ontology-map", path, "--folder", "cards", "--name", "n"]
    return command("add-dataset", "in.h5ad", *arguments)


def _model(path: Path) -> str | None:
    return command("submit", "d", "in.h5ad", "--card", path, "--settings", "board.yaml")


def _corpus(path: Path) -> str | None:
    return command("corpus", "build", path, "--out", "corpus")


def _pretrain(path: Path) -> str | None:
    return command("pretrain", path, "--out", "model")


def _listed(path: Path) -> str | None:
    Path("with.yaml").write_text(Path("board.yaml").read_text() + f"pretrain: ['{path}']\n")
    return command("run", "--config", "with.yaml")


ENTRIES: dict[str, Callable[[Path], str | None]] = {
    "run": _run, "settings": _settings, "card": _card, "map": _map, "model": _model, "corpus": _corpus,
    "pretrain": _pretrain, "listed": _listed,
}  # fmt: skip

_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
TEXTS: dict[str, bytes] = {
    "laughs": _LAUGHS.encode(),
    "alias": b"board: &n b\ndatasets: [*n]\n",
    "alias-of-itself": b"&a [*a]",
    "merge": b"a: &a {x: 1}\nb: {<<: *a}\n",
    "object": b"!!python/object/apply:os.system ['touch ran']",
    "object-inside": b"board: !!python/object/new:os.system ['touch ran']",
    "name": b"board: !!python/name:os.system",
    "module": b"board: !!python/module:os",
    "tag": b"board: !strange b",
    "deep-list": b"[" * 20_000,
    "deep-map": b"{a: " * 20_000,
    "deep-block": b"".join(b" " * i + b"-\n" for i in range(300)) + b"x",
    "digits": b"board: " + b"9" * 5000,
    "base-60": b"board: 1" + b":59" * 50_000,
    "long": b"# " + b"x" * (1 << 20),
    "latin": "board: caf\xe9".encode("latin-1"),
    "utf16": "board: b".encode("utf-16"),
    "utf32": "board: b".encode("utf-32"),
    "nul": b"board: b\x00",
    "escape": b"board: b\x1b[2J",
    "escaped": rb'"\e[2J\x00": 1',
    "list": b"- 1\n- 2\n",
    "number": b"1e999",
    "two": b"a: 1\n---\nb: 2\n",
    "tab": b"a:\n\t- b\n",
    "keys": b"? {a: b}\n: c\n",
    "key-list": b"? [a]\n: c\n",
    "script": b"<script>alert(1)</script>: 1",
    "unknown": b"{" + b", ".join(b"k%d: 1" % i for i in range(4000)) + b"}",
    "date": b"board: 9999-99-99",
    "binary": b"\x00\x01\x02\x03" * 100,
    "gzip": b"\x1f\x8b\x08" + bytes(50),
}
_CONFIG = "board: b\ndatasets: [d]\nmodels: [pca]\nuser_cards: cards\n"
BOARDS: dict[str, str] = {
    "name-up": _CONFIG.replace("board: b", "board: ../../up"),
    "name-absolute": _CONFIG.replace("board: b", "board: /tmp/up"),
    "name-script": _CONFIG.replace("board: b", "board: <script>alert(1)</script>"),
    "name-nul": _CONFIG.replace("board: b", 'board: "b\\0"'),
    "dataset-up": _CONFIG.replace("[d]", "[../../../etc/passwd]"),
    "dataset-path": _CONFIG.replace("[d]", "[/etc/passwd.yaml]"),
    "dataset-script": _CONFIG.replace("[d]", "['<script>alert(1)</script>']"),
    "model-up": _CONFIG.replace("[pca]", "[../pca]"),
    "model-none": _CONFIG.replace("[pca]", "[]"),
    "model-twice": _CONFIG.replace("[pca]", "[pca, pca]"),
    "model-unknown": _CONFIG.replace("[pca]", "[os.system]"),
    "seed-negative": _CONFIG + "seeds: [-1]\n",
    "seed-enormous": _CONFIG + f"seeds: [{'9' * 80}]\n",
    "limit-infinite": _CONFIG + "limits: {timeout_s: .inf}\n",
    "limit-nan": _CONFIG + "limits: {timeout_s: .nan}\n",
    "limit-none": _CONFIG + "limits: {memory_mb: 0}\n",
    "datasets-text": _CONFIG.replace("[d]", "d"),
}


def _case(entry: str, name: str, make: Callable[[Path], Any], words: str = "") -> Case:
    def run(work: Path) -> str | None:
        write_board(work)
        (work / "in.h5ad").write_bytes(valid_h5ad())
        path = work / "in.yaml"
        make(path)
        said = ENTRIES[entry](path)
        if (work / "ran").exists():
            raise AssertionError("the input ran code")
        return said

    return Case(f"{entry}-{name}", run, "refused", words)


def cases() -> list[Case]:
    """Return every text for every entry point, and boards that name what they must not."""
    found = []
    for number, entry in enumerate(ENTRIES):
        # One function reads them all: a third shows that these ask it.
        texts = list(TEXTS.items())[:: 3 if entry in ("settings", "listed", "corpus") else 1]
        found += [_case(entry, name, lambda path, t=text: path.write_bytes(t)) for name, text in texts]
        for odd in odd_files(Path(), Path()):
            found.append(_case(entry, odd, lambda path, o=odd: odd_files(path, outside_of(path.parent))[o]()))
        whole = (ROOT / "config" / "full.yaml").read_bytes()
        found.append(_case(entry, "cut", lambda path, n=number, w=whole: path.write_bytes(b"[" + cut(w, n))))
    found += [_case("run", name, lambda path, t=text: path.write_text(t)) for name, text in BOARDS.items()]
    return found
