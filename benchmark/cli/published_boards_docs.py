"""docs/published-boards.md: hand-written, with the maps of published metrics and methods as the code has them.

Prints what the YAML files of `scarena.bench.others` say and computes nothing. To write the page:
``python -c "from scarena.cli.published_boards_docs import markdown; print(markdown(), end='')"``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from scarena.bench.others.openproblems_files import OpenProblems, openproblems
from scarena.bench.others.tables import NAMES, load_table
from scarena.cli.baseline_docs import line
from scarena.metrics.aggregate import WEIGHTS

_OF_METHODS = ("method", "here", "returns", "adapts to the data", "reads batches", "sees labels")
_TEMPLATE = Path(__file__).parent / "templates" / "published-boards.md"


def markdown() -> str:
    """Return docs/published-boards.md as it should be."""
    from jinja2 import Environment, StrictUndefined

    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    told = openproblems()
    return template.render(
        told=told, metrics=_table(("published as", "our key", "theirs", "ours", "differs"), _metrics(told)),
        parts=_table(("part of ours", "stands here"), _parts(told)),
        methods=_table(_OF_METHODS, _methods(told)),
        tables=_table(("name", "board", "where", "columns"), _tables()),
    )  # fmt: skip


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join([line(heads), line(["---"] * len(heads)), *(line(row) for row in rows)])


def _metrics(told: OpenProblems) -> Iterable[tuple[str, ...]]:
    return ((f"`{theirs}`", f"`{m.key}`", m.theirs, m.ours, m.differs) for theirs, m in told.metrics.items())


def _parts(told: OpenProblems) -> Iterable[tuple[str, ...]]:
    for group, keys in told.parts.items():
        ours = [key for key in WEIGHTS[group] if key not in keys]
        theirs = [key for key in keys if key not in WEIGHTS[group]]
        same = [key for key in keys if key in WEIGHTS[group]]
        yield f"`{group}`: {_keys(same)}", "the same"
        yield f"`{group}`: {_keys(ours)}", _keys(theirs)


def _keys(keys: Iterable[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys)


def _methods(told: OpenProblems) -> Iterable[tuple[str, ...]]:
    for name, method in told.methods.items():
        kind = f"{method.control} control" if method.control else method.family
        yes = ("yes" if flag else "no" for flag in (method.fitted, method.batch, method.labels))
        yield (f"`{name}`", kind, ", ".join(method.returns), *yes)


def _tables() -> Iterable[tuple[str, ...]]:
    for name in NAMES:
        told = load_table(name)
        yield f"`{name}`", told.title, told.source, _keys(told.columns)
