"""scGPT: binned counts of expressed genes, and the vector of a token that reads the cell (Cui et al. 2024).

Folder: ``args.json``, ``vocab.json``, ``best_model.pt``; the whole-human and the organ models have the same.

Shapes: B cells, N counts of all of them, T tokens, D model width.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.base import ModelCard

if TYPE_CHECKING:
    from anndata import AnnData
    from torch import Tensor, nn

    from scarena.models.adapters.shared.gene_rows import GeneRows
    from scarena.models.foundation.packed import Packed
    from scarena.models.foundation.tokenize import Cells

# Upstream's collator fixes the number of bins, whatever the arguments of the pretraining say.
_BINS, _LENGTH = 51, 1200
# Heads of the pretraining, and what flash attention's module keeps beside.
_UNUSED = (r"(cls_|mvc_|)decoder\..*", r"(flag|batch)_encoder\..*", r"sim\..*")

# Of the whole-human model; the organ models have the same.
_PUBLISHED = {"embsize": 512, "nheads": 8, "d_hid": 512, "nlayers": 12, "n_tokens": 60_697}
_SPECIAL = ("<pad>", "<cls>", "<eoc>")


class ScGPT(Adapter):
    """A frozen scGPT."""

    card = ModelCard(
        name="scgpt",
        title="scGPT",
        family="foundation",
        description="counts in 51 bins of at most 1,199 expressed genes; the CLS token's vector, normalised",
        source="doi:10.1038/s41592-024-02201-0",
        licence="MIT",
        parameters=50_278_400,
        training_corpus=("CELLxGENE Census of 2023-05-15, 33 million human cells (organ models: the organ's)",),
        lists_all_studies=False,
        settings={"bins": _BINS, "length": _LENGTH},
    )

    def load(self, folder: Path) -> _Loaded:
        """Read ``args.json``, ``vocab.json`` and ``best_model.pt``."""
        from scarena.models.adapters.shared.weights import load_public, read_dictionary, read_tensors

        args = read_dictionary(folder / "args.json")
        vocabulary = {name: int(number) for name, number in read_dictionary(folder / "vocab.json").items()}
        for token in _SPECIAL:
            vocabulary.setdefault(token, len(vocabulary))
        net = _network(args, len(vocabulary))
        # With flash attention upstream keeps the joined projection under another name, wrapped or not.
        named = {key.replace("._impl.", "."): value for key, value in read_tensors(folder / "best_model.pt").items()}
        named = {key.replace("self_attn.Wqkv.", "self_attn.in_proj_"): value for key, value in named.items()}
        load_public(net, named, _keys(args["nlayers"]), _UNUSED, folder / "best_model.pt")
        return _Loaded(net, vocabulary, float(args.get("pad_value", -2)))

    @classmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write a model of two layers over a few hundred symbols."""
        import torch

        from scarena.models.adapters.shared.example import symbols
        from scarena.models.adapters.shared.weights import save_torch, to_public

        args = {"embsize": 32, "nheads": 4, "d_hid": 32, "nlayers": 2, "pad_value": -2, "pad_token": "<pad>"}
        vocabulary = {name: number for number, name in enumerate([*symbols(), *_SPECIAL])}
        torch.manual_seed(seed)
        net = _network(args, len(vocabulary))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "args.json").write_text(json.dumps(args))
        (folder / "vocab.json").write_text(json.dumps(vocabulary))
        save_torch(folder / "best_model.pt", to_public(net, _keys(2)))


class _Loaded:
    """A checkpoint in memory."""

    def __init__(self, net: nn.Module, vocabulary: dict[str, int], pad_value: float) -> None:
        self.net, self.vocabulary, self.pad_value = net.eval(), vocabulary, pad_value

    def _genes(self) -> dict[str, int]:
        return {name: number for name, number in self.vocabulary.items() if name not in _SPECIAL}

    def gene_rows(self) -> GeneRows:
        """Return the vectors of the genes' tokens."""
        from scarena.models.adapters.shared.gene_rows import GeneRows

        net: Any = self.net
        return GeneRows(net.genes.weight, self._genes(), "symbol")

    def cells(self, data: AnnData) -> Cells:
        """Return counts over the vocabulary, by symbol."""
        from scarena.models.adapters.shared.cells import cells_over

        return cells_over(data, self._genes(), "symbol", "scgpt")

    def tokens(self, cells: Cells, uniform_N: np.ndarray | None = None) -> Packed:
        """Return the tokens: CLS, then the binned genes, by chance at most 1,199 of them."""
        from scarena.models.adapters.shared.cells import highest, uniforms
        from scarena.models.adapters.shared.tokens import with_first

        bins_N = binned(cells, uniforms(cells, 0) if uniform_N is None else uniform_N)
        rows = highest(uniforms(cells, 1), cells.starts_B1, _LENGTH - 1)
        return with_first(cells, rows, bins_N[rows].astype(np.float32), self.vocabulary["<cls>"], self.pad_value)

    def __call__(self, cells: Cells, device: str) -> np.ndarray:
        """Return the CLS token's vectors, of length one."""
        import torch.nn.functional as F

        net: Any = self.net.to(device)
        return F.normalize(net(self.tokens(cells).to(device)), dim=-1).cpu().numpy()


def binned(cells: Cells, uniform_N: np.ndarray) -> np.ndarray:
    """Return the bin of each count among those of its cell, int64 [N], 1 to 50.

    Edges are 50 quantiles of the cell's counts. A count that several edges equal is put into one of their bins by
    chance: above the first of them by its uniform number, rounded up.
    """
    starts_B1, found = cells.starts_B1, np.empty(len(cells.counts_N), np.int64)
    levels = np.linspace(0, 1, _BINS - 1)
    for first, last in zip(starts_B1[:-1].tolist(), starts_B1[1:].tolist(), strict=True):
        if first == last:
            continue
        counts, chance = cells.counts_N[first:last], uniform_N[first:last]
        edges = np.quantile(counts, levels)
        above, below = np.searchsorted(edges, counts, "right"), np.searchsorted(edges, counts, "left")
        found[first:last] = np.ceil(chance * (below - above) + above)
    return found


def _network(args: dict[str, Any], n_tokens: int) -> nn.Module:
    from torch import nn

    from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig

    width = int(args["embsize"])

    class Network(nn.Module):
        """Gene and value, each normalised, added up; then the encoder."""

        def __init__(self) -> None:
            super().__init__()
            self.genes, self.norm_genes = nn.Embedding(n_tokens, width), nn.LayerNorm(width)
            self.value_in, self.value_out = nn.Linear(1, width), nn.Linear(width, width)
            self.norm_values = nn.LayerNorm(width)
            self.encoder = Encoder(EncoderConfig(width, int(args["nheads"]), int(args["nlayers"]), int(args["d_hid"])))

        def inputs(self, tokens: Packed) -> Tensor:
            """Return what the encoder is told of each token."""
            value_T1 = tokens.values_T.clamp(max=512.0)[:, None]
            value_TD = self.norm_values(self.value_out(self.value_in(value_T1).relu()))
            return self.norm_genes(self.genes(tokens.genes_T)) + value_TD

        def forward(self, tokens: Packed) -> Tensor:
            """Return the vector of each cell's first token."""
            return self.encoder(self.inputs(tokens), tokens, first=True)

    return Network()


def _keys(layers: int) -> dict[str, str]:
    from scarena.models.adapters.shared.weights import torch_layers

    modules = {
        "genes": "encoder.embedding", "norm_genes": "encoder.enc_norm", "value_in": "value_encoder.linear1",
        "value_out": "value_encoder.linear2", "norm_values": "value_encoder.norm",
    }  # fmt: skip
    found = {f"{our}.{kind}": f"{name}.{kind}" for our, name in modules.items() for kind in ("weight", "bias")}
    del found["genes.bias"]
    inner = torch_layers(int(layers), "transformer_encoder.layers.{}")
    return found | {f"encoder.{our}": name for our, name in inner.items()}
