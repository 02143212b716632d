"""scBERT: every gene of a fixed list, its log count cut to six levels, read by a Performer (Yang et al. 2022).

Folder: ``panglao_pretrained.pth`` (or another ``.pth``) and ``panglao_10000.h5ad``, whose genes are the list.

Shapes: B cells, N counts of all of them, T tokens, G genes of the list, D model width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

_LEVELS, _GENES = 5, "panglao_10000.h5ad"
# Heads of the pretraining or of an annotation, and a counter.
_UNUSED = (r"to_out\..*", r"performer\.calls_since_last_redraw")


class ScBERT(Adapter):
    """A frozen scBERT.

    Its authors publish no embedding of cells: a classifier reads all positions. Here they are averaged.
    """

    card = ModelCard(
        name="scbert",
        title="scBERT",
        family="foundation",
        lists_all_studies=False,
        description="log2 counts per 10,000 cut to levels 0 to 5, all 16,906 genes; mean of the last layer's vectors",
        source="doi:10.1038/s42256-022-00534-z",
        licence="GPL-3.0",
        parameters=8_388_607,
        training_corpus=("PanglaoDB, 1.1 million human cells",),
        gene_knowledge=("co-expression of 984 studies (Gene2vec)",),
        settings={"levels": _LEVELS, "pooling": "mean (none is published)"},
    )
    piece = 1

    def load(self, folder: Path) -> _Loaded:
        """Read the weights and the list of genes; sizes are those of the tensors."""
        from scarena.models.adapters.shared.weights import load_public, read_tensors

        files = sorted(folder.glob("*.pth"))
        if len(files) != 1:
            raise ModelError(f"{len(files)} .pth files", where=str(folder), fix="one checkpoint a folder")
        genes, weights = _gene_list(folder / _GENES), read_tensors(files[0], "model_state_dict")
        sizes = _sizes(weights, files[0])
        net = _network(len(genes), sizes)
        load_public(net, weights, _keys(sizes["layers"]), _UNUSED, files[0])
        return _Loaded(net, genes)

    @classmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write a model of two layers over a few hundred symbols."""
        import torch
        from anndata import AnnData
        from scipy.sparse import csr_matrix

        from scarena.models.adapters.shared.example import symbols
        from scarena.models.adapters.shared.weights import save_torch, to_public

        folder.mkdir(parents=True, exist_ok=True)
        genes = AnnData(csr_matrix((1, len(symbols())), dtype=np.float32))
        genes.var_names = symbols()
        genes.write_h5ad(folder / _GENES)
        torch.manual_seed(seed)
        weights = to_public(_network(len(symbols()), _EXAMPLE), _keys(_EXAMPLE["layers"]))
        save_torch(folder / "panglao_pretrained.pth", {"model_state_dict": weights})


_EXAMPLE = {"levels": 7, "width": 20, "inner": 32, "head_width": 16, "features": 24, "hidden": 40, "layers": 2}
_LAYER = "performer.net.layers.{}"


def _gene_list(path: Path) -> list[str]:
    import h5py
    from anndata.io import read_elem

    try:
        with h5py.File(path) as file:
            return [str(name) for name in read_elem(file["var"]).index]
    except (OSError, KeyError, AttributeError, ValueError) as error:
        fix = "put the authors' file into the folder: the order of its genes is the order of positions"
        raise ModelError(f"has no genes ({error})", where=str(path), fix=fix) from None


def _sizes(weights: Mapping[str, Tensor], where: Path) -> dict[str, int]:
    attention = _LAYER.format(0) + ".0.fn"
    try:
        levels, width = weights["token_emb.weight"].shape
        features, head_width = weights[f"{attention}.fast_attention.projection_matrix"].shape
        inner, hidden = len(weights[f"{attention}.to_q.weight"]), len(weights[_LAYER.format(0) + ".1.fn.fn.w1.weight"])
    except (KeyError, ValueError) as error:
        raise ModelError(f"lacks {error}", where=str(where), fix="give the folder as published") from None
    layers = sum(key.endswith(".fast_attention.projection_matrix") for key in weights)
    return {
        "levels": levels, "width": width, "inner": inner, "head_width": head_width, "features": features,
        "hidden": hidden, "layers": layers,
    }  # fmt: skip


class _Loaded:
    """A checkpoint in memory."""

    def __init__(self, net: nn.Module, genes: Sequence[str]) -> None:
        self.net, self.genes = net.eval(), genes

    def gene_rows(self) -> GeneRows:
        """Return the vectors of the genes' positions, which are Gene2vec's."""
        from scarena.models.adapters.shared.gene_rows import GeneRows

        net: Any = self.net
        place = {name: row for row, name in reversed(list(enumerate(self.genes)))}
        return GeneRows(net.genes.weight, place, "symbol")

    def cells(self, data: AnnData) -> Cells:
        """Return counts over the list, by symbol; of genes with one symbol the dataset's first, as upstream."""
        from scarena.models.adapters.shared.cells import cells_over

        first = ~data.var["symbol"].astype(str).duplicated().to_numpy()
        return cells_over(data[:, first], {name: n for n, name in enumerate(self.genes)}, "symbol", "scbert")

    def tokens(self, cells: Cells) -> Packed:
        """Return the level of every gene of the list in each cell, and one token 0 behind them.

        Upstream leaves out cells of fewer than 200 genes; here every cell is embedded.
        """
        from scarena.models.adapters.shared.tokens import packed

        cell_N = np.repeat(np.arange(len(cells)), np.diff(cells.starts_B1))
        total_B = np.bincount(cell_N, cells.counts_N, len(cells)).astype(np.float32)
        logs_N = np.log1p(cells.counts_N / (total_B / np.float32(1e4))[cell_N]) / np.float32(np.log(2))
        level_BL = np.zeros((len(cells), len(self.genes) + 1), np.int64)
        # Cut off and not rounded: upstream turns what is above the highest level into it, and then into integers.
        level_BL[cell_N, cells.genes_N] = np.minimum(logs_N, _LEVELS).astype(np.int64)
        return packed(level_BL.ravel(), np.zeros(level_BL.size), np.full(len(cells), level_BL.shape[1]))

    def __call__(self, cells: Cells, device: str) -> np.ndarray:
        """Return the means over all positions."""
        net: Any = self.net.to(device)
        return net(self.tokens(cells).to(device)).cpu().numpy()


def _network(n_genes: int, sizes: Mapping[str, int]) -> nn.Module:
    from torch import nn

    from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig, cell_means
    from scarena.models.adapters.shared.performer import PerformerLayer

    config = EncoderConfig(
        sizes["width"], sizes["inner"] // sizes["head_width"], sizes["layers"], sizes["hidden"], "gelu", norm="pre",
        attention_bias=False, final_norm=True, head_width=sizes["head_width"], features=sizes["features"],
    )  # fmt: skip

    class Network(nn.Module):
        """Level and gene (gene2vec's vectors, in the checkpoint) added up; then the encoder."""

        def __init__(self) -> None:
            super().__init__()
            self.levels = nn.Embedding(sizes["levels"], sizes["width"])
            self.genes = nn.Embedding(n_genes + 1, sizes["width"])
            self.encoder = Encoder(config, PerformerLayer)

        def forward(self, tokens: Packed) -> Tensor:
            """Return the mean of each cell's vectors."""
            x_TD = self.levels(tokens.genes_T) + self.genes.weight.repeat(tokens.n_cells, 1)
            return cell_means(self.encoder(x_TD, tokens), tokens)

    return Network()


def _keys(layers: int) -> dict[str, str | tuple[str, ...]]:
    found: dict[str, str | tuple[str, ...]] = {
        "levels.weight": "token_emb.weight",
        "genes.weight": "pos_emb.emb.weight",
    }
    parts = {
        "out": "0.fn.to_out", "up": "1.fn.fn.w1", "down": "1.fn.fn.w2", "norm_attention": "0.norm", "norm_ff": "1.norm",
    }  # fmt: skip
    for kind in ("weight", "bias"):
        found[f"encoder.final.{kind}"] = f"norm.{kind}"
    for number in range(layers):
        ours, theirs = f"encoder.layers.{number}", _LAYER.format(number)
        found[f"{ours}.qkv.weight"] = tuple(f"{theirs}.0.fn.to_{name}.weight" for name in "qkv")
        found[f"{ours}.features"] = f"{theirs}.0.fn.fast_attention.projection_matrix"
        for kind in ("weight", "bias"):
            found |= {f"{ours}.{our}.{kind}": f"{theirs}.{name}.{kind}" for our, name in parts.items()}
    return found
