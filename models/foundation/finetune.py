"""Fine-tuning for annotation: a head over labels on a pretrained encoder, which learns with it or stays as it is.

Runs twice. The first run leaves a tenth of the cells out, whole batches where there are several, and says after how
many steps their labels are told best; the second is that long and uses every labelled cell.

Shapes: B cells, Z width of the embedding, V genes of the vocabulary.
"""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from scarena.base.errors import ConfigError
from scarena.models.foundation.annotator import Annotator, digest_of, read_genes_of
from scarena.models.foundation.embed import encode
from scarena.models.foundation.finetune_config import FinetuneConfig
from scarena.models.foundation.label_split import Split, labels_of, split_cells
from scarena.models.foundation.label_task import Classifier, Draw, Head, LabelTask
from scarena.models.foundation.lora import add_adapters, merge_adapters
from scarena.models.foundation.tokenize import Cells
from scarena.models.foundation.training.config import EngineConfig
from scarena.models.foundation.training.loop import fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData

    from scarena.models.foundation.model import FoundationModel
    from scarena.models.foundation.training.task import Report

# Cells whose vectors decide how the head standardises, where not all are needed.
_STANDARD = 1024
# What is held against the other cells is a mean over some twenty steps: single ones differ by more than what is chosen.
_EMA = 0.95


def finetune(
    model: FoundationModel, data: AnnData, genes: Sequence[str], labels: str, config: FinetuneConfig, *, seed: int = 0,
    device: str = "cpu", folder: Path | None = None,
) -> Annotator:  # fmt: skip
    """Return an annotator for the labels of a dataset.

    Parameters
    ----------
    model
        Stays as it is.
    data
        Counts, Ensembl ids as ``var_names``; ``obs["batch"]`` where there are batches.
    genes
        The model's vocabulary.
    labels
        Column of obs. Cells where it is missing or empty are never used.
    config
        See `FinetuneConfig`.
    seed
        Of all draws.
    device
        Where to train.
    folder
        For logs and checkpoints, to take an interrupted run up again; temporary where not given.

    Returns
    -------
    Annotator
        In ``training``: ``column``, ``config``, ``cells`` of each label, ``unlabelled`` cells, ``steps`` taken,
        ``held_out`` (by what, which batches, how many cells), and ``curve``, what the first run said of these (means
        over labels; ``step`` 0 is before training).

    Raises
    ------
    DataError
        If there is no such column, or it has fewer than two labels.
    ModelError
        If the data has no gene of the vocabulary, training fails, or the folder holds another run.
    ConfigError
        If the model has not the layers that are to be frozen or adapted.
    """
    names, codes_B = labels_of(data, labels)
    measured_V = np.isin(np.array(genes, object), np.array(data.var_names, object))
    cells = read_genes_of(data, genes, measured_V)
    batch_B = data.obs["batch"].astype(str).to_numpy() if "batch" in data.obs else np.full(len(cells), "all")
    split = split_cells(codes_B, batch_B, config.held_out, np.random.default_rng([seed, 1 << 31]))
    vectors = _vectors(model, cells, split, config, device)
    given = _Given(model, cells, codes_B, len(names), config, seed, device, *vectors)
    with contextlib.ExitStack() as opened:
        work = folder or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        steps, curve = given.search(split, work / "search")
        whole = Split(np.sort(np.concatenate([split.train, split.held])), np.empty(0, np.int64), "nothing")
        tuned, head, report = given.train(whole, steps, work / "final")
    training = {
        "column": labels, "config": config.model_dump(mode="json"), "steps": steps, "curve": curve, "seed": seed,
        "cells": dict(zip(names, np.bincount(codes_B[codes_B >= 0]).tolist(), strict=True)),
        "unlabelled": int((codes_B < 0).sum()), "report": asdict(report),
        "held_out": {"by": split.by, "batches": list(split.batches), "cells": len(split.held)},
    }  # fmt: skip
    return Annotator(tuned, list(genes), names, head, measured_V, training)


def trainable(encoder: nn.Module, config: FinetuneConfig, seed: int) -> None:
    """Freeze what a mode freezes, in place, and give a model that is to be adapted its adapters.

    Raises
    ------
    ConfigError
        If there are fewer blocks than are to be frozen.
    """
    blocks = list(getattr(encoder, "blocks", []))
    if config.freeze_blocks > len(blocks):
        what = f"freeze_blocks is {config.freeze_blocks} and the model has {len(blocks)} blocks"
        raise ConfigError(what, where="finetune", fix=f"at most {len(blocks)}")
    frozen = [f"blocks.{number}" for number in range(config.freeze_blocks)]
    if config.mode == "lora":
        add_adapters(encoder, config.lora, seed, skip=frozen)
        return
    encoder.requires_grad_(config.mode == "full")
    frozen += ["genes", "bag"] if config.freeze_genes else []
    for name in frozen:
        if hasattr(encoder, name.partition(".")[0]):
            encoder.get_submodule(name).requires_grad_(False)


def _vectors(
    model: FoundationModel, cells: Cells, split: Split, config: FinetuneConfig, device: str
) -> tuple[Tensor | None, Tensor]:
    """Return vectors of all cells where the encoder is frozen, and those of training cells to standardise by."""
    frozen = copy.deepcopy(model)
    if config.mode == "head":
        vectors_BZ = torch.from_numpy(encode(frozen, cells, device))
        return vectors_BZ, vectors_BZ[torch.from_numpy(split.train)]
    step = -(-len(split.train) // _STANDARD)
    return None, torch.from_numpy(encode(frozen, cells.rows(split.train[::step]), device))


@dataclass(frozen=True, slots=True)
class _Given:
    """What both runs of a fine-tuning share."""

    model: FoundationModel
    cells: Cells
    codes_B: np.ndarray
    n_labels: int
    config: FinetuneConfig
    seed: int
    device: str
    vectors_BZ: Tensor | None
    """Of all cells, where the encoder is frozen."""
    standard_BZ: Tensor
    """Of cells that the head standardises by."""

    def search(self, split: Split, folder: Path) -> tuple[int, list[dict[str, Any]]]:
        """Return how many steps to train, and what a run that leaves cells out said of these, if any are left out."""
        if split.by == "nothing":
            return self.config.steps, []
        self.train(split, self.config.steps, folder)
        curve = read_curve(folder)
        return best_step(curve), curve

    def train(self, split: Split, steps: int, folder: Path) -> tuple[FoundationModel, nn.Linear, Report]:
        """Return a copy of the model that was trained, its head, and what the engine says."""
        config, tuned = self.config, copy.deepcopy(self.model)
        frozen = config.mode == "head"
        trainable(tuned.encoder, config, self.seed)
        head = Head(self.standard_BZ, self.n_labels, config.head_learning_rate / config.rate)
        classifier = Classifier(head, None if frozen else tuned.encoder)
        draw = Draw(config.cells, config.tokens, config.balance, self.seed)
        task = LabelTask(self.cells, self.codes_B, split, draw, tuned.config, self.vectors_BZ)
        report = fit(classifier, task, self._engine(steps), folder, device=self.device, identity=self._identity(split))
        merge_adapters(tuned)
        return tuned.requires_grad_(True).eval(), classifier.head.plain().to("cpu"), report

    def _engine(self, steps: int) -> EngineConfig:
        config = self.config
        # Without clipping: the head's gradients are larger by its gain, and would decide for the encoder's.
        return EngineConfig(
            steps=steps, learning_rate=config.rate, weight_decay=config.weight_decay, warm_up=config.warm_up,
            decay=config.decay, clip=None, betas=(0.9, 0.99), ema=_EMA, validate_every=config.validate_every,
            checkpoint_every=100, seed=self.seed,
        )  # fmt: skip

    def _identity(self, split: Split) -> dict[str, Any]:
        cells = self.cells
        arrays = [cells.starts_B1, cells.genes_N, cells.counts_N, cells.depth_B, self.codes_B, split.train, split.held]
        arrays += [value.detach().cpu().numpy() for value in self.model.state_dict().values()]
        digest = digest_of(*(np.ascontiguousarray(each).tobytes() for each in arrays))
        return {"finetune": self.config.model_dump(mode="json"), "from": digest}


def read_curve(folder: Path) -> list[dict[str, Any]]:
    """Return what a run's log says of the held-out cells: ``step``, ``cross_entropy``, ``accuracy``, by step."""
    lines = map(json.loads, (folder / "losses.jsonl").read_text(encoding="utf-8").splitlines())
    return [{"step": line["step"], **line["validation"]} for line in lines if "validation" in line]


def best_step(curve: list[dict[str, Any]]) -> int:
    """Return the step, above zero, with the lowest cross-entropy; of equals the first."""
    return int(
        min((row for row in curve if row["step"] > 0), key=lambda row: (row["cross_entropy"], row["step"]))["step"]
    )
