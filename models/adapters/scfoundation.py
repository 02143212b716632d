"""scFoundation: all expressed genes with soft bins, and two tokens of depth (Hao et al. 2024).

Folder, as the authors' ``model``: ``models/models.ckpt`` (or beside the rest) and ``OS_scRNA_gene_index.19264.tsv`` (or
a folder above). Of its encoders the one named ``cell`` is read, as upstream for cell embeddings without enhancement.

Shapes: B cells, N counts of all of them, T tokens, D model width, K bins.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
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

_TSV, _CHECKPOINT, _KEY = "OS_scRNA_gene_index.19264.tsv", "models.ckpt", "cell"
# Upstream's default for the depth that is asked for, "t4": log10 of the counts.
_TARGET = 4.0
# Vectors of masked and padded values, the decoder, and its heads.
_UNUSED = (r"token_emb\.emb_(mask|pad)\.weight", r"(decoder|decoder_embed|norm|to_final)\..*")


class ScFoundation(Adapter):
    """A frozen scFoundation."""

    card = ModelCard(
        name="scfoundation",
        title="scFoundation",
        family="foundation",
        lists_all_studies=False,
        description="log-normalised counts of all expressed genes; two tokens of depth, maximum and mean of genes",
        source="doi:10.1038/s41592-024-02305-7",
        licence="Apache-2.0 (code); weights under the terms that the authors' download asks to accept",
        parameters=99_940_156,
        training_corpus=("50 million human cells of GEO, Single Cell Portal, HCA, hECA, DISCO, EMBL-EBI and others",),
        settings={"tgthighres": "t4", "pool_type": "all", "version": "ce", "target_sum": 10_000},
    )
    # As long as cells are: there is no limit but the number of genes.
    piece = 8

    def load(self, folder: Path) -> _Loaded:
        """Read the list of genes and the encoder for cells."""
        from scarena.models.adapters.shared.weights import load_public, read_plain, read_tensors

        genes = _genes(next((f for f in (folder / _TSV, folder.parent / _TSV) if f.is_file()), folder / _TSV))
        files = (folder / _CHECKPOINT, folder / "models" / _CHECKPOINT)
        path = next((file for file in files if file.is_file()), files[0])
        config = read_plain(path, _KEY, "config", "model_config", "mae_autobin")
        net = _network(config, len(genes) + 2, path)
        # Lightning's name of the model within the whole.
        found = {re.sub(r"^model\.", "", name): value for name, value in read_tensors(path, _KEY, "state_dict").items()}
        load_public(net, found, _keys(int(config["encoder"]["depth"])), _UNUSED, path)
        return _Loaded(net, genes)

    @classmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write an encoder of two layers over a few hundred symbols."""
        import torch

        from scarena.models.adapters.shared.example import symbols
        from scarena.models.adapters.shared.weights import save_torch, to_public

        lines = ["gene_name\tindex", *(f"{name}\t{n}" for n, name in enumerate(symbols()))]
        config = {"encoder": {"hidden_dim": 32, "depth": 2, "heads": 4, "module_type": "transformer"}, **_BINS}
        torch.manual_seed(seed)
        net = _network(config, len(symbols()) + 2, folder)
        state = {f"model.{name}": value for name, value in to_public(net, _keys(2)).items()}
        inner = {"config": {"model": "mae_autobin", "model_config": {"mae_autobin": config}}, "state_dict": state}
        (folder / "models").mkdir(parents=True, exist_ok=True)
        (folder / _TSV).write_text("\n".join(lines) + "\n")
        save_torch(folder / "models" / _CHECKPOINT, {_KEY: inner})


_BINS = {"bin_num": 10, "bin_alpha": 1.0}


def _genes(path: Path) -> dict[str, int]:
    """Return each gene's place in the authors' order."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            names = [row["gene_name"] for row in csv.DictReader(file, delimiter="\t")]
    except (OSError, KeyError) as error:
        fix = "give the list of genes as its authors published it"
        raise ModelError(f"cannot be read ({error})", where=str(path), fix=fix) from None
    return {name: place for place, name in enumerate(names)}


class _Loaded:
    """A checkpoint in memory."""

    def __init__(self, net: nn.Module, genes: dict[str, int]) -> None:
        self.net, self.genes = net.eval(), genes

    def gene_rows(self) -> GeneRows:
        """Return the vectors that are added to a value's."""
        from scarena.models.adapters.shared.gene_rows import GeneRows

        net: Any = self.net
        return GeneRows(net.places.weight, self.genes, "symbol")

    def cells(self, data: AnnData) -> Cells:
        """Return counts over the vocabulary, by symbol; those of two genes of one symbol added up."""
        from scarena.models.adapters.shared.cells import cells_over, joined_genes

        return joined_genes(cells_over(data, self.genes, "symbol", "scfoundation"))

    def tokens(self, cells: Cells) -> Packed:
        """Return the tokens: genes in the vocabulary's order, the depth asked for (T), the depth there is (S).

        Depth is of the vocabulary's genes alone. Upstream fails on cells without counts, and on those with one; here
        the first have both tokens of depth and no other, and the second keep an S of zero.
        """
        from scarena.models.adapters.shared.tokens import between

        sizes_B = np.diff(cells.starts_B1)
        cell_N = np.repeat(np.arange(len(cells)), sizes_B)
        total_B = np.bincount(cell_N, cells.counts_N.astype(np.float64), minlength=len(cells))
        values_N = np.log1p(cells.counts_N / total_B[cell_N] * 1e4)
        source = len(self.genes) + 1
        tokens = between(cells.genes_N, values_N, sizes_B, [], [(source - 1, _TARGET), (source, 0.0)])
        depth_B = np.log10(np.maximum(total_B, 1)).astype(np.float32)
        tokens.values_T.numpy()[tokens.starts_B1[1:].numpy() - 1] = depth_B
        return tokens

    def __call__(self, cells: Cells, device: str) -> np.ndarray:
        """Return S, T, and maximum and mean over the genes, one after the other, [B, 4 D]."""
        net: Any = self.net.to(device)
        return net(self.tokens(cells).to(device)).cpu().numpy()


def _network(config: Mapping[str, Any], n_places: int, where: Path) -> nn.Module:
    import torch
    import torch.nn.functional as F
    from torch import nn

    from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig, cell_maxima, cell_means
    from scarena.models.adapters.shared.weights import setting
    from scarena.models.foundation.packed import Packed

    kind = setting(config, "encoder", "module_type", where=where)
    if kind != "transformer":
        fix = "give the checkpoint for cells as published"
        raise ModelError(f"an encoder of kind {kind!r}", where=str(where), fix=fix)
    width, heads, depth = (
        int(setting(config, "encoder", key, where=where)) for key in ("hidden_dim", "heads", "depth")
    )
    bins, alpha = int(setting(config, "bin_num", where=where)), float(setting(config, "bin_alpha", where=where))
    sizes = EncoderConfig(width, heads, depth, 4 * width, final_norm=True)

    class Network(nn.Module):
        """A value's vector is a mean of vectors of bins, whose weights a small network gives; its gene's is added."""

        def __init__(self) -> None:
            super().__init__()
            self.scores_in, self.scores_out = nn.Linear(1, bins), nn.Linear(bins, bins)
            self.bins = nn.Embedding(bins, width)
            self.places = nn.Embedding(n_places + 1, width)
            self.encoder = Encoder(sizes)

        def forward(self, tokens: Packed) -> Tensor:
            """Return each cell's vector."""
            hidden_TK = F.leaky_relu(self.scores_in(tokens.values_T[:, None]), 0.1)
            weights_TK = (alpha * hidden_TK + self.scores_out(hidden_TK)).softmax(dim=-1)
            x_TD = self.encoder(weights_TK @ self.bins.weight + self.places(tokens.genes_T), tokens)
            last_B = tokens.starts_B1[1:].long() - 1
            is_gene_T = torch.ones(len(x_TD), dtype=torch.bool, device=x_TD.device)
            is_gene_T[last_B], is_gene_T[last_B - 1] = False, False
            starts_B1 = tokens.starts_B1 - 2 * torch.arange(len(tokens.starts_B1), device=x_TD.device).int()
            genes = Packed(tokens.genes_T[is_gene_T], tokens.values_T[is_gene_T], starts_B1, tokens.longest - 2)
            pooled = [pool(x_TD[is_gene_T], genes) for pool in (cell_maxima, cell_means)]
            return torch.cat([x_TD[last_B], x_TD[last_B - 1], *pooled], dim=-1)

    return Network()


def _keys(layers: int) -> dict[str, str]:
    from scarena.models.adapters.shared.weights import torch_layers

    modules = {"scores_in": "token_emb.mlp", "scores_out": "token_emb.mlp2", "encoder.final": "encoder.norm"}
    found = {f"{our}.{kind}": f"{name}.{kind}" for our, name in modules.items() for kind in ("weight", "bias")}
    found |= {"bins.weight": "token_emb.emb.weight", "places.weight": "pos_emb.weight"}
    inner = torch_layers(layers, "encoder.transformer_encoder.{}")
    return found | {f"encoder.{our}": name for our, name in inner.items()}
