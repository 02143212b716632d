"""A run's details.npz that is damaged or somebody else's, beside scores that are well: read when a board is made."""

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile_cases.boards import RECORDS, places
from hostile_cases.case import Case, command, cut, odd_files, outside_of
from hostile_cases.seeds import write_board
from hostile_cases.vectors import archive, header

_PCA = {"name": "pca", "title": "PCA", "family": "baseline", "description": "x", "control": None}


class _Runs:
    def __reduce__(self) -> Any:
        return Path.write_text, (Path("ran"), "ran")


def npz(**changed: Any) -> bytes:
    """Return details of two types, or others in their place; None leaves an array out."""
    import numpy as np

    arrays = {
        "types": np.array(["a", "b"]), "terms": np.array(["", ""]), "confusion": np.array([[3, 1], [0, 2]]),
        "graph_types": np.array(["a", "b"]), "distances": np.array([[0, 1], [1, 0]], np.float32), **changed,
    }  # fmt: skip
    out = io.BytesIO()
    np.savez(out, **{key: value for key, value in arrays.items() if value is not None})
    return out.getvalue()


def _files() -> dict[str, Callable[[], bytes]]:
    import numpy as np

    return {
        **{name: RECORDS[name] for name in ("empty", "cut", "list", "binary")},
        **{f"cut-{seed}": lambda s=seed: cut(npz(), s) for seed in range(6)},
        "object": lambda: npz(confusion=np.array([[_Runs()] * 2] * 2, dtype=object)),
        "object-types": lambda: npz(types=np.array([_Runs(), _Runs()], dtype=object)),
        "pickle": lambda: pickle.dumps(_Runs()),
        "promises": lambda: archive([("types.npy", header("(1000000000000,)", "'<U4'")), ("terms.npy", b"")]),
        "negative-shape": lambda: archive([("types.npy", header("(-1,)")), ("terms.npy", b"")]),
        "bomb": lambda: archive([("types.npy", bytes(300 << 20)), ("terms.npy", b"")], packed=True),
        "twice": lambda: archive([("types.npy", b""), ("types.npy", b"")]),
        "none": lambda: archive([]),
        "without-terms": lambda: npz(terms=None),
        "wide": lambda: npz(confusion=np.zeros((2, 3), np.int64)),
        "shares": lambda: npz(confusion=np.full((2, 2), 0.5)),
        "less-than-none": lambda: npz(confusion=np.full((2, 2), -1)),
        "overflow": lambda: npz(confusion=np.full((2, 2), 2**62)),
        "escape": lambda: npz(types=np.array(["\x1b[2J", "b"]), graph_types=None, distances=None),
        "unsorted": lambda: npz(types=np.array(["b", "a"])),
        "many": lambda: npz(types=np.array([f"{i:06}" for i in range(100_000)]), confusion=None),
        "stranger": lambda: npz(graph_types=np.array(["a", "z"])),
        "infinite": lambda: npz(distances=np.full((2, 2), np.inf, np.float32)),
        "no-ontology": lambda: npz(terms=np.array(["CL:0000000", ""])),
    }


def _case(name: str, make: Callable[[Path], Any], expects: str = "refused") -> Case:
    """A run that ended well but for its details, and what joins all runs."""

    def run(work: Path) -> str | None:
        config = write_board(work)
        place = places(work)["record"].parent
        state = {"dataset": "d", "state": "ok", "reason": ""}
        (place.parents[1] / "dataset.json").write_text(json.dumps({**state, "card": {"study": []}}))
        about = {"model": "pca", "seed": 0, "card": _PCA, "fingerprint": "f"}
        about |= {"versions": {}, "commit": "c", "hardware": {}}
        (place / "record.json").write_text(json.dumps({**state, **about}))
        (place / "scores.json").write_text(json.dumps({**state, "model": "pca", "seed": 0, "scores": {}}))
        make(place / "details.npz")
        said = command("board", "--out", work / "board.json", "--settings", config)
        if list(work.rglob("ran")):
            raise AssertionError("the input ran code")
        return said

    return Case(f"details-{name}", run, expects)


def cases() -> list[Case]:
    """Return every file, and what is no ordinary one."""
    found = [_case("valid", lambda path: path.write_bytes(npz()), "ok"), _case("missing", lambda path: None, "ok")]
    found += [_case(name, lambda path, m=make: path.write_bytes(m())) for name, make in _files().items()]
    return [
        *found,
        *(
            _case(odd, lambda path, o=odd: odd_files(path, outside_of(Path.cwd()))[o]())
            for odd in ("folder", "pipe", "endless", "canary", "html", "zeros", "pipe-by-link")
        ),
    ]
