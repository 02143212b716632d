"""docs/tasks.md: a hand-written introduction, and what every task on a cell's vector says of itself and its metrics."""

from __future__ import annotations

from pathlib import Path

from scarena.cli.metric_docs import table
from scarena.metrics.probes import few_shot, held_out, linear, open_set, ridge, scores
from scarena.metrics.registry import METRICS
from scarena.metrics.resampling import N_REPLICATES
from scarena.tasks.registry import catalogue
from scarena.tasks.task import DescribedTask

_TEMPLATE = Path(__file__).parent / "templates" / "tasks.md"


def described_tasks() -> list[DescribedTask]:
    """Return the tasks that probe a cell's vector, in the order of the listing."""
    return [entry.task for entry in catalogue() if isinstance(entry.task, DescribedTask) and entry.origin == "scarena"]


def markdown() -> str:
    """Return docs/tasks.md as it should be."""
    from jinja2 import Environment, StrictUndefined

    template = Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        _TEMPLATE.read_text(encoding="utf-8")
    )
    return template.render(
        sections="\n\n".join(_section(task) for task in described_tasks()), strengths=_listed(linear.STRENGTHS),
        usual=f"{linear.USUAL:g}", max_axes=linear.MAX_AXES, max_cells=f"{linear.MAX_CELLS:,}",
        choosing=held_out.CHOOSING, penalties=_listed(ridge.PENALTIES), shots=_listed(few_shot.SHOTS),
        few_shot_strength=f"{few_shot.STRENGTH:g}", open_strength=f"{open_set.STRENGTH:g}",
        n_replicates=N_REPLICATES, enough_groups=scores.ENOUGH_GROUPS,
    )  # fmt: skip


def _section(task: DescribedTask) -> str:
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
