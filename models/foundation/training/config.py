"""What a training run is told: its budget, optimiser, schedule and precision, and how often it saves and logs.

Knows nothing of models or data, and imports no torch, so that a command line can read it for free.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

TABLES = (
    "embed", "embedding", "embeddings", "table", "tables", "genes", "groups", "head", "heads", "decoder",
    "queries", "latents", "knots", "cls",
)  # fmt: skip
"""Words of a parameter's name that keep a matrix from Muon: look-up tables, learnt tokens and output heads."""

_NEUTRAL = frozenset({"checkpoint_every", "tensorboard"})


class EngineConfig(BaseModel):
    """A training run. Exactly one of `steps` and `seconds` is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int | None = Field(None, ge=1)
    """Updates of the weights. Such a run is bit-reproducible on the same hardware where the model's operations are."""
    seconds: float | None = Field(None, gt=0)
    """Wall-clock limit instead, of all but the last validation and checkpoint; the schedule runs on elapsed/limit.

    Such a run is *not* bit-reproducible: how many steps fit, and their rates, depend on the machine's load.
    """
    optimiser: Literal["adamw", "muon"] = "adamw"
    """``muon`` updates the hidden matrices with `torch.optim.Muon` and all other parameters with AdamW."""
    learning_rate: float = Field(1e-3, gt=0)
    muon_learning_rate: float = Field(1e-3, gt=0)
    """Of the hidden matrices; updates are scaled to AdamW's size, so a rate tuned for AdamW is a start."""
    weight_decay: float = Field(0.01, ge=0)
    """Decoupled; never on norms, biases and other vectors."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Of AdamW."""
    adamw_names: tuple[str, ...] = TABLES
    """Words of a parameter's name (runs of letters) that keep a matrix from Muon."""
    warm_up: float = Field(0.05, ge=0, le=1)
    """Share of the budget, at the start, over which the rate rises."""
    decay: float = Field(0.3, ge=0, le=1)
    """Share of the budget, at the end, over which the rate falls to zero."""
    ema: float | None = Field(None, gt=0, lt=1)
    """Decay a step of the running mean of the weights, which then is what is validated and what the model ends as."""
    clip: float | None = Field(1.0, gt=0)
    """Longest gradient, in norm."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """``bf16`` runs the losses under autocast; weights, optimiser and validation stay in float32."""
    accumulate: int = Field(1, ge=1)
    """Parts a process's share of the step is computed in, one after the other."""
    checkpoint_every: int = Field(500, ge=1)
    validate_every: int | None = Field(250, ge=1)
    """Steps; also before the first and after the last one. None: never."""
    log_every: int = Field(1, ge=1)
    """Steps; a line holds the losses of its own step, not a mean."""
    tensorboard: bool = False
    compile: bool = False
    """Whether the model's `forward` is compiled; a task that calls submodules instead gains nothing."""
    seed: int = Field(0, ge=0)
    """Of torch's generators (dropout); the task draws from its own."""
    distributed: Literal["none", "ddp", "fsdp"] = "none"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.steps is None) == (self.seconds is None):
            raise ValueError("give either steps or seconds")
        if self.warm_up + self.decay > 1:
            raise ValueError("warm_up and decay are more than the whole budget")
        return self


def decisive(config: EngineConfig) -> dict[str, Any]:
    """Return the settings that a resumed run must share with its checkpoint: all that can change losses or logs."""
    return {key: value for key, value in config.model_dump(mode="json").items() if key not in _NEUTRAL}
