"""`scarena bench adapters`: published encoders as the adapters run them, against the padded path of their authors.

Both sides have the same sizes, the same random weights and the same tokens, and must give the same vectors. The other
side is `torch.nn.TransformerEncoder` on dense batches as the authors' scripts make them: cells in order (Geneformer's
by length), padded to the longest of the batch or to a fixed length, every layer at every place. Their tokenisers, which
go through cells one by one, are left out, so that theirs is rather faster here than it is.

Shapes: B cells of a batch, L places of the longest, T tokens of all cells, D width.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.progress import tell

if TYPE_CHECKING:
    from torch import Tensor, nn

    from scarena.models.adapters.shared.encoder import Activation


@dataclass(frozen=True, slots=True)
class Published:
    """An encoder's published sizes, and how its authors' script makes batches."""

    model: str
    width: int
    heads: int
    layers: int
    hidden: int
    activation: Activation = "relu"
    eps: float = 1e-5
    most: int = 1200
    """Tokens of a cell at most."""
    batch: int = 64
    padded_to: int | None = None
    """None for the longest of the batch."""
    by_length: bool = False
    first: bool = True
    """Whether the first token's vector is the cell's, else the mean over its tokens."""
    note: str = ""


# Of those whose adapters compute just what the authors' vectors need; Nicheformer's has to compute its padding too.
PUBLISHED = (
    Published("scgpt", 512, 8, 12, 512),
    Published("geneformer", 768, 12, 11, 3072, eps=1e-12, most=4096, by_length=True, note="V2-104M, 11 of 12 layers"),
    Published("uce", 1280, 20, 4, 5120, most=1536, padded_to=1536, batch=25, note="4 of its 33 layers"),
)
COLUMNS = ["model", "sizes", "cells/s, padded", "cells/s, adapter", "ratio", "largest difference"]
WHERE = "largest difference: of any coordinate, relative to the vectors' largest"


@dataclass(frozen=True, slots=True)
class Timed:
    """What was measured of one encoder."""

    model: str
    sizes: str
    padded: float
    """Cells a second."""
    adapter: float
    difference: float

    def row(self) -> list[str]:
        """Return the row of the table."""
        ratio = f"{self.adapter / self.padded:.2f}"
        return [self.model, self.sizes, f"{self.padded:.2f}", f"{self.adapter:.2f}", ratio, f"{self.difference:.1e}"]


def time_adapters(n_cells: int, models: tuple[str, ...] = (), *, repeats: int = 2, seed: int = 0) -> dict[str, Any]:
    """Time both sides of each encoder in one run, best of `repeats`; return all that was measured.

    Parameters
    ----------
    n_cells
        Cells, 500 to 3,000 expressed genes each (log-normal, median 1,300).
    models
        Which of `PUBLISHED`; all where empty.
    repeats
        Runs of each side.
    seed
        Of the cells' lengths, the tokens and the weights.
    """
    import torch

    from scarena.steps.record import hardware, versions

    chosen = [each for each in PUBLISHED if not models or each.model in models]
    timed = [_timed(each, n_cells, repeats, seed) for each in chosen]
    return {
        "cells": n_cells, "repeats": repeats, "threads": torch.get_num_threads(), "hardware": hardware(),
        "versions": {key: value for key, value in versions().items() if key in ("python", "numpy", "torch", "scarena")},
        "timed": [{**asdict(each), "ratio": each.adapter / each.padded} for each in timed],
        "rows": [each.row() for each in timed],
    }  # fmt: skip


def _timed(what: Published, n_cells: int, repeats: int, seed: int) -> Timed:
    import torch

    tell(f"timing {what.model}")
    ours, theirs = _sides(what, seed)
    rng = np.random.default_rng(seed)
    size_B = np.clip(rng.lognormal(np.log(1_300), 0.45, n_cells), 500, 3_000).astype(np.int64).clip(max=what.most)
    cells = [torch.randn(int(size), what.width) for size in size_B]
    with torch.inference_mode(), warnings.catch_warnings():
        # Frozen, PyTorch takes the padding out by itself, and says that the way it does so may change.
        warnings.filterwarnings("ignore", message=".*nested tensors", category=UserWarning)
        taken = {"adapter": [np.inf], "padded": [np.inf]}
        for _ in range(repeats):
            found = {
                "adapter": _clocked(lambda: _packed(ours, cells, what), taken["adapter"]),
                "padded": _clocked(lambda: _dense(theirs, cells, what), taken["padded"]),
            }
    apart = float((found["adapter"] - found["padded"]).abs().max() / found["padded"].abs().max())
    sizes = f"d {what.width}, {what.layers} layers" + (f" ({what.note})" if what.note else "")
    return Timed(what.model, sizes, n_cells / min(taken["padded"]), n_cells / min(taken["adapter"]), apart)


def _clocked(run: Callable[[], Tensor], seconds: list[float]) -> Tensor:
    started = time.perf_counter()
    found = run()
    seconds.append(time.perf_counter() - started)
    return found


def _sides(what: Published, seed: int) -> tuple[Any, nn.TransformerEncoder]:
    import torch
    from torch import nn

    from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig
    from scarena.models.adapters.shared.weights import to_public, torch_layers

    torch.manual_seed(seed)
    config = EncoderConfig(what.width, what.heads, what.layers, what.hidden, what.activation, eps=what.eps)
    ours = Encoder(config).eval()
    layer = nn.TransformerEncoderLayer(
        what.width, what.heads, what.hidden, 0.0, what.activation, what.eps, batch_first=True
    )
    theirs = nn.TransformerEncoder(layer, what.layers).eval()
    theirs.load_state_dict(to_public(ours, torch_layers(what.layers, "layers.{}")))
    return ours, theirs


def _packed(encoder: Any, cells: list[Tensor], what: Published, piece: int = 32) -> Tensor:
    import torch

    from scarena.models.adapters.shared.encoder import cell_means
    from scarena.models.adapters.shared.tokens import packed

    order = np.argsort([len(cell) for cell in cells], kind="stable")
    found = torch.empty(len(cells), what.width)
    for begin in range(0, len(order), piece):
        rows = order[begin : begin + piece].tolist()
        sizes = np.array([len(cells[row]) for row in rows])
        tokens = packed(np.zeros(sizes.sum()), np.zeros(sizes.sum()), sizes)
        x_TD = encoder(torch.cat([cells[row] for row in rows]), tokens, first=what.first)
        found[rows] = x_TD if what.first else cell_means(x_TD, tokens)
    return found


def _dense(encoder: nn.TransformerEncoder, cells: list[Tensor], what: Published) -> Tensor:
    import torch

    order = np.arange(len(cells))
    if what.by_length:
        order = np.argsort([-len(cell) for cell in cells], kind="stable")
    found = torch.empty(len(cells), what.width)
    for begin in range(0, len(order), what.batch):
        rows = order[begin : begin + what.batch].tolist()
        sizes = torch.tensor([len(cells[row]) for row in rows])
        length = what.padded_to or int(sizes.max())
        empty_BL = torch.arange(length)[None] >= sizes[:, None]
        x_BLD = torch.zeros(len(rows), length, what.width)
        for place, row in enumerate(rows):
            x_BLD[place, : len(cells[row])] = cells[row]
        y_BLD = encoder(x_BLD, src_key_padding_mask=empty_BL)
        if what.first:
            found[rows] = y_BLD[:, 0]
        else:
            # What stands at padded places is not the same on both sides, and no part of the mean here.
            kept_BL1 = (~empty_BL[:, : y_BLD.shape[1]])[..., None]
            found[rows] = (y_BLD * kept_BL1).sum(1) / sizes[:, None]
    return found
