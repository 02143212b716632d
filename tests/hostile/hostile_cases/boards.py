"""Records, scores and boards that are damaged, of another schema, or somebody else's."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hostile_cases.case import Case, child, command, cut, odd_files, outside_of
from hostile_cases.seeds import ROOT, write_board


@cache
def _reference() -> str:
    return (ROOT / "results" / "reference" / "demo" / "board.json").read_text()


def _board(change: Callable[[dict[str, Any]], object] = lambda board: None) -> bytes:
    board = json.loads(_reference())
    change(board)
    return json.dumps(board).encode()


def _without(*keys: str) -> Callable[[dict[str, Any]], object]:
    return lambda board: [board.pop(key) for key in keys]


def _set(*way: Any, value: Any) -> Callable[[dict[str, Any]], object]:
    def change(board: Any) -> None:
        for key in way[:-1]:
            board = board[key]
        board[way[-1]] = value

    return change


def _mistakes(**changed: Any) -> Callable[[dict[str, Any]], object]:
    told = {"n_cells": 5, "n_wrong": 2, "n_compared": 5, "by_distance": [[1, 2]], "confused": [["a", "b", 2, 1]]}
    return _set("cells", 0, "mistakes", value=told | changed)


_KEYS = ("schema", "board", "title", "datasets", "models", "cells", "overall", "controls", "provenance", "timings")
_SCRIPT = "<script>alert(1)</script>"
BOARDS: dict[str, Callable[[], bytes]] = {
    **{f"without-{key}": lambda k=key: _board(_without(k)) for key in _KEYS},
    **{f"text-{key}": lambda k=key: _board(_set(k, value=_SCRIPT)) for key in _KEYS if key != "title"},
    "schema-2": lambda: _board(_set("schema", value=2)),
    "dataset-up": lambda: _board(_set("datasets", 0, "dataset", value="../../../outside")),
    "dataset-script": lambda: _board(_set("datasets", 0, "dataset", value='"><script>alert(1)</script>')),
    "model-script": lambda: _board(_set("models", 0, "name", value="<script>alert(1)</script>")),
    "family": lambda: _board(_set("models", 0, "family", value="strange")),
    "unknown-model": lambda: _board(_set("cells", 0, "model", value="nobody")),
    "value-text": lambda: _board(_set("overall", 0, "value", value="high")),
    "value-nan": lambda: _board(_set("overall", 0, "value", value=float("nan"))),
    "cells-none": lambda: _board(_set("cells", value=[])),
    "score-list": lambda: _board(_set("cells", 0, "scores", value=[1])),
    "mistakes-script": lambda: _board(_set("cells", 0, "mistakes", value=_SCRIPT)),
    "mistakes-counts-script": lambda: _board(_mistakes(n_cells=_SCRIPT)),
    "mistakes-text": lambda: _board(_mistakes(n_wrong="2")),
    "mistakes-less-than-none": lambda: _board(_mistakes(n_compared=-1)),
    "mistakes-more-than-told": lambda: _board(_mistakes(n_wrong=3)),
    "mistakes-more-than-cells": lambda: _board(_mistakes(n_wrong=9, by_distance=[[1, 9]])),
    "mistakes-nan": lambda: _board(_mistakes(by_distance=[[float("nan"), 2]])),
    "mistakes-wide": lambda: _board(_mistakes(confused=[["a", "b", 1, 1, 1]])),
    "mistakes-digits": lambda: _board(_mistakes()).replace(b'"n_cells": 5', b'"n_cells": ' + b"9" * 5000),
    "merged-text": lambda: _board(_set("provenance", "merged", value=_SCRIPT)),
    "merged-list": lambda: _board(_set("provenance", "merged", value=[{"board": _SCRIPT}])),
    "seen-text": lambda: _board(_set("contamination", value=[{"model": 1}])),
    "list": lambda: b"[]",
    "null": lambda: b"null",
    "deep": lambda: b"[" * 100_000,
    "digits": lambda: b"9" * 5000,
    "latin": lambda: '"caf\xe9"'.encode("latin-1"),
    "utf16": lambda: "{}".encode("utf-16"),
    **{f"cut-{seed}": lambda s=seed: cut(_board(), s) for seed in range(6)},
}  # fmt: skip


def _report(name: str, make: Callable[[Path], Any], expects: str = "refused") -> Case:
    def run(work: Path) -> str | None:
        config = write_board(work)
        make(work / "board.json")
        return command("report", work / "board.json", "--out", "board.html", "--settings", config)

    return Case(f"report-{name}", run, expects)


def _figure(name: str, make: Callable[[Path], Any], expects: str = "refused") -> Case:
    def run(work: Path) -> str | None:
        make(work / "board.json")
        return command("report", work / "board.json", "--figure", "board.svg")

    return Case(f"figure-{name}", run, expects)


def _merge(name: str, make: Callable[[Path], Any], expects: str = "refused") -> Case:
    def run(work: Path) -> str | None:
        (work / "one").mkdir()
        (work / "one" / "board.json").write_bytes(_board())
        make(work / "board.json")
        return command("merge", work / "one", work / "board.json", "--out", work / "both")

    return Case(f"merge-{name}", run, expects)


def _run_of(change: Callable[[Path], object]) -> Callable[[Path], str | None]:
    """Return what merges a board whose first run was changed on disk."""

    def run(work: Path) -> str | None:
        cell = json.loads(_reference())["cells"][0]
        place = work / "one" / cell["dataset"] / cell["model"] / str(cell["seed"])
        place.mkdir(parents=True)
        (work / "one" / "board.json").write_bytes(_board())
        (place / "scores.json").write_text(json.dumps(cell))
        change(place)
        return command("merge", work / "one", "--out", work / "both")

    return run


_STATE = {"dataset": "d", "state": "ok", "reason": "", "sha256": "0" * 64}
RECORDS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"", "cut": lambda: b'{"state": "o', "list": lambda: b"[1]", "null": lambda: b"null",
    "no-state": lambda: b"{}", "state-list": lambda: b'{"state": [], "reason": ""}', "nan": lambda: b'{"state": NaN}',
    "deep": lambda: b'{"state":' + b"[" * 100_000, "latin": lambda: b'"\xe9"', "binary": lambda: b"\x80\x04]\x94.",
    "other-schema": lambda: json.dumps({**_STATE, "schema_version": "two", "model": 7}).encode(),
}  # fmt: skip


def places(work: Path) -> dict[str, Path]:
    """Make the files of a run; return the paths of the dataset, the record and the scores."""
    run = work / "results" / "b" / "d" / "pca" / "0"
    run.mkdir(parents=True)
    (run.parents[1] / "sources.json").write_text("{}")
    for name in ("record.json", "scores.json"):
        (run / name).write_text("{}")
    return {"dataset": run.parents[1] / "dataset.json", "record": run / "record.json", "scores": run / "scores.json"}


def _kept(name: str, what: str, verb: str, make: Callable[[Path], Any]) -> Case:
    def run(work: Path) -> str | None:
        config = write_board(work)
        found = places(work)
        found[what].unlink()
        make(found[what])
        (work / "reference.json").write_text(json.dumps(_STATE))
        out = ("--out", work / "out.json", "--settings", config)
        if verb == "board":
            return command("board", *out)
        if verb == "score":
            return command("score", found["record"], work / "reference.json", *out)
        if verb == "embed":
            return command("embed", "pca", found["dataset"], *out)
        if verb == "prepare":
            return command("prepare", "d", found["dataset"], *out)
        return command("submit", "d", work / "in.npz", "--card", work / "model.yaml", "--settings", config)

    return Case(f"{verb}-{what}-{name}", run)


def _arrays(name: str, make: Callable[[Path], Any]) -> Case:
    def run(work: Path) -> str | None:
        from scarena.base.files import sha256_of

        places = {}
        for key in ("embedding", "reference"):
            path = work / f"{key}.npz"
            make(path)
            places |= {key: str(path), f"{key}_sha256": sha256_of(path)}
        return child("score", **places, replicates="r.npz", seed=0, threads=1, tasks=["integration", "annotation"])

    return Case(f"score-arrays-{name}", run)


def cases() -> list[Case]:
    """Return every board, and every file that a step reads of another step's."""
    found = [_report("valid", lambda path: path.write_bytes(_board()), "ok")]
    found += [_report("mistakes", lambda path: path.write_bytes(_board(_mistakes())), "ok")]
    found += [_report(name, lambda path, m=make: path.write_bytes(m())) for name, make in BOARDS.items()]
    found += [
        _report(odd, lambda path, o=odd: odd_files(path, outside_of(path.parent))[o]())
        for odd in odd_files(Path(), Path())
    ]
    for of in (_figure, _merge):
        found.append(of("valid", lambda path: path.write_bytes(_board()), "ok"))
        found += [of(name, lambda path, m=make: path.write_bytes(m())) for name, make in BOARDS.items()]
        for odd in odd_files(Path(), Path()):
            found.append(of(odd, lambda path, o=odd: odd_files(path, outside_of(path.parent))[o]()))
    for name in ("empty", "cut", "binary"):
        torn = _run_of(lambda place, n=name: (place / "replicates.npz").write_bytes(RECORDS[n]()))
        other = _run_of(
            lambda place, n=name: [
                (place / each).write_bytes(RECORDS[n]()) for each in ("replicates.npz", "scores.json")
            ]
        )
        found += [Case(f"merge-replicates-{name}", torn), Case(f"merge-scores-{name}", other)]
    reads = (
        ("dataset", "embed"),
        ("dataset", "prepare"),
        ("dataset", "submit"),
        ("record", "score"),
        ("dataset", "board"),
    )
    for what, verb in reads:
        found += [
            _kept(name, what, verb, lambda path, m=make: path.write_bytes(m()))
            for name, make in RECORDS.items()
            if (what, name) != ("dataset", "other-schema")
        ]
        for odd in ("folder", "pipe", "endless", "missing", "canary"):
            found.append(_kept(odd, what, verb, lambda path, o=odd: odd_files(path, outside_of(Path.cwd()))[o]()))
    for name in ("empty", "cut", "binary"):
        found.append(_arrays(name, lambda path, n=name: path.write_bytes(RECORDS[n]())))
    return found
