"""What a fine-tuning is told: what of the model learns, how fast, from which cells, and how its end is chosen.

The numbers were chosen on batches held out of baron_h1, pancreas and kang, with the student and one seed.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from scarena.base.errors import ConfigError
from scarena.models.foundation.label_task import Balance
from scarena.models.foundation.lora import LoraConfig

MODES = ("head", "lora", "full")


class FinetuneConfig(BaseModel):
    """How a model is fine-tuned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["head", "lora", "full"] = "lora"
    """``head``: the encoder is frozen; ``lora``: low-rank adapters of its layers learn; ``full``: its weights do."""
    steps: int = Field(300, ge=1)
    """Of the first run, and so at most of the second."""
    cells: int = Field(64, ge=2)
    tokens: int = Field(256, ge=1)
    """Genes of a cell that a transformer reads one by one in training, drawn at random in favour of high ones."""
    learning_rate: float | None = Field(None, gt=0)
    """Of the encoder, lower than the head's: what it learned from many cells should not be lost to a few. Where not
    given, 0.001 for adapters and 0.0003 for the weights themselves."""
    head_learning_rate: float = Field(1e-2, gt=0)
    warm_up: float = Field(0.1, ge=0, le=1)
    decay: float = Field(0.5, ge=0, le=1)
    weight_decay: float = Field(0.01, ge=0)
    balance: Balance = "sampling"
    """``sampling``: labels are drawn alike; ``weights``: cells are, and count by how rare their label is. With either
    the probabilities of an annotator are those of cells of which all labels are equally many."""
    freeze_blocks: int = Field(0, ge=0)
    """The first so many blocks of a transformer stay as they are."""
    freeze_genes: bool = True
    """Whether the gene tables stay as they are; adapters never touch them."""
    lora: LoraConfig = LoraConfig()
    held_out: float = Field(0.1, ge=0, lt=0.5)
    """Share of cells by which the number of steps is chosen; 0 takes all steps."""
    validate_every: int = Field(25, ge=1)

    @property
    def rate(self) -> float:
        """The rate that the engine is told: the encoder's, or the head's where the encoder is frozen."""
        if self.mode == "head":
            return self.head_learning_rate
        return self.learning_rate or (1e-3 if self.mode == "lora" else 3e-4)

    @field_validator("mode", mode="before")
    @classmethod
    def _known(cls, mode: Any) -> Any:
        if mode not in MODES:
            raise ConfigError(f"unknown mode {mode!r}", where="finetune", fix=f"one of {', '.join(MODES)}")
        return mode
