"""SE-600M: a cell's highest genes as ESM2 vectors, read by one token, the dataset by another (Adduri et al. 2025).

Folder: ``config.yaml``, ``protein_embeddings.pt``, and ``model.safetensors`` or Lightning's checkpoints
(``se600m_epoch16.ckpt``; of several that of the latest epoch). Their settings' objects are not read.

Shapes: B cells, N counts of all of them, G genes that the dataset measured, S places of a sentence, T tokens,
D model width, K bins.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import ModelError
from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.base import ModelCard

if TYPE_CHECKING:
    from anndata import AnnData
    from torch import Tensor, nn

    from scarena.models.adapters.shared.gene_rows import GeneRows
    from scarena.models.foundation.packed import Packed
    from scarena.models.foundation.tokenize import Cells

# The loss's decoder, its view of datasets, a second name of the same encoder, and the table that has a file.
_UNUSED = (r"(binary_decoder|gene_embedding_layer|dataset_encoder)\..*", r"pe_embedding\.weight")
# What Lightning keeps of a training beside the tensors: omegaconf's settings, and the loader with its masks.
_INERT = (
    *(f"omegaconf.{name}" for name in (
        "base.ContainerMetadata", "base.Metadata", "dictconfig.DictConfig", "listconfig.ListConfig", "nodes.AnyNode",
    )),
    *(f"builtins.{name}" for name in ("dict", "list", "int", "float", "str", "bool")),
    *(f"{package}.data.loader.VCIDatasetSentenceCollator" for package in ("vci", "state.emb")),
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    "typing.Any", "collections.defaultdict", "numpy.ndarray", "numpy.dtype", "_codecs.encode",
)  # fmt: skip
# Upstream's test of whether a cell's numbers are counts or their logarithms.
_SURELY_COUNTS, _MOST_COUNTS = 35, 5_000_000


class SE600M(Adapter):
    """A frozen State embedding model."""

    card = ModelCard(
        name="se-600m",
        title="SE-600M",
        family="foundation",
        lists_all_studies=False,
        description="the 2,047 highest genes as ESM2 vectors with soft bins; CLS, normalised, and ten of the dataset",
        source="doi:10.1101/2025.06.26.661135",
        licence="CC BY-NC-SA 4.0 (code); Arc Research Institute State Model Non-Commercial License (weights, output)",
        parameters=600_000_000,
        training_corpus=("scBaseCount (human)", "CELLxGENE", "Tahoe-100M"),
        order_matters_of=("genes",),
        gene_knowledge=("protein sequence (ESM2)",),
        settings={"pad_length": 2048, "dtype": "float32"},
    )
    piece = 4

    def load(self, folder: Path) -> _Loaded:
        """Read the settings, the weights and the genes' vectors."""
        from scarena.models.adapters.shared.weights import load_public, read_tensors, read_yaml, setting

        settings = folder / "config.yaml"
        config = read_yaml(settings)
        heads, length, cls_gene = (
            int(setting(config, *keys, where=settings))
            for keys in (("model", "nhead"), ("dataset", "pad_length"), ("dataset", "cls_token_idx"))
        )
        path = _weights(folder)
        inside = () if path.suffix == ".safetensors" else ("state_dict",)
        found = read_tensors(path, *inside, inert=_INERT)
        sizes = _sizes(heads, found)
        net = _network(sizes)
        load_public(net, found, _keys(sizes.layers), _UNUSED, path)
        genes, table = _vectors(folder / "protein_embeddings.pt", sizes.token)
        return _Loaded(net.bake(table), genes, length, cls_gene)

    def gene_rows(self, folder: Path) -> GeneRows:
        """Return the proteins' ESM2 vectors, by symbol; the network projects them before it reads them."""
        from scarena.models.adapters.shared.gene_rows import GeneRows

        genes, table = _vectors(folder / "protein_embeddings.pt")
        return GeneRows(table, genes, "symbol")

    @classmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write a model of two layers that reads 63 genes of a cell."""
        import torch
        import yaml

        from scarena.models.adapters.shared.example import symbols
        from scarena.models.adapters.shared.weights import save_torch, to_public

        folder.mkdir(parents=True, exist_ok=True)
        config = {"model": {"nhead": 4}, "dataset": {"pad_length": 64, "cls_token_idx": 3}}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        torch.manual_seed(seed)
        save_torch(folder / "protein_embeddings.pt", {name: torch.randn(8) for name in symbols()})
        net = _network(_Sizes(token=8, width=32, heads=4, hidden=64, layers=2, out=16, bins=10, scores=512))
        save_torch(folder / "se600m_epoch1.ckpt", {"state_dict": to_public(net, _keys(2)), "epoch": 1})


def _weights(folder: Path) -> Path:
    """Return the weights; upstream takes any checkpoint of several."""
    if (folder / "model.safetensors").is_file():
        return folder / "model.safetensors"
    files = [
        (int(number[1]), path) for path in folder.glob("*.ckpt") if (number := re.search(r"epoch=?(\d+)", path.name))
    ]
    others = sorted(folder.glob("*.ckpt"))
    return max(files)[1] if files else next(iter(others), folder / "model.safetensors")


def _vectors(path: Path, width: int | None = None) -> tuple[dict[str, int], Tensor]:
    """Return each gene's place in the table of vectors, and the table; of the width that a model reads, if said."""
    import torch

    from scarena.models.adapters.shared.weights import read_tensors

    found = read_tensors(path)
    widths = {vector.shape for vector in found.values()}
    if len(widths) != 1 or (widths - {(width,)} and width is not None):
        seen = ", ".join(sorted("×".join(map(str, shape)) for shape in widths))
        fix = "give the vectors that were published with the model"
        raise ModelError(f"vectors of width {seen}, and the model reads {width or 'one'}", where=str(path), fix=fix)
    table = torch.stack([vector.float() for vector in found.values()])
    return {name: place for place, name in enumerate(found)}, table


@dataclass(frozen=True, slots=True)
class _Sizes:
    token: int
    width: int
    heads: int
    hidden: int
    layers: int
    out: int
    bins: int
    scores: int
    """Width of the network that gives the bins' weights."""


def _layers(found: Mapping[str, Tensor]) -> int:
    return len([key for key in found if key.startswith("transformer_encoder.layers.") and key.endswith("norm1.bias")])


def _sizes(heads: int, found: Mapping[str, Tensor]) -> _Sizes:
    """Return the sizes that the weights have; where one lacks, the published, and its key is listed as missing."""

    def size(key: str, axis: int, otherwise: int) -> int:
        return found[key].shape[axis] if key in found else otherwise

    return _Sizes(
        size("cls_token", 1, 5120), size("encoder.0.weight", 0, 2048), heads,
        size("transformer_encoder.layers.0.linear1.weight", 0, 4096), _layers(found),
        size("decoder.1.weight", 0, 2048), size("bin_encoder.weight", 0, 10), size("count_encoder.0.weight", 0, 512),
    )  # fmt: skip


class _Loaded:
    """A checkpoint in memory."""

    def __init__(self, net: nn.Module, genes: dict[str, int], length: int, cls_gene: int) -> None:
        self.net, self.genes, self.length, self.cls_gene = net.eval(), genes, length, cls_gene
        self.measured_G = np.zeros(0, np.int64)

    def cells(self, data: AnnData) -> Cells:
        """Return values over the vocabulary, by symbol: log1p of counts, or what upstream takes for such already.

        It does so where no count of a cell is above 35 and the sum of expm1 of them all is at most five million: a
        shallow cell, whose counts are then left as they are.
        """
        from scipy.sparse import csr_matrix

        from scarena.models.adapters.shared.cells import cells_over, joined_genes
        from scarena.models.foundation.tokenize import Cells

        known = [self.genes[name] for name in data.var["symbol"].astype(str) if name in self.genes]
        self.measured_G = np.array(list(dict.fromkeys(known)), np.int64)
        cells = joined_genes(cells_over(data, self.genes, "symbol", "se-600m"))
        counts = csr_matrix(data.X, dtype=np.float64)
        counts.data = np.expm1(np.minimum(counts.data, _SURELY_COUNTS + 1))
        # One count above the first bound is far above the second.
        raw_B = np.asarray(counts.sum(axis=1)).ravel() > _MOST_COUNTS
        raw_N = np.repeat(raw_B, np.diff(cells.starts_B1))
        values_N = np.where(raw_N, np.log1p(cells.counts_N), cells.counts_N).astype(np.float32)
        return Cells(cells.starts_B1, cells.genes_N, values_N, cells.depth_B)

    def tokens(self, cells: Cells, key_BG: np.ndarray | None = None, uniform_BS: np.ndarray | None = None) -> Packed:
        """Return the tokens: CLS, the highest genes, unexpressed ones where there are fewer, the dataset's token.

        Parameters
        ----------
        cells
            Of the dataset that `cells` saw last: what it measured is what may be unexpressed.
        key_BG
            Numbers that order equal values, and genes without any; by default what the cell decides.
        uniform_BS
            Numbers in [0, 1) that draw unexpressed genes, with replacement, where the dataset measured too few.
        """
        from scarena.models.adapters.shared.cells import uniform_table
        from scarena.models.adapters.shared.tokens import packed

        n_genes = len(self.measured_G)
        key_BG = uniform_table(cells, n_genes, 0) if key_BG is None else key_BG
        uniform_BS = uniform_table(cells, self.length - 1, 1) if uniform_BS is None else uniform_BS
        at_V = np.zeros(len(self.genes), np.int64)
        at_V[self.measured_G] = np.arange(n_genes)
        ids, values = [], []
        for cell, (first, last) in enumerate(zip(cells.starts_B1[:-1], cells.starts_B1[1:], strict=True)):
            value_G = np.zeros(n_genes, np.float32)
            value_G[at_V[cells.genes_N[first:last]]] = cells.counts_N[first:last]
            chosen = _sentence(value_G, key_BG[cell], uniform_BS[cell])
            share_G = value_G / value_G.sum() if first < last else np.full(n_genes, 1 / n_genes)
            # Upstream looks CLS's value up as if its number were that of one of the dataset's genes.
            own = share_G[self.cls_gene] if self.cls_gene < n_genes else 0.0
            ids.append(np.concatenate([[len(self.genes)], self.measured_G[chosen], [len(self.genes) + 1]]))
            values.append(np.concatenate([[100 * own], 100 * share_G[chosen], [0.0]]))
        return packed(np.concatenate(ids), np.concatenate(values), np.array([len(each) for each in ids]))

    def __call__(self, cells: Cells, device: str) -> np.ndarray:
        """Return CLS's vectors, of length one, and beside them the dataset's."""
        net: Any = self.net.to(device)
        return net(self.tokens(cells).to(device)).cpu().numpy()


def _sentence(value_G: np.ndarray, key_G: np.ndarray, uniform_S: np.ndarray) -> np.ndarray:
    """Return as many of the measured genes as there are uniform numbers, the highest first."""
    order = np.lexsort((key_G, -value_G))
    if len(order) >= len(uniform_S):
        return order[: len(uniform_S)]
    shown = np.count_nonzero(value_G)
    hidden = order[shown:]
    drawn = hidden[(uniform_S[: len(uniform_S) - shown] * len(hidden)).astype(np.int64)] if len(hidden) else hidden
    return np.concatenate([order[:shown], drawn])


def _network(sizes: _Sizes) -> Any:
    import torch
    import torch.nn.functional as F
    from torch import nn

    from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig

    width = sizes.width

    class Network(nn.Module):
        """Projected vectors and a mean of bins' vectors added up, the encoder, and a block that reads two tokens."""

        baked: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.cls, self.dataset = (
                nn.Parameter(torch.randn(1, sizes.token)),
                nn.Parameter(torch.randn(1, sizes.token)),
            )
            self.project, self.norm = nn.Linear(sizes.token, width), nn.LayerNorm(width)
            self.scores_in, self.scores_out = nn.Linear(1, sizes.scores), nn.Linear(sizes.scores, sizes.bins)
            self.bins = nn.Embedding(sizes.bins, width)
            self.encoder = Encoder(EncoderConfig(width, sizes.heads, sizes.layers, sizes.hidden, "gelu"))
            self.read_up, self.read_down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
            self.read_norm, self.last = nn.LayerNorm(width), nn.Linear(width, sizes.out)
            self.of_dataset = nn.Linear(sizes.out, 10)
            self.register_buffer("baked", torch.empty(0), persistent=False)

        @torch.no_grad()
        def bake(self, table: Tensor) -> Network:
            """Project each gene's vector once, which upstream does for every token, and CLS's and the dataset's."""
            parts = [F.normalize(part, dim=1) for part in table.split(4096)]
            projected = [F.silu(self.norm(self.project(part))) for part in (*parts, self.cls, self.dataset)]
            self.baked = torch.cat(projected) * math.sqrt(width)
            return self

        def forward(self, tokens: Packed) -> Tensor:
            """Return each cell's vector."""
            scores_TK = self.scores_out(F.leaky_relu(self.scores_in(tokens.values_T[:, None])))
            valued_TD = scores_TK.softmax(dim=-1) @ self.bins.weight
            valued_TD = valued_TD * (tokens.genes_T < len(self.baked) - 1)[:, None]  # the dataset's token has no value
            starts_B1 = tokens.starts_B1.long()
            asked_R = torch.stack([starts_B1[:-1], starts_B1[1:] - 1], dim=1).flatten()
            x_RD = self.encoder(self.baked[tokens.genes_T] + valued_TD, tokens, asked_R=asked_R)
            x_RD = self.read_norm(x_RD + self.read_down(self.read_up(x_RD).relu()))
            cell_BD, dataset_BD = self.last(x_RD).unflatten(0, (-1, 2)).unbind(1)
            return torch.cat([F.normalize(cell_BD, dim=1), self.of_dataset(dataset_BD)], dim=1)

    return Network()


def _keys(layers: int) -> dict[str, str]:
    from scarena.models.adapters.shared.weights import torch_layers

    modules = {
        "project": "encoder.0", "norm": "encoder.1", "scores_in": "count_encoder.0", "scores_out": "count_encoder.2",
        "read_up": "decoder.0.intermediate_dense", "read_down": "decoder.0.dense", "read_norm": "decoder.0.layer_norm",
        "last": "decoder.1", "of_dataset": "dataset_embedder",
    }  # fmt: skip
    found = {f"{our}.{kind}": f"{name}.{kind}" for our, name in modules.items() for kind in ("weight", "bias")}
    inner = torch_layers(layers, "transformer_encoder.layers.{}", "qkv_proj.{}")
    found |= {f"encoder.{our}": name.replace("self_attn.", "") for our, name in inner.items()}
    return found | {"cls": "cls_token", "dataset": "dataset_token", "bins.weight": "bin_encoder.weight"}
