"""What training minimises. Each objective is an object that maps what a model made of some cells to one number.

Shapes: B cells, Z width of the embedding, N targets, T tokens, V genes of the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from scarena.models.foundation.kernels.nb_loss import nb_loss

if TYPE_CHECKING:
    from scarena.models.foundation.model import Decoder
    from scarena.models.foundation.views import Targets


@dataclass(frozen=True, slots=True)
class Counts:
    """−log likelihood of counts under a negative binomial (with `zero_inflated` a ZINB) decoded from a cell's vector.

    With the genes of the other view as targets it asks for unseen genes; with the cell's own full counts as targets,
    when the encoder saw them thinned, it denoises.
    """

    def __call__(self, decoder: Decoder, z_BZ: Tensor, depth_B: Tensor, group_B: Tensor, targets: Targets) -> Tensor:
        """Return the loss, a mean over cells of the mean over a cell's targets."""
        cell_BE = decoder(z_BZ, torch.log1p(depth_B) / 10, group_B)
        return nb_loss(
            cell_BE, decoder.genes.weight, decoder.log_share, decoder.log_dispersion, depth_B.clamp(min=1),
            targets.starts_B1, targets.genes_N, targets.counts_N, zero_logit_V=decoder.zero_logit,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class DisjointPanels:
    """Two views of a cell through genes they do not share must find each other among the cells of one batch.

    Symmetric InfoNCE (van den Oord et al. 2018, arXiv:1807.03748). Because the cells to be told apart come from one
    batch, what tells batches apart is of no help. But each batch then fills the whole sphere, and batches of different
    types come to lie on each other. Against that, cells of other batches may be added that are told apart too, where a
    teacher that does not change is sure that they are unlike.
    """

    temperature: float = 0.2
    sure: float = 0.3
    """Cosine, by the teacher, below which cells of different batches are unlike."""

    def __call__(
        self, first_BZ: Tensor, second_BZ: Tensor, own_B: Tensor | None = None, teacher_BZ: Tensor | None = None
    ) -> Tensor:
        """Return the loss; log of the number of cells where the views say nothing, towards 0 where they agree.

        Parameters
        ----------
        first_BZ, second_BZ
            The views.
        own_B
            bool, the cells of the batch; the others are asked nothing. All where not given.
        teacher_BZ
            Vectors of the cells by the teacher, whose cosines say something; needed where there are other cells.
        """
        similarity_BB = F.normalize(first_BZ, dim=-1) @ F.normalize(second_BZ, dim=-1).T / self.temperature
        own_O = torch.arange(len(first_BZ), device=first_BZ.device)
        if own_B is not None and teacher_BZ is not None and not own_B.all():
            taught_BZ = F.normalize(teacher_BZ, dim=-1)
            spared_BB = ~own_B & (taught_BZ @ taught_BZ.T >= self.sure)
            own_O = own_O[own_B]
            both = [each_BB.masked_fill(spared_BB, -torch.inf) for each_BB in (similarity_BB, similarity_BB.T)]
        else:
            both = [similarity_BB, similarity_BB.T]
        return (F.cross_entropy(both[0][own_O], own_O) + F.cross_entropy(both[1][own_O], own_O)) / 2


@dataclass(frozen=True, slots=True)
class HiddenValues:
    """Squared error of the values of tokens that were hidden from the encoder (masked and generative pretraining)."""

    def __call__(self, predicted_T: Tensor, true_T: Tensor, hidden_T: Tensor) -> Tensor:
        """Return the mean over hidden tokens, zero where none is."""
        error_T = torch.where(hidden_T, (predicted_T - true_T) ** 2, 0.0)
        return error_T.sum() / hidden_T.sum().clamp(min=1)


@dataclass(frozen=True, slots=True)
class NextGene:
    """Cross-entropy of the next gene of a cell's ranking (causal pretraining), in pieces that never hold all logits."""

    piece: int = 4096

    def __call__(self, hidden_TE: Tensor, table_VE: Tensor, genes_T: Tensor, starts_B1: Tensor) -> Tensor:
        """Return the mean over tokens that have a next one in their cell; zero where none has.

        ``hidden_TE`` are the tokens' vectors in the width of the gene table.
        """
        last_T = torch.zeros(len(genes_T) + 1, dtype=torch.bool, device=genes_T.device)
        last_T[starts_B1.long()] = True  # where a cell begins, the token before was the last of its cell
        has_next_T = torch.nonzero(~last_T[1:]).ravel()
        if not len(has_next_T):
            return hidden_TE.sum() * 0.0
        total = hidden_TE.new_zeros(())
        for part_T in has_next_T.split(self.piece):
            total = total + checkpoint(
                _summed_cross_entropy, hidden_TE[part_T], table_VE, genes_T[part_T + 1].long(), use_reentrant=False
            )
        return total / len(has_next_T)


def _summed_cross_entropy(hidden_TE: Tensor, table_VE: Tensor, answer_T: Tensor) -> Tensor:
    return F.cross_entropy(hidden_TE @ table_VE.T, answer_T, reduction="sum")


@dataclass(frozen=True, slots=True)
class TreeLabels:
    """Supervised contrast that forgives near types: cells attract in proportion to their labels' likeness in a tree.

    A model trained with it has seen labels, and its card must say so. After Khosla et al. 2020 (arXiv:2004.11362), with
    weights in place of equal labels.
    """

    temperature: float = 0.2

    def __call__(self, z_BZ: Tensor, likeness_BB: Tensor) -> Tensor:
        """Return the loss; ``likeness_BB`` is 1 for the same label, 0 for unrelated ones or where one is missing."""
        unit_BZ = F.normalize(z_BZ, dim=-1)
        itself_BB = torch.eye(len(unit_BZ), dtype=torch.bool, device=unit_BZ.device)
        logits_BB = (unit_BZ @ unit_BZ.T / self.temperature).masked_fill(itself_BB, -torch.inf)
        weights_BB = likeness_BB.masked_fill(itself_BB, 0.0)
        total_B = weights_BB.sum(1)
        log_share_BB = logits_BB.log_softmax(-1).masked_fill(itself_BB, 0.0)
        loss_B = -(weights_BB * log_share_BB).sum(1) / total_B.clamp(min=1e-12)
        asked_B = total_B > 0
        return loss_B[asked_B].mean() if asked_B.any() else z_BZ.sum() * 0.0


@dataclass(frozen=True, slots=True)
class Distilled:
    """A student's vectors tell cells apart as its teacher's do: their cosines over a batch, by mean squared error."""

    def __call__(self, student_BZ: Tensor, teacher_BZ: Tensor) -> Tensor:
        """Return the loss, 0 where all cosines are the same; the two may differ in width."""
        ours, theirs = (F.normalize(each - each.mean(0), dim=-1) for each in (student_BZ, teacher_BZ))
        return F.mse_loss(ours @ ours.T, theirs @ theirs.T)
