"""`scarena diff`: what moved between two boards, and whether beyond what the cells at hand can tell.

Noise is what `scarena.board.tolerance` says, as if the two boards had drawn their cells independently. Of the same
cells that is too strict by far, so what it reports did move.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scarena.board.ranked import headline_of
from scarena.board.tolerance import beyond

Json = dict[str, Any]
COLUMNS = ["what", "was", "is", "beyond noise"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs between two boards; `beyond` is None where noise is not the question."""

    what: str
    was: str
    now: str
    beyond: bool | None = None

    def entries(self) -> list[str]:
        """Return it as a row of a table."""
        return [self.what, self.was, self.now, {None: "", True: "yes", False: "no"}[self.beyond]]


def differences(first: Json, second: Json) -> list[Change]:
    """Return what differs from one board to another: what was run, states, overall values and ranks, scores."""
    found = [*_provenance(first, second), *_members(first, second), *_states(first, second)]
    return [*found, *_overall(first, second), *_gate(first, second), *_scores(first, second)]


def _members(first: Json, second: Json) -> Iterator[Change]:
    for kind, key in (("dataset", "dataset"), ("model", "name")):
        was, now = ({entry[key] for entry in board[f"{kind}s"]} for board in (first, second))
        yield from (Change(f"{kind} {name}", "there", "absent") for name in sorted(was - now))
        yield from (Change(f"{kind} {name}", "absent", "there") for name in sorted(now - was))


def _provenance(first: Json, second: Json) -> Iterator[Change]:
    was, now = first["provenance"], second["provenance"]
    for name in sorted({*was["versions"], *now["versions"]}):
        a, b = (side["versions"].get(name, "absent") for side in (was, now))
        if a != b:
            yield Change(f"version of {name}", a, b)
    for key in ("commits", "device", "cl_release", "hardware"):
        if was.get(key) != now.get(key):
            yield Change(key, _text(was.get(key)), _text(now.get(key)))
    sources = [{d["dataset"]: d["sources"] for d in board["datasets"]} for board in (first, second)]
    for name in sorted(set(sources[0]) & set(sources[1])):
        if sources[0][name] != sources[1][name]:
            yield Change(f"files of {name}", "other checksums", "other checksums")
    models = [{m["name"]: m["fingerprint"] for m in board["models"]} for board in (first, second)]
    for name in sorted(set(models[0]) & set(models[1])):
        if models[0][name] != models[1][name]:
            yield Change(f"code or card of {name}", models[0][name], models[1][name])


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {value[key]}" for key in sorted(value))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _cells(board: Json) -> dict[str, Json]:
    return {f"{c['dataset']} · {c['model']} · seed {c['seed']}": c for c in board["cells"]}


def _both(first: dict[Any, Json], second: dict[Any, Json]) -> Iterator[tuple[Any, Json, Json]]:
    for key in sorted(set(first) & set(second)):
        yield key, first[key], second[key]


def _states(first: Json, second: Json) -> Iterator[Change]:
    for who, was, now in _both(_cells(first), _cells(second)):
        if was["state"] != now["state"]:
            yield Change(who, was["state"], now["state"])


def _overall(first: Json, second: Json) -> Iterator[Change]:
    tables = [{(row["metric"], row["model"]): row for row in board["overall"]} for board in (first, second)]
    for (metric, model), was, now in _both(*tables):
        yield from _moved(f"overall {metric} of {model}", was, now)
        if metric == headline_of(second) and was.get("tie_group") != now.get("tie_group"):
            yield Change(f"tie group of {model}", str(was.get("tie_group")), str(now.get("tie_group")))


def _gate(first: Json, second: Json) -> Iterator[Change]:
    tables = [{(row["metric"], row["dataset"]): row for row in board.get("gate", [])} for board in (first, second)]
    for (metric, dataset), was, now in _both(*tables):
        if was["verdict"] != now["verdict"]:
            yield Change(f"gate of {metric} on {dataset}", was["verdict"], now["verdict"])


def _scores(first: Json, second: Json) -> Iterator[Change]:
    for who, was, now in _both(_cells(first), _cells(second)):
        for metric, a, b in _both(was["scores"], now["scores"]):
            if a["state"] != b["state"]:
                yield Change(f"{who} · {metric}", a["state"], b["state"])
            else:
                yield from _moved(f"{who} · {metric}", a, b)


def _moved(what: str, was: Json, now: Json) -> Iterator[Change]:
    a, b = was["value"], now["value"]
    if a == b:
        return
    if a is None or b is None:
        yield Change(what, _number(was), _number(now))
        return
    yield Change(what, _number(was), _number(now), beyond(was, now))


def _number(score: Json) -> str:
    if score["value"] is None:
        return "–"
    if score.get("low") is None:
        return f"{score['value']:.4f}"
    return f"{score['value']:.4f} [{score['low']:.4f}, {score['high']:.4f}]"
