"""CellPLM: cells are the tokens, so a cell's vector depends on those that go with it (Wen et al. 2024).

Folder: ``<prefix>.config.json`` and ``<prefix>.best.ckpt``, one of each.

Shapes: B cells that go together, C clusters, D model width, Z latent width.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import ModelError
from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.base import Context, ModelCard

if TYPE_CHECKING:
    from anndata import AnnData
    from torch import Tensor, nn

    from scarena.models.adapters.shared.gene_rows import GeneRows
    from scarena.models.foundation.tokenize import Cells

_TOGETHER = 20_000
# What the pretraining needs beside; places of spots, which upstream leaves out of the sum although it has them.
_UNUSED = (
    r"(decoder|head|mask_model|objective)\..*", r"embedder\.(norm0|pe_enc|cov_enc)\..*", r"latent\.layers\.[2-9]\..*",
    r"latent\.layers\.1\.(hid_2sigma|inference\.(y_mu|y_var|inference_qzyx\.2\.var))\..*",
    r"pre_latent_norm\.norm\.bns\.([1-9]\d*\..*|0\.num_batches_tracked)",
)  # fmt: skip


class CellPLM(Adapter):
    """A frozen CellPLM.

    All cells of a batch go through the network together, in the dataset's order and at most 20,000 at once (upstream:
    all of them). Leaving cells out, or giving them other batches, changes the vectors of the rest; in a batch that has
    more, so does another order.
    """

    card = ModelCard(
        name="cellplm",
        title="CellPLM",
        family="foundation",
        lists_all_studies=False,
        description="a token a cell, from log counts; cells of a batch look at each other; the latent mean",
        uses_batch=True,
        source="doi:10.1101/2023.10.03.560734",
        licence="BSD-2-Clause",
        parameters=85_000_000,
        training_corpus=("HTCA, HCA, GEO: 9 million human cells; 2 million of spatial studies",),
        settings={"cells_together": _TOGETHER, "cells_by": "batch"},
    )
    piece = _TOGETHER

    def load(self, folder: Path) -> _Loaded:
        """Read the configuration, which has the genes, and the weights."""
        from scarena.models.adapters.shared.weights import load_public, read_config, read_tensors

        found = sorted(folder.glob("*.config.json"))
        if len(found) != 1:
            what = f"{len(found)} files called <prefix>.config.json"
            raise ModelError(what, where=str(folder), fix="one checkpoint a folder, as `prefix.best.ckpt` beside it")
        config = read_config(found[0], "gene_list", "enc_mod", "enc_hid", "enc_layers", "post_latent_dim")
        _check(config, found[0])
        path = found[0].with_name(found[0].name.removesuffix(".config.json") + ".best.ckpt")
        net = _network(config)
        load_public(net, read_tensors(path, "model_state_dict"), _keys(config), _UNUSED, path)
        return _Loaded(net, {gene: number for number, gene in enumerate(config["gene_list"])})

    @classmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write a model of two layers over a few hundred genes."""
        import torch

        from scarena.models.adapters.shared.example import ensembl_ids
        from scarena.models.adapters.shared.weights import save_torch, to_public

        config = {**_EXAMPLE, "gene_list": ensembl_ids()}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "example.config.json").write_text(json.dumps(config))
        torch.manual_seed(seed)
        weights = to_public(_network(config), _keys(config))
        save_torch(folder / "example.best.ckpt", {"model_state_dict": weights})

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the latent means, batch by batch."""
        _, self._batch_B = np.unique(data.obs["batch"].astype(str).to_numpy(), return_inverse=True)
        return super().embed(data, ctx)

    def _order(self, cells: Cells) -> np.ndarray:
        return np.argsort(self._batch_B, kind="stable")

    def _pieces(self, cells: Cells) -> Iterator[Cells]:
        order = self._order(cells)
        for rows in np.split(order, np.flatnonzero(np.diff(self._batch_B[order])) + 1):
            for first in range(0, len(rows), self.piece):
                yield cells.rows(rows[first : first + self.piece])


_EXAMPLE: dict[str, Any] = {
    "enc_mod": "flowformer", "enc_hid": 32, "enc_layers": 2, "enc_head": 4, "post_latent_dim": 16, "norm": "groupnorm",
    "latent_mod": "gmvae", "num_clusters": 5, "pe_type": "sin", "cat_pe": False, "dec_mod": "mlp", "dec_hid": 16,
    "dec_layers": 2, "out_dim": 400, "mask_node_rate": 0.75, "mask_feature_rate": 0.25, "dsbn": False,
}  # fmt: skip
_LATENTS, _NORMS = ("gmvae", "vae", "ae", "none"), ("layernorm", "groupnorm")


def _check(config: Mapping[str, Any], where: Path) -> None:
    """Refuse what upstream's constructor knows and this one does not, rather than take it for something else."""
    wrong = [
        f"{key} {config.get(key, default)!r}"
        for key, default, allowed in (
            ("enc_mod", None, ("flowformer",)), ("latent_mod", "vae", _LATENTS), ("norm", "layernorm", _NORMS),
            ("input_covariate", False, (False,)), ("gene_emb", None, (None,)),
        )
        if config.get(key, default) not in allowed
    ]  # fmt: skip
    if config.get("pe_type", "sin") is not None and config.get("cat_pe", True):
        # Upstream then joins a number to its vectors, which fails.
        wrong.append("cat_pe True")
    if wrong:
        fix = "the published ones are flowformers without covariates"
        raise ModelError(f"is of a kind that is not read here: {', '.join(wrong)}", where=str(where), fix=fix)


class _Loaded:
    """A checkpoint in memory."""

    def __init__(self, net: nn.Module, genes: Mapping[str, int]) -> None:
        self.net, self.genes = net.eval(), genes

    def gene_rows(self) -> GeneRows:
        """Return what a gene adds to a cell for each unit of its log count."""
        from scarena.models.adapters.shared.gene_rows import GeneRows

        net: Any = self.net
        return GeneRows(net.genes.weight, self.genes, "ensembl")

    def cells(self, data: AnnData) -> Cells:
        """Return counts over the genes, by Ensembl id."""
        from scarena.models.adapters.shared.cells import cells_over

        return cells_over(data, self.genes, "ensembl", "cellplm")

    def __call__(self, cells: Cells, device: str, uniform_BC: np.ndarray | None = None) -> np.ndarray:
        """Return the latent means.

        Upstream draws a cluster for each cell, after training too. Here a cell's counts decide the draws.
        """
        import torch

        from scarena.models.adapters.shared.cells import uniform_table

        net: Any = self.net.to(device)
        draws_BC = uniform_table(cells, net.n_clusters, 0) if uniform_BC is None else uniform_BC
        genes_N, starts_B1 = torch.from_numpy(cells.genes_N).long(), torch.from_numpy(cells.starts_B1)
        logs_N = torch.from_numpy(cells.counts_N).log1p()
        given = (x.to(device) for x in (genes_N, starts_B1, logs_N, torch.from_numpy(draws_BC).float()))
        return net(*given).cpu().numpy()


def _network(config: Mapping[str, Any]) -> nn.Module:
    import torch
    import torch.nn.functional as F
    from torch import nn

    from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig
    from scarena.models.adapters.shared.flow import FlowLayer
    from scarena.models.foundation.packed import Packed

    width, latent, mod = int(config["enc_hid"]), int(config["post_latent_dim"]), config.get("latent_mod", "vae")
    heads, layers = int(config.get("enc_head", 8)), int(config["enc_layers"])
    sizes = EncoderConfig(width, heads, layers, 2 * width, "gelu", norm="pre")

    class Network(nn.Module):
        """A sum of gene vectors, weighted by log counts; the encoder over cells; the latent layer."""

        def __init__(self) -> None:
            super().__init__()
            self.n_clusters = int(config.get("num_clusters", 16)) if mod == "gmvae" else 0
            self.genes = nn.Embedding(len(config["gene_list"]), width)
            self.into = nn.Linear(width, width)
            self.norm = nn.GroupNorm(4, width) if config.get("norm") == "groupnorm" else nn.LayerNorm(width)
            self.encoder = Encoder(sizes, FlowLayer)
            self.before = nn.BatchNorm1d(width, track_running_stats=True) if config.get("dsbn") else nn.LayerNorm(width)
            if mod == "gmvae":
                self.clusters, self.hidden = nn.Linear(width, self.n_clusters), nn.Linear(width + self.n_clusters, 512)
            self.mean = nn.Linear(512 if mod == "gmvae" else width, latent) if mod != "none" else None

        def forward(self, genes_N: Tensor, starts_B1: Tensor, logs_N: Tensor, uniform_BC: Tensor) -> Tensor:
            """Return the latent mean of each cell, [B, Z]."""
            x_BD = F.embedding_bag(genes_N, self.genes.weight, starts_B1[:-1], mode="sum", per_sample_weights=logs_N)
            x_BD = self.norm(self.into(x_BD).relu())
            none_B = torch.zeros(len(x_BD), device=x_BD.device)
            one = torch.tensor([0, len(x_BD)], dtype=torch.int32, device=x_BD.device)
            x_BD = self.before(self.encoder(x_BD, Packed(none_B.int(), none_B, one, len(x_BD))))
            if mod == "gmvae":
                noise_BC = -torch.log(-torch.log(uniform_BC + 1e-20) + 1e-20)
                drawn_BC = F.one_hot((self.clusters(x_BD) + noise_BC).argmax(1), self.n_clusters).to(x_BD.dtype)
                x_BD = self.hidden(torch.cat([x_BD, drawn_BC], 1)).relu()
            return x_BD if self.mean is None else self.mean(x_BD)

    return Network()


def _keys(config: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    mod, kinds = config.get("latent_mod", "vae"), ("weight", "bias")
    modules = {"into": "embedder.extra_linear.0", "norm": "embedder.extra_linear.3"}
    modules["before"] = "pre_latent_norm.norm" + (".bns.0" if config.get("dsbn") else "")
    inference = "latent.layers.1.inference"
    modules |= {
        "gmvae": {
            "clusters": f"{inference}.inference_qyx.0.logits", "hidden": f"{inference}.inference_qzyx.0",
            "mean": f"{inference}.inference_qzyx.2.mu",
        },
        "vae": {"mean": "latent.layers.1.hid_2mu"},
        "ae": {"mean": "latent.layers.1.lat_2lat.0"},
        "none": {},
    }[mod]  # fmt: skip
    found: dict[str, str | tuple[str, ...]] = {"genes.weight": "embedder.feat_enc.emb"}
    found |= {f"{our}.{kind}": f"{name}.{kind}" for our, name in modules.items() for kind in kinds}
    if config.get("dsbn"):
        found |= {f"before.{name}": f"pre_latent_norm.norm.bns.0.{name}" for name in ("running_mean", "running_var")}
    parts = {
        "out": "self_attn.out_projection", "up": "_ff_block.0", "down": "_ff_block.3", "norm_attention": "norm1",
        "norm_ff": "norm2",
    }  # fmt: skip
    for number in range(int(config["enc_layers"])):
        ours, theirs = f"encoder.layers.{number}", f"encoder.layers.{number}"
        for kind in kinds:
            joined = tuple(f"{theirs}.self_attn.{name}_projection.{kind}" for name in ("query", "key", "value"))
            found[f"{ours}.qkv.{kind}"] = joined
            found |= {f"{ours}.{our}.{kind}": f"{theirs}.{name}.{kind}" for our, name in parts.items()}
    return found
