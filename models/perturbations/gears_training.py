"""Training the network of ``cell-gears``: its loop, on cells in memory. Imported in the environment of GEARS alone.

Shapes: B cells of a batch, G measured genes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gears.model import GEARS_Model
from gears.utils import loss_fct

from scarena.models.perturbations.gears_lesson import BATCH, DECAY, DIRECTION, HIDDEN, RATE

if TYPE_CHECKING:
    from scarena.models.base import Context
    from scarena.models.perturbations.gears_lesson import CellsOf

Graph = tuple[np.ndarray, np.ndarray]


class Trainer:
    """One network and the cells it is trained on.

    Parameters
    ----------
    cells
        What is learned from.
    place
        Ensembl id → node of the GO graph.
    go, coexpressed
        Edges and weights.
    ctx
        Seed, device and threads.
    """

    def __init__(
        self, cells: CellsOf, place: Mapping[str, int], go: Graph, coexpressed: Graph, ctx: Context
    ) -> None:  # fmt: skip
        torch.set_num_threads(ctx.threads)
        torch.manual_seed(ctx.seed)
        self.cells, self.device, self.rng = cells, ctx.device, np.random.default_rng(ctx.seed)
        self.nodes = [[place[gene] for gene in genes] for genes in cells.perturbations]
        self.tried = cells.tried(ctx.seed)
        self.expressed = {str(n): np.flatnonzero(cells.of(n).any(axis=0)) for n in range(len(self.nodes))}
        self.control = torch.as_tensor(cells.control, device=self.device)
        self.model = GEARS_Model({
            "num_genes": cells.values.shape[1], "num_perts": len(place), "hidden_size": HIDDEN, "uncertainty": False,
            "num_go_gnn_layers": 1, "num_gene_gnn_layers": 1, "decoder_hidden_size": 16, "no_perturb": False,
            "device": self.device, "G_go": torch.as_tensor(go[0]), "G_go_weight": torch.as_tensor(go[1]),
            "G_coexpress": torch.as_tensor(coexpressed[0]), "G_coexpress_weight": torch.as_tensor(coexpressed[1]),
        }).to(self.device)  # fmt: skip

    def train(self, epochs: int) -> int:
        """Train, keep the epoch that predicts the tried perturbations best by the genes that change most; return it."""
        learned = np.flatnonzero(~np.isin(self.cells.perturbation, self.tried))
        optimizer = torch.optim.Adam(self.model.parameters(), lr=RATE, weight_decay=DECAY)
        slower = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
        best, least, kept = 0, np.inf, deepcopy(self.model.state_dict())
        for epoch in range(1, epochs + 1):
            self.model.train()
            order = self.rng.permutation(learned)
            # A last batch that is not full is left out, as in the package; of few cells it is the only one.
            for start in range(0, max(1, len(order) - BATCH + 1), BATCH):
                self._step(order[start : start + BATCH], optimizer)
            slower.step()
            if (error := self._error()) < least:
                best, least, kept = epoch, error, deepcopy(self.model.state_dict())
        self.model.load_state_dict(kept)
        return best

    def added(self, nodes: Sequence[list[int]]) -> np.ndarray:
        """Return what the network adds to a control that one or more genes are perturbed in, float64 [n, G]."""
        self.model.eval()
        nothing = torch.zeros((1, self.cells.values.shape[1]), device=self.device)
        with torch.no_grad():
            # One by one: without gradients a batch would save little, and each row stands alone.
            rows = [self._asked(nothing, [each]).cpu().numpy()[0] for each in nodes]
        return np.asarray(rows, np.float64)

    def _step(self, rows: np.ndarray, optimizer: Any) -> None:
        begun = torch.as_tensor(self.cells.values[self.cells.control_for(rows, self.rng)], device=self.device)
        ended = torch.as_tensor(self.cells.values[rows], device=self.device)
        numbers = self.cells.perturbation[rows]
        optimizer.zero_grad()
        predicted = self._asked(begun, [self.nodes[n] if n >= 0 else [-1] for n in numbers])
        told = ["ctrl" if n < 0 else str(n) for n in numbers]
        loss = loss_fct(
            predicted, ended, told, ctrl=self.control, direction_lambda=DIRECTION, dict_filter=self.expressed
        )
        loss.backward()
        torch.nn.utils.clip_grad_value_(self.model.parameters(), clip_value=1.0)
        optimizer.step()

    def _asked(self, begun_BG: torch.Tensor, nodes: Sequence[list[int]]) -> torch.Tensor:
        data = SimpleNamespace(x=begun_BG.reshape(-1, 1), pert_idx=nodes, batch=torch.arange(len(nodes)))
        return self.model(data)

    def _error(self) -> float:
        added = self.added([self.nodes[n] for n in self.tried])
        squares = []
        for number, row in zip(self.tried, added, strict=True):
            changed = self.cells.changed(number)
            mean = self.cells.of(number).mean(axis=0)
            squares.append(np.mean((self.cells.control + row - mean)[changed] ** 2))
        return float(np.mean(squares))
