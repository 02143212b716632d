"""Scaling laws: which runs to make, and what their losses say. Pure functions; running is somebody else's work.

Shapes: R runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from scarena.base.errors import ConfigError, DataError
from scarena.models.foundation.training.config import EngineConfig

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Size(BaseModel):
    """A size of the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    parameters: int = Field(gt=0)
    flops_per_cell: float = Field(gt=0)
    """Forward and backward."""
    model: dict[str, Any] = {}
    """What the model's own configuration needs; the engine does not look at it."""


class SweepConfig(BaseModel):
    """Sizes × corpus fractions × compute budgets × seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    sizes: tuple[Size, ...] = Field(min_length=1)
    fractions: tuple[float, ...] = (1.0,)
    """Shares of the corpus that may be drawn from, above 0 and at most 1."""
    flops: tuple[float, ...] = Field(min_length=1)
    """Compute budgets; runs of one budget differ in size and thus in steps, not in cost."""
    seeds: tuple[int, ...] = (0,)
    n_cells: int = Field(ge=1)
    """Cells of a step."""
    engine: dict[str, Any] = {}
    """Settings of `EngineConfig` common to all runs, but for the budget and the seed."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        axes = {"sizes": [size.name for size in self.sizes], "fractions": self.fractions, "flops": self.flops}
        for axis, values in {**axes, "seeds": self.seeds}.items():
            if len(set(values)) < len(values):
                raise ValueError(f"{axis} holds something twice")
        if not all(0 < fraction <= 1 for fraction in self.fractions) or not all(each > 0 for each in self.flops):
            raise ValueError("fractions are above 0 and at most 1, and flops above 0")
        if reserved := sorted({"steps", "seconds", "seed"} & self.engine.keys()):
            raise ValueError(f"engine may not set {', '.join(reserved)}: the sweep does")
        EngineConfig.model_validate({**self.engine, "steps": 1})
        return self


@dataclass(frozen=True, slots=True)
class SweepRun:
    """One run of a sweep."""

    name: str
    """Of its folder."""
    size: Size
    fraction: float
    flops: float
    """The budget; the run spends at most half a step more or less."""
    engine: EngineConfig
    n_cells: int
    """Cells seen over all steps, repeats included: D of the scaling law."""


def sweep_runs(config: SweepConfig) -> list[SweepRun]:
    """Return the runs of a sweep, in the order sizes, fractions, budgets, seeds.

    Raises
    ------
    ConfigError
        If a budget is too small for one step of a size.
    """
    return list(_runs(config))


def _runs(config: SweepConfig) -> Iterator[SweepRun]:
    axes = (config.sizes, config.fractions, config.flops, config.seeds)
    for size, fraction, flops, seed in itertools.product(*axes):
        steps = round(flops / (size.flops_per_cell * config.n_cells))
        if steps < 1:
            where, fix = f"sweep {config.name}, size {size.name}", "raise flops, or lower n_cells"
            raise ConfigError(f"{flops:g} operations are less than one step", where=where, fix=fix)
        # The shortest digits that tell any two values apart.
        name = f"{config.name}-{size.name}-{fraction!r}-{flops!r}-s{seed}"
        engine = EngineConfig.model_validate({**config.engine, "steps": steps, "seed": seed})
        yield SweepRun(name, size, fraction, flops, engine, steps * config.n_cells)


@dataclass(frozen=True, slots=True)
class ScalingLaw:
    """L(N, D) = E + A / N^a + B / D^b: loss by parameters N and cells D."""

    irreducible: float
    """E, what no size and no corpus removes."""
    size_factor: float
    """A."""
    size_power: float
    """a."""
    data_factor: float
    """B."""
    data_power: float
    """b."""
    n_runs: int
    """Runs it was fitted to."""
    residual: float
    """Root mean square of log(predicted / measured), over those runs."""

    def loss(self, parameters_R: ArrayLike, cells_R: ArrayLike) -> NDArray[np.float64]:
        """Return the predicted losses of runs."""
        size_R = self.size_factor / np.asarray(parameters_R, float) ** self.size_power
        data_R = self.data_factor / np.asarray(cells_R, float) ** self.data_power
        return self.irreducible + size_R + data_R


def _checked(parameters: ArrayLike, cells: ArrayLike, losses: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    found = tuple(np.asarray(each, dtype=np.float64) for each in (parameters, cells, losses))
    where, fix = "scaling law", "add runs, at three sizes and three amounts of data or more"
    if len({each.shape for each in found}) > 1 or found[0].ndim != 1:
        raise DataError("parameters, cells and losses differ in length", where=where, fix="give one of each a run")
    if not all(np.isfinite(each).all() and (each > 0).all() for each in found):
        raise DataError("a value is not a finite positive number", where=where, fix="leave failed runs out")
    if len(found[2]) < 6 or min(len(np.unique(each)) for each in found[:2]) < 3:
        raise DataError(f"{len(found[2])} such runs do not decide five constants", where=where, fix=fix)
    return found


def fit_scaling_law(parameters_R: ArrayLike, cells_R: ArrayLike, losses_R: ArrayLike) -> ScalingLaw:
    """Fit the loss to size and data.

    Least squares of log losses under a Huber loss, over the logs of E, A and B and over a and b, from a grid of
    starts; the best end is kept (Hoffmann 2022, arXiv:2203.15556, section 3.3 and appendix D.2).

    Parameters
    ----------
    parameters_R
        N of each run.
    cells_R
        D of each run: the cells it saw.
    losses_R
        Positive final losses, all in the same unit.

    Returns
    -------
    The law. Its constants say nothing beyond the range of the runs if the residual is large beside the differences.

    Raises
    ------
    DataError
        If lengths differ, a value is not positive and finite, or there are fewer than six runs, three sizes or three
        amounts of data: the constants are then not decided.
    """
    from scipy.optimize import least_squares

    parameters_R, cells_R, losses_R = _checked(parameters_R, cells_R, losses_R)
    log_n, log_d, log_loss = np.log(parameters_R), np.log(cells_R), np.log(losses_R)

    def error(at: NDArray[np.float64]) -> NDArray[np.float64]:
        log_e, log_a, log_b, a, b = at
        terms = np.stack([np.full_like(log_n, log_e), log_a - a * log_n, log_b - b * log_d])
        return np.logaddexp.reduce(terms, axis=0) - log_loss

    best = None
    for share, a, b in itertools.product((0.2, 0.6, 0.9), (0.2, 0.5, 1.0), (0.2, 0.5, 1.0)):
        # Each start puts the terms where the data are: `share` of the least loss never goes away, the rest is halved.
        low, rest = log_loss.min() + np.log(share), log_loss.mean() + np.log((1 - share) / 2)
        start = [low, rest + a * log_n.mean(), rest + b * log_d.mean(), a, b]
        found = least_squares(error, start, loss="huber", f_scale=1e-3, x_scale="jac", max_nfev=2000)
        if best is None or found.cost < best.cost:
            best = found
    assert best is not None
    factors, residual = np.exp(best.x[:3]), float(np.sqrt(np.mean(error(best.x) ** 2)))
    a, b = float(best.x[3]), float(best.x[4])
    return ScalingLaw(float(factors[0]), float(factors[1]), a, float(factors[2]), b, len(losses_R), residual)
