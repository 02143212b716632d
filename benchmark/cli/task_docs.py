"""docs/tasks.md: hand-written introductions, and what every task that probes vectors says of itself and its metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scarena.cli.metric_docs import table
from scarena.metrics.genes import folded, stated
from scarena.metrics.probes import few_shot, held_out, linear, open_set, ridge, scores
from scarena.metrics.registry import METRICS
from scarena.metrics.resampling import N_REPLICATES
from scarena.tasks.own_task import OwnTask
from scarena.tasks.product import Product
from scarena.tasks.registry import catalogue

_TEMPLATE = Path(__file__).parent / "templates" / "tasks.md"


def own_tasks() -> list[OwnTask[Any]]:
    """Return the tasks that have a section, in the order of the listing."""
    return [entry.task for entry in catalogue() if isinstance(entry.task, OwnTask) and entry.origin == "scarena"]


def _sections(product: Product) -> str:
    return "\n\n".join(_section(task) for task in own_tasks() if task.product == product)


def markdown() -> str:
    """Return docs/tasks.md as it should be."""
    from jinja2 import Environment, StrictUndefined

    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    return template.render(
        cells=_sections("cells"), genes=_sections("genes"), network=_sections("network"),
        gene_penalties=_listed(folded.PENALTIES), stated=stated, strengths=_listed(linear.STRENGTHS),
        usual=f"{linear.USUAL:g}", max_axes=linear.MAX_AXES, max_cells=f"{linear.MAX_CELLS:,}",
        choosing=held_out.CHOOSING, penalties=_listed(ridge.PENALTIES), shots=_listed(few_shot.SHOTS),
        few_shot_strength=f"{few_shot.STRENGTH:g}", open_strength=f"{open_set.STRENGTH:g}",
        degree="2.7 to 8.8", popularity="1.2 to 13", n_replicates=N_REPLICATES, enough_groups=scores.ENOUGH_GROUPS,
    )  # fmt: skip


def _section(task: OwnTask[Any]) -> str:
    return "\n".join([
        f"## {task.title}: `{task.name}`", "", task.question, "",
        f"- Ranks by `{task.headline}`.",
        f"- Held out: {task.held_out}",
        f"- Published forms: {task.flaw}", "",
        *table(METRICS[key] for key in task.keys),
    ])  # fmt: skip


def _listed(values: tuple[float, ...]) -> str:
    names = [f"{value:g}" for value in values]
    return ", ".join(names[:-1]) + f" and {names[-1]}"
