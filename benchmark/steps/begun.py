"""Vectors of another run of the board that a model begins with: computed once, their cost counted for both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scarena.base.errors import DataError
from scarena.base.files import sha256_of
from scarena.steps.config import BoardConfig, Limits
from scarena.steps.pretraining import all_checkpoints
from scarena.steps.record import Cost
from scarena.steps.states import read_record

if TYPE_CHECKING:
    from scarena.models.base import Model


@dataclass(frozen=True, slots=True)
class Begun:
    """What a model begins with."""

    vectors: Path
    """The other run's embedding.npz."""
    cost: Cost
    notes: tuple[str, ...] = ()

    def left_of(self, limits: Limits) -> Limits:
        """Return what the limits of a run leave for the rest of it."""
        return limits.model_copy(update={"timeout_s": max(limits.timeout_s - self.cost.wall_s, 1.0)})

    def added_to(self, cost: Cost) -> Cost:
        """Return what both took together, which is what the model takes where it computes all by itself."""
        rates = (self.cost.cells_per_s, cost.cells_per_s)
        known = [rate for rate in rates if rate]
        memory = [mb for mb in (self.cost.peak_vram_mb, cost.peak_vram_mb) if mb is not None]
        return Cost(
            wall_s=round(self.cost.wall_s + cost.wall_s, 3), cpu_s=round(self.cost.cpu_s + cost.cpu_s, 3),
            peak_rss_mb=max(self.cost.peak_rss_mb, cost.peak_rss_mb), peak_vram_mb=max(memory, default=None),
            cells_per_s=round(1 / sum(1 / rate for rate in known), 2) if len(known) == len(rates) else None,
        )  # fmt: skip


def record_begun(model: type[Model], dataset: Path, seed: int | str, config: BoardConfig) -> Path | None:
    """Return where the run is recorded that a model begins with; None where the board has no such run.

    `dataset` is the folder of the dataset's results.
    """
    named = model.starts_from
    if not named or named not in config.models:
        return None
    seeds = config.seeds_for(named)
    if int(seed) not in seeds:
        from scarena.models.registry import find_model

        # What draws nothing has the same vectors with any seed.
        if find_model(named, all_checkpoints(config)).card.draws is not False:
            return None
        seed = seeds[0]
    return dataset / named / str(seed) / "record.json"


def begun_for(model: type[Model], dataset: Path, seed: int, config: BoardConfig) -> Begun | None:
    """Return what a model begins with, or None where it has to compute that itself.

    Only a run that ended well counts, of the prepared dataset and the code that are there now.
    """
    from scarena.models.registry import find_model, fingerprint

    path = record_begun(model, dataset, seed, config)
    if path is None or not path.exists():
        return None
    try:
        record = read_record(path)
    except DataError:
        return None
    vectors = path.with_name("embedding.npz")
    if record.state != "ok" or record.cost is None or not vectors.exists():
        return None
    if path.stat().st_mtime_ns < (dataset / "dataset.json").stat().st_mtime_ns:
        return None
    other = find_model(model.starts_from, all_checkpoints(config))
    if record.fingerprint != fingerprint(other) or record.embedding_sha256 != sha256_of(vectors):
        return None
    return Begun(vectors, record.cost, record.notes)
