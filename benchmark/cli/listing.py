"""The rows of `scarena datasets`, `models`, `metrics` and `tasks`: all that is known, its state, where it is from."""

from __future__ import annotations

from pathlib import Path

from scarena.base.errors import ScarenaError

DATASET_COLUMNS = ["name", "state", "role", "tissue", "assay", "title", "origin"]
MODEL_COLUMNS = ["name", "state", "family", "sees labels", "description", "origin"]
TASK_COLUMNS = ["name", "state", "product", "headline", "metrics", "question", "origin"]
METRIC_COLUMNS = ["key", "state", "group", "better", "definition", "origin"]


def dataset_rows(own: Path) -> list[list[str]]:
    """Return a row a dataset; `own` is the folder of a user's cards. A card that cannot be read is a state."""
    from scarena.datasets.card import broken_plugins, card_origins, load_card

    rows = []
    for name, files in card_origins(own).items():
        origin = ", ".join(each for _, each in files)
        try:
            card = load_card(name, own)
        except ScarenaError as error:
            rows.append([name, f"broken: {error}", "", "", "", "", origin])
            continue
        rows.append([name, "ready", card.role, card.tissue, card.assay, card.title, origin])
    broken = broken_plugins().values()
    return rows + [[plugin.name, f"broken: {plugin.broken}", "", "", "", "", plugin.origin] for plugin in broken]


def model_rows() -> list[list[str]]:
    """Return a row a model, two where two share a name."""
    from scarena.models.registry import catalogue, state_of

    rows = []
    for entry in catalogue():
        told = ["", "", ""]
        if entry.model:
            card = entry.model.card
            told = [card.control or card.family, "yes" if card.uses_labels else "no", card.description]
        rows.append([entry.name, state_of(entry), *told, entry.origin])
    return rows


def metric_rows() -> list[list[str]]:
    """Return a row a metric, in the order of the board; those that cannot be had come last."""
    from scarena.metrics.registry import BROKEN, METRICS, ORIGINS

    def state(key: str) -> str:
        return f"broken: {BROKEN[key]}" if key in BROKEN else "ready"

    rows = [[m.key, state(m.key), m.group, m.better, m.definition, ORIGINS[m.key]] for m in METRICS.values()]
    return rows + [[key, state(key), "", "", "", ORIGINS[key]] for key in sorted(BROKEN) if key not in METRICS]


def task_rows() -> list[list[str]]:
    """Return a row a task; those that a package promised and did not bring come last."""
    from scarena.tasks.registry import catalogue

    rows = []
    for entry in catalogue():
        told = ["", "", "", ""]
        if (task := entry.task) is not None:
            told = [task.product, task.headline, str(len(task.metrics())), task.question]
        rows.append([entry.name, f"broken: {entry.broken}" if entry.broken else "ready", *told, entry.origin])
    return rows
