"""What fine-tuning for annotation trains: a linear head on a cell's vector, on cells whose label is known.

Shapes: B cells, Z width of the embedding, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scarena.models.foundation.label_split import Split
from scarena.models.foundation.model import FoundationConfig, Transformer, flops_of_a_cell
from scarena.models.foundation.tokenize import Cells, tokens_of

Balance = Literal["sampling", "weights", "none"]


class Head(nn.Module):
    """Logits of labels from vectors that are standardised as those of the training cells were before training.

    `gain` is how many times as fast as the encoder the head learns: its weights are that many times its parameters, and
    an update of AdamW does not depend on the scale of a gradient. So one rate serves both in the engine.
    """

    def __init__(self, vectors_BZ: Tensor, n_labels: int, gain: float) -> None:
        super().__init__()
        self.gain = gain
        self.mean_Z: Tensor
        self.scale_Z: Tensor
        self.register_buffer("mean_Z", vectors_BZ.mean(0))
        spread_Z = vectors_BZ.std(0, correction=0)
        # A coordinate that is the same for all cells has nothing to say, and must not be blown up.
        self.register_buffer("scale_Z", torch.where(spread_Z > 1e-6, spread_Z, 1.0))
        self.weight_LZ = nn.Parameter(torch.zeros(n_labels, vectors_BZ.shape[1]))
        self.bias_L = nn.Parameter(torch.zeros(n_labels))

    def forward(self, z_BZ: Tensor) -> Tensor:
        """Return logits_BL."""
        return self.gain * F.linear((z_BZ - self.mean_Z) / self.scale_Z, self.weight_LZ, self.bias_L)

    @torch.no_grad()
    def plain(self) -> nn.Linear:
        """Return the linear layer that maps vectors as they are to the same logits."""
        n_labels, width = self.weight_LZ.shape
        layer = nn.Linear(width, n_labels, device="meta")
        whole_LZ = self.gain * self.weight_LZ / self.scale_Z
        layer.weight = nn.Parameter(whole_LZ)
        layer.bias = nn.Parameter(self.gain * self.bias_L - whole_LZ @ self.mean_Z)
        return layer


class Classifier(nn.Module):
    """What the engine trains: a head, and an encoder before it unless that is frozen."""

    def __init__(self, head: Head, encoder: nn.Module | None = None) -> None:
        super().__init__()
        self.head, self.encoder = head, encoder


@dataclass(frozen=True, slots=True)
class Draw:
    """How a step's cells are drawn and shown."""

    cells: int
    """Of a step."""
    tokens: int
    """Genes of a cell that a transformer reads one by one while it is trained; the bag takes all."""
    balance: Balance
    seed: int
    checked: int = 256
    """Held-out cells that are looked at, at most."""


class LabelTask:
    """Cross-entropy of known labels.

    Parameters
    ----------
    cells
        All cells of the dataset, over the vocabulary.
    labels_B
        int64, places of the cells' labels; below zero where missing, and then never drawn.
    split
        Rows to train on and rows to validate on.
    draw
        See `Draw`.
    sizes
        Of the model.
    vectors_BZ
        The cells' vectors where the encoder is frozen; they are then not made again.
    """

    def __init__(
        self, cells: Cells, labels_B: np.ndarray, split: Split, draw: Draw, sizes: FoundationConfig,
        vectors_BZ: Tensor | None = None,
    ) -> None:  # fmt: skip
        self.n_cells = draw.cells
        self._cells, self._labels_B, self._draw, self._sizes = cells, labels_B, draw, sizes
        self._vectors_BZ, self._train = vectors_BZ, split.train
        self._of_label = [split.train[labels_B[split.train] == label] for label in range(labels_B.max() + 1)]
        sizes_L = np.array([len(rows) for rows in self._of_label], float)
        # A mean of one over the cells, so that the rate means the same as without weights.
        self._weight_L = (len(split.train) / len(sizes_L) / sizes_L).astype(np.float32)
        rng = np.random.default_rng([draw.seed, 1 << 30])
        self._held = np.sort(rng.permutation(split.held)[: draw.checked])

    def halve(self) -> bool:
        """Go on with half the cells a step; say whether that was possible."""
        if self.n_cells < 4:
            return False
        self.n_cells //= 2
        return True

    def flops(self) -> float:
        """Return operations of a step, forward and backward; of a frozen encoder none."""
        if self._vectors_BZ is not None:
            return 0.0
        return 3 * self.n_cells * flops_of_a_cell(self._sizes, self._draw.tokens)

    def rows(self, step: int) -> np.ndarray:
        """Return the cells of a step, with repetition."""
        rng = np.random.default_rng([self._draw.seed, step])
        if self._draw.balance != "sampling":
            return rng.choice(self._train, self.n_cells)
        labels = rng.integers(len(self._of_label), size=self.n_cells)
        return np.array([rng.choice(self._of_label[label]) for label in labels.tolist()])

    def losses(self, model: nn.Module, step: int, rank: int, world: int) -> dict[str, Tensor]:
        """Return the cross-entropy of this process's part of a step's cells."""
        mine = self.rows(step)[rank::world]
        seed = int(np.random.SeedSequence([self._draw.seed, step]).generate_state(1)[0])
        logits_BL = self._logits(model, mine, torch.Generator().manual_seed(seed))
        labels_B = torch.from_numpy(self._labels_B[mine]).to(logits_BL.device)
        loss_B = F.cross_entropy(logits_BL, labels_B, reduction="none")
        if self._draw.balance == "weights":
            loss_B = loss_B * torch.from_numpy(self._weight_L[self._labels_B[mine]]).to(loss_B.device)
        return {"cross_entropy": loss_B.mean()}

    @torch.no_grad()
    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return cross-entropy and accuracy on held-out cells, each a mean over labels of the mean over their cells."""
        if not len(self._held):
            return {}
        pieces = np.split(self._held, np.arange(self._draw.cells, len(self._held), self._draw.cells))
        logits_BL = torch.cat([self._logits(model, rows, None).cpu() for rows in pieces])
        codes = self._labels_B[self._held]
        labels_B = torch.from_numpy(codes)
        loss_B = F.cross_entropy(logits_BL, labels_B, reduction="none").double().numpy()
        right_B = (logits_BL.argmax(1) == labels_B).numpy()
        per_label = [(loss_B[codes == label].mean(), right_B[codes == label].mean()) for label in np.unique(codes)]
        loss, right = np.mean(per_label, axis=0)
        return {"cross_entropy": float(loss), "accuracy": float(right)}

    def _logits(self, model: nn.Module, rows: np.ndarray, generator: torch.Generator | None) -> Tensor:
        """Return logits_BL, of some of the cells' tokens drawn at random where there is a generator."""
        classifier = cast("Classifier", model)
        device = classifier.head.bias_L.device
        if self._vectors_BZ is not None or classifier.encoder is None:
            assert self._vectors_BZ is not None
            return classifier.head(self._vectors_BZ[torch.from_numpy(rows)].to(device))
        seen = tokens_of(self._cells.rows(rows), self._sizes.n_genes, "continuous")
        tokens = seen
        # A bag reads no tokens one by one, and is spared the choice.
        if isinstance(classifier.encoder, Transformer):
            tokens = classifier.encoder.highest(seen)
            if generator is not None:
                tokens = classifier.encoder.highest(tokens, self._draw.tokens, generator)
        return classifier.head(classifier.encoder(seen.to(device), tokens.to(device)).float())
