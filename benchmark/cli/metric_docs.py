"""docs/metrics.md: a hand-written introduction and a table of every metric, made from what the registry says of it.

Prints what is known and computes no score. Numbers that the code decides (parts and weights of the aggregates, the
number of replicates) are filled in, so that the text cannot disagree with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isinf
from pathlib import Path

from scarena.metrics.aggregate import BATCH, BIO, TOTAL
from scarena.metrics.info import Group, MetricInfo
from scarena.metrics.registry import BUILT_IN, keys_of
from scarena.metrics.resampling import N_REPLICATES

COLUMNS = ("key", "title", "definition", "range", "direction", "source", "cost", "known failure")
# Those of single tasks are on a page of their own: `scarena.cli.task_docs`.
TITLES: dict[Group, str] = {
    "bio": "Bio conservation",
    "batch": "Batch correction",
    "total": "Aggregates",
    "ontology": "Cell Ontology",
    "transfer": "Label transfer",
    "structure": "Structure",
}
# The metrics whose docstrings say that they have no replicates.
WITHOUT_INTERVAL = ("knn_unseen", "lcad_multi_share", "distance_emd", "rogi", "rogi_xd")
_TEMPLATE = Path(__file__).parent / "templates" / "metrics.md"
_DIRECTIONS = {"higher": "higher is better", "lower": "lower is better", "none": "none"}


def markdown() -> str:
    """Return docs/metrics.md as it should be."""
    from jinja2 import Environment, StrictUndefined

    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    return template.render(
        bio=_listed(BIO), batch=_listed(BATCH), total=" + ".join(f"{weight:g} {key}" for key, weight in TOTAL.items()),
        n_replicates=N_REPLICATES, without_interval=_listed(WITHOUT_INTERVAL),
        tables="\n\n".join(_section(group) for group in TITLES),
    )  # fmt: skip


def row(info: MetricInfo) -> tuple[str, ...]:
    """Return the entries of one metric, in the order of :data:`COLUMNS`."""
    return (
        f"`{info.key}`", info.title, info.definition, f"{_end(info.low)} to {_end(info.high)}",
        _DIRECTIONS[info.better], info.source, info.cost, info.failure,
    )  # fmt: skip


def _section(group: Group) -> str:
    return "\n".join([f"## {TITLES[group]}", "", *table(BUILT_IN[key] for key in keys_of(group) if key in BUILT_IN)])


def table(infos: Iterable[MetricInfo]) -> list[str]:
    """Return the lines of a table of metrics."""
    return [_line(COLUMNS), _line(["---"] * len(COLUMNS)), *(_line(row(info)) for info in infos)]


def _line(entries: tuple[str, ...] | list[str]) -> str:
    # A bar ends the cell of a table, and |s| is how an absolute value is written.
    return "| " + " | ".join(entry.replace("|", r"\|") for entry in entries) + " |"


def _listed(keys: tuple[str, ...]) -> str:
    names = [f"`{key}`" for key in keys]
    return ", ".join(names[:-1]) + f" and {names[-1]}"


def _end(value: float) -> str:
    text = f"{abs(value):g}" if not isinf(value) else "∞"
    return f"−{text}" if value < 0 else text
