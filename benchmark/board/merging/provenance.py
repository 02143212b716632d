"""Where a merged board comes from: the boards it was made of, once each, and what they were computed with.

The boards of a merged one stand in its place, so that merging again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

_KEPT = ("commits", "versions", "cl_release", "device", "hardware", "seeds")


def origins(parts: Sequence[tuple[Json, str]], counts: Sequence[tuple[int, int]] | None = None) -> list[Json]:
    """Return one entry a board, by the SHA-256 of its board.json.

    Parameters
    ----------
    parts
        Boards with the SHA-256 of their files.
    counts
        By part, the runs taken from it that ended well, and how many of them have replicates.
    """
    found: dict[str, Json] = {}
    for (board, digest), (runs, replicated) in zip(parts, counts or [(0, 0)] * len(parts), strict=True):
        told = board["provenance"]
        entry = {"board": board["board"], "title": board["title"], "sha256": digest}
        entry |= {key: told[key] for key in _KEPT}
        entry |= {"metrics": told.get("metrics"), "config": told.get("config")}
        entry |= {"runs": runs, "runs_with_replicates": replicated}
        for origin in told.get("merged") or [entry]:
            found.setdefault(origin["sha256"], origin)
    return list(found.values())


def title_of(parts: Sequence[tuple[Json, str]]) -> str:
    """Return the titles of the boards, each once."""
    return " + ".join(dict.fromkeys(str(origin["title"]) for origin in origins(parts)))


def provenance(parts: Sequence[tuple[Json, str]], counts: Sequence[tuple[int, int]]) -> Json:
    """Return the provenance of a merged board; where its boards differ, the values of all."""
    found = origins(parts, counts)
    names = sorted({name for origin in found for name in origin["versions"]})
    machines = sorted({key for origin in found for key in origin["hardware"]})
    metrics = {origin["metrics"] for origin in found}
    return {
        "versions": {name: str(_one([o["versions"].get(name, "absent") for o in found])) for name in names},
        "commits": sorted({commit for origin in found for commit in origin["commits"]}),
        "seeds": sorted({seed for origin in found for seed in origin["seeds"]}),
        "cl_release": str(_one([o["cl_release"] for o in found if o["cl_release"]] or [""])),
        "device": str(_one([o["device"] for o in found])),
        "hardware": {key: _one([o["hardware"].get(key, "unknown") for o in found]) for key in machines},
        "metrics": metrics.pop() if len(metrics) == 1 else None,
        "merged": found,
    }


def differing(told: Json) -> list[str]:
    """Return what a merged board's parts were not all computed with, sorted."""
    found = told["merged"]
    names = sorted({name for origin in found for name in origin["versions"]})
    lines = [f"{name} {told['versions'][name]}" for name in names if len({o["versions"].get(name) for o in found}) > 1]
    if len({origin["metrics"] for origin in found}) > 1:
        lines.append("the code of the metrics")
    return lines


def _one(values: Sequence[Any]) -> Any:
    """Return the value that all share, else all of them as a text, each once and in order."""
    distinct = list(dict.fromkeys(values))
    return distinct[0] if len(distinct) == 1 else ", ".join(map(str, distinct))
