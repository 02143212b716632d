"""docs/tasks.md: hand-written introductions, and what every task that probes vectors says of itself and its metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scarena import ROOT
from scarena.base.untrusted import read_object
from scarena.cli.metric_docs import table
from scarena.metrics.genes import folded, stated
from scarena.metrics.info_responses import PREFIX
from scarena.metrics.probes import few_shot, held_out, linear, open_set, ridge, scores
from scarena.metrics.registry import METRICS
from scarena.metrics.resampling import N_REPLICATES
from scarena.tasks.own_task import OwnTask
from scarena.tasks.product import Product
from scarena.tasks.registry import catalogue

_TEMPLATE = Path(__file__).parent / "templates" / "tasks.md"
_BOARD = ROOT / "results" / "reference" / "genes" / "board.json"
_COLLECTIONS = ("gene_go_cc", "gene_go_mf", "gene_go_bp", "gene_reactome")


def _told(metric: str) -> dict[str, float]:
    """Return what the reference board of genes says of its datasets by a metric that is no score of a model."""
    cells = read_object(_BOARD, "cells", fix="make it with config/genes.yaml")["cells"]
    found = {cell["dataset"]: cell["scores"].get(metric, {}).get("value") for cell in cells if cell["state"] == "ok"}
    return {dataset: value for dataset, value in found.items() if value is not None}


def _row(metric: str) -> str:
    """Return its values on the collections of the table, as cells of a row."""
    told = _told(metric)
    return " | ".join(f"{told[dataset]:.3f}".removeprefix("0") for dataset in _COLLECTIONS)


def _span(metric: str) -> str:
    """Return its least and its greatest value."""
    told = _told(metric).values()
    return f"{min(told):.1f} to {max(told):.1f}"


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
        response=_sections("response"),
        gene_penalties=_listed(folded.PENALTIES), stated=stated, strengths=_listed(linear.STRENGTHS),
        usual=f"{linear.USUAL:g}", max_axes=linear.MAX_AXES, max_cells=f"{linear.MAX_CELLS:,}",
        choosing=held_out.CHOOSING, penalties=_listed(ridge.PENALTIES), shots=_listed(few_shot.SHOTS),
        few_shot_strength=f"{few_shot.STRENGTH:g}", open_strength=f"{open_set.STRENGTH:g}",
        degree=_span("network_degree"), popularity=_span("network_popularity"),
        bias=_row("function_bias"), bias_all=_row("function_bias_all"),
        n_replicates=N_REPLICATES, enough_groups=scores.ENOUGH_GROUPS,
    )  # fmt: skip


def _section(task: OwnTask[Any]) -> str:
    return "\n".join([
        f"## {task.title}: `{task.name}`", "", task.question, "",
        f"- Ranks by `{task.headline}`.",
        f"- Held out: {task.held_out}",
        f"- Published forms: {task.flaw}", "",
        *_metrics(task),
    ])  # fmt: skip


def _metrics(task: OwnTask[Any]) -> list[str]:
    """Return the table of a task's metrics; where they are those of another task, how their keys begin."""
    from scarena.tasks.perturbation import Perturbation

    if isinstance(task, Perturbation) and PREFIX[task.setting]:
        return [f"Its metrics are those of `{Perturbation.name}`, with `{PREFIX[task.setting]}` before their keys."]
    return table(METRICS[key] for key in task.keys)


def _listed(values: tuple[float, ...]) -> str:
    names = [f"{value:g}" for value in values]
    return ", ".join(names[:-1]) + f" and {names[-1]}"
