"""What others published of a dataset, and whether ours is near it: the file, the rows, the verdicts. Runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from scarena.base.errors import ConfigError
from scarena.metrics.scores import Score

_FOLDER = Path(__file__).parent / "published"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tolerance(_Strict):
    """How far ours may be from the published value, and for which models and metrics that was stated."""

    value: float
    models: tuple[str, ...]
    metrics: tuple[str, ...]


class Source(_Strict):
    """One published table: model -> metric -> value."""

    name: str
    where: str
    merge_batches: dict[str, str] = {}
    """Pattern -> name: batches whose name in lower case matches are one."""
    values: dict[str, dict[str, float]]


class Published(_Strict):
    """What was published of one dataset."""

    dataset: str
    tolerance: Tolerance
    notes: tuple[str, ...] = ()
    sources: tuple[Source, ...]

    @property
    def models(self) -> list[str]:
        """Every model that a source has, in the order of the file."""
        return list(dict.fromkeys(model for source in self.sources for model in source.values))


@dataclass(frozen=True, slots=True)
class Row:
    """One published value beside ours.

    Parameters
    ----------
    source, model, metric
        Whose value of what.
    ours
        Our score.
    published
        Theirs.
    tolerance
        How far ours may be off; ``None`` where nothing is stated.
    """

    source: str
    model: str
    metric: str
    ours: Score
    published: float
    tolerance: float | None

    @property
    def difference(self) -> float | None:
        """Ours less the published value."""
        return None if self.ours.value is None else self.ours.value - self.published

    @property
    def verdict(self) -> str:
        """``within`` or ``outside`` the tolerance, the reason where ours is missing, nothing where none is stated."""
        if self.difference is None:
            return f"{self.ours.state}: {self.ours.reason}"
        if self.tolerance is None:
            return ""
        # Rounded: the published values have four digits, and 0.015 apart is within 0.015.
        return "within" if round(abs(self.difference), 9) <= self.tolerance else "outside"

    @property
    def holds(self) -> bool:
        """Whether there is a value, and within the tolerance where one is stated."""
        return self.verdict in ("", "within")

    def entries(self) -> list[str]:
        """Return the row of the printed table."""
        ours, apart = ("–", "–") if self.ours.value is None else (f"{self.ours.value:.4f}", f"{self.difference:+.4f}")
        allowed = "–" if self.tolerance is None else f"{self.tolerance:g}"
        return [self.source, self.model, self.metric, ours, f"{self.published:.4f}", apart, allowed, self.verdict]


COLUMNS = ["published by", "model", "metric", "ours", "published", "difference", "tolerance", "verdict"]


def load_published(name: str) -> Published:
    """Return what was published under a name.

    Raises
    ------
    ConfigError
        If there is no such file.
    """
    known = sorted(path.stem for path in _FOLDER.glob("*.yaml"))
    if name not in known:
        raise ConfigError(f"{name!r} is nothing to reproduce", where="reproduce", fix=f"one of: {', '.join(known)}")
    return Published.model_validate(yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


def compare(source: Source, model: str, found: Mapping[str, Score], tolerance: Tolerance) -> list[Row]:
    """Return a row for each value that a source has of a model; ``found`` holds ours by the names of the source."""
    judged = model in tolerance.models
    return [
        Row(source.name, model, metric, found[metric], value, tolerance.value if judged and metric in tolerance.metrics
            else None)
        for metric, value in source.values[model].items()
    ]  # fmt: skip
