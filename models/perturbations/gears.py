"""GEARS (Roohani 2024): a network on two graphs of genes, trained on the cells of the training perturbations.

The network and its loss are those of the package ``cell-gears``. Its GO graph is a download of pickles; here the same
graph is made from the annotations of the gene tasks. Its own loop trains on files, ours on cells in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import NotApplicable
from scarena.models.base import Context, Environment, ModelCard
from scarena.models.of_responses import ResponseModel
from scarena.models.perturbations.gears_lesson import BATCH, DECAY, DIRECTION, HIDDEN, RATE, CellsOf, cells_of
from scarena.models.perturbations.go_graph import (
    LEAST_CORRELATION,
    LEAST_JACCARD,
    N_NEIGHBOURS,
    coexpression_graph,
    jaccard_graph,
    terms_of_genes,
)
from scarena.models.responses import targets_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from scarena.models.responses import Seen

N_EPOCHS = 5
AT_LEAST = 2
"""Perturbations to learn from: one of them chooses the epoch."""


class Gears(ResponseModel):
    """The package's network, trained anew for every split."""

    card = ModelCard(
        name="response-gears",
        title="Response: GEARS",
        family="baseline",
        offers="response",
        description="GEARS (its package's network, loss and settings), trained on the cells of the training "
        "perturbations; its GO graph is made from the annotations of the gene tasks, over measured and perturbed genes",
        trains_on_target=True,
        source="doi:10.1038/s41587-023-01905-6",
        licence="MIT",
        gene_knowledge=("GO",),
        settings={
            "epochs": f"{N_EPOCHS} of the 20 documented: the step size halves every epoch, these are 97 % of its sum",
            "batch_size": BATCH,
            "lr": f"{RATE:g}, halved every epoch",
            "weight_decay": DECAY,
            "hidden_size": HIDDEN,
            "direction_lambda": DIRECTION,
            "neighbours": N_NEIGHBOURS,
            "least_jaccard": LEAST_JACCARD,
            "least_correlation": LEAST_CORRELATION,
            "epoch_chosen_by": "a tenth of the training perturbations, one at least, in place of a simulation split",
            "predicted": "from the mean of the control, in place of 300 cells of it: the network adds the same to all",
            "negative": "values below 0 are set to 0: the network knows no bound, and no mean expression lies below",
        },
        environment=Environment(pip=("cell-gears==0.1.2", "torch==2.13.0", "torch-geometric==2.8.1")),
    )

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the control and what the network adds, 0 at least; no row for a gene without annotations in GO.

        Raises
        ------
        NotApplicable
            If no cells of the training perturbations are at hand, contexts are held out, no gene that is asked about is
            annotated, or fewer than two perturbations are to learn from.
        """
        terms = self._terms(seen, ctx)
        rows = [all(gene in terms for gene in genes) and bool(genes) for genes in targets_of(ask)]
        if not any(rows):
            raise _not_applicable("no perturbed gene that is asked about has annotations in GO")
        ask, cells = ask[rows], cells_of(seen, set(terms))
        if len(cells.perturbations) < AT_LEAST:
            raise _not_applicable(
                f"it needs {AT_LEAST} perturbations to learn from, there are {len(cells.perturbations)}"
            )
        added = self._trained(cells, terms, targets_of(ask), ctx)
        measured = seen.measured.sort_values()
        found = seen.controls.loc[ask["context"], measured].set_axis(ask.index) + added
        return found[seen.measured].clip(lower=0.0)

    def _terms(self, seen: Seen, ctx: Context) -> Mapping[str, frozenset[int]]:
        """Return the terms of measured and perturbed genes, after seeing that there is something to train on."""
        if seen.setting == "context":
            raise _not_applicable("it tells no contexts apart")
        if seen.training_cells is None:
            raise _not_applicable("no cells of the training perturbations are at hand")
        kept: dict[str, frozenset[int]] = vars(self).setdefault("_kept", {})
        if not kept:
            kept.update(terms_of_genes(ctx.cache))
        return {gene: kept[gene] for gene in sorted(set(seen.genes.index) | set(seen.measured)) if gene in kept}

    def _trained(
        self, cells: CellsOf, terms: Mapping[str, frozenset[int]], asked: list[tuple[str, ...]], ctx: Context
    ) -> np.ndarray:
        """Return what a network trained on these cells adds to a control, float64 [asked, G]."""
        from scarena.models.perturbations.gears_training import Trainer

        place = {gene: row for row, gene in enumerate(terms)}
        trainer = Trainer(cells, place, jaccard_graph(list(terms), terms), coexpression_graph(cells.values), ctx)
        epoch = trainer.train(N_EPOCHS)
        ctx.log.info("GEARS: epoch %d of %d is best", epoch, N_EPOCHS)
        return trainer.added([[place[gene] for gene in genes] for genes in asked])


def _not_applicable(why: str) -> NotApplicable:
    return NotApplicable(why, where="response-gears", fix="none needed")
