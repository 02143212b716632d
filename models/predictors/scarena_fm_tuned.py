"""scArena-FM fine-tuned on the known cells of the dataset: a head alone, adapters, or all weights.

The student, whose training takes minutes without a GPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from anndata import AnnData

from scarena.base.folds import FOLDS
from scarena.models.base import Context, ModelCard
from scarena.models.foundation.checkpoint import STUDENT, load, read_genes
from scarena.models.predicting import Predictor
from scarena.models.scarena_fm import reading, settings_of, trained_on

if TYPE_CHECKING:
    from scarena.models.foundation.finetune_config import FinetuneConfig

Mode = Literal["head", "lora", "full"]

STEPS = 300
CELLS = 64
# Two runs of as many steps: the first finds out how long the second is.
_RUNS = 2
_FORWARDS = 3
_LABELS = "scarena_known"


def _card(name: str, mode: Mode, what: str, said: str) -> ModelCard:
    return ModelCard(
        name=name,
        title=f"scArena-FM ({what})",
        family="foundation",
        description=f"the student with a classifier of the known cells' types, {said}",
        uses_batch=True,
        uses_labels=True,
        offers="labels",
        trains_on_target=True,
        settings=settings_of(STUDENT, ("annotator", "finetune"), mode=mode, most_steps=STEPS, cells=CELLS),
        **trained_on(STUDENT),
    )


class _Tuned(Predictor):
    """The student, fine-tuned in one of three ways."""

    mode: ClassVar[Mode]
    fingerprints = STUDENT

    @classmethod
    def config(cls) -> FinetuneConfig:
        """Return how it is fine-tuned; what is not said here is as `scarena fm finetune` has it."""
        from scarena.models.foundation.finetune_config import FinetuneConfig

        return FinetuneConfig(mode=cls.mode, steps=STEPS, cells=CELLS)

    @classmethod
    def work(cls, cells: int, genes: int) -> float:
        """Return the genes of the cells of all steps, and of one pass, of every fold."""
        steps = 0 if cls.mode == "head" else _RUNS * STEPS * CELLS * _FORWARDS
        return FOLDS * reading(STUDENT, cells + steps, genes)

    def probabilities(self, data: AnnData, labels: np.ndarray, classes: list[str], ctx: Context) -> np.ndarray:
        """Return what the head says; of a cell without counts of the vocabulary, all labels alike."""
        import torch

        from scarena.models.foundation.annotator import PREFIX
        from scarena.models.foundation.finetune import finetune

        torch.set_num_threads(ctx.threads)
        # Numbers in place of names: fine-tuning takes an empty name for a label that is missing.
        place = {name: f"{number:06d}" for number, name in enumerate(classes)}
        data.obs[_LABELS] = np.array([place.get(each) for each in labels], dtype=object)
        made: dict[str, Any] = {"seed": ctx.seed, "device": ctx.device}
        tuned = finetune(load(STUDENT), data, read_genes(STUDENT), _LABELS, self.config(), **made)
        ctx.log.info("%d steps", tuned.training["steps"])
        told = tuned.predict(data, every_label=True, device=ctx.device)
        found = told[[f"{PREFIX}{each}" for each in place.values()]].to_numpy(np.float64)
        return np.where(np.isnan(found), 1 / len(classes), found)


class ScarenaFMHead(_Tuned):
    """The frozen student and a linear head."""

    mode = "head"
    card = _card("scarena-fm-head", "head", "head", "its encoder frozen")


class ScarenaFMLora(_Tuned):
    """Low-rank adapters of the student learn with the head."""

    mode = "lora"
    card = _card("scarena-fm-lora", "lora", "LoRA", "and low-rank adapters of its encoder, which learn with it")


class ScarenaFMFull(_Tuned):
    """All of the student's layers learn with the head."""

    mode = "full"
    card = _card("scarena-fm-full", "full", "fine-tuned", "its encoder learning with it; the gene tables stay")
