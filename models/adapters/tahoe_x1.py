"""Tahoe-x1: counts in bins of their cell's quantiles, and a token that reads the cell (Gandhi et al. 2025).

Folder: ``vocab.json``, ``model_config.yml``, ``collator_config.yml`` and ``model.safetensors``, as ``3b-model`` and its
likes of the authors' repository. As upstream by default, a model trained with a token for the drug is read without it.

Shapes: B cells, N counts of all of them, T tokens, D model width.
"""

from __future__ import annotations

import json
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

# `seq_len_dataset` of upstream's script, whatever the length of the pretraining.
_LENGTH = 2048
# Heads of the pretraining, the mark of masked genes, and the drugs.
_UNUSED = (r"model\.(expression_decoder|mvc_decoder|chem_encoder)\..*", r"model\.flag_encoder\.weight")


class TahoeX1(Adapter):
    """A frozen Tahoe-x1, of 70 million to 3 billion parameters as its settings say."""

    card = ModelCard(
        name="tahoe-x1",
        title="Tahoe-x1",
        family="foundation",
        lists_all_studies=False,
        description="counts in 50 bins of at most 2,047 expressed genes; the CLS token's vector, normalised",
        source="doi:10.1101/2025.10.23.683759",
        licence="Apache-2.0",
        parameters=3_000_000_000,  # of the largest
        training_corpus=("CELLxGENE Census of 2025-01-21", "scBaseCount of 2025-02-25", "Tahoe-100M"),
        settings={"seq_len_dataset": _LENGTH, "use_chem_inf": False},
    )
    piece = 16

    def load(self, folder: Path) -> _Loaded:
        """Read the settings, the vocabulary and ``model.safetensors``."""
        from scarena.models.adapters.shared.weights import load_public, read_dictionary, read_tensors, read_yaml

        config, path = read_yaml(folder / "model_config.yml"), folder / "model.safetensors"
        vocabulary = {name: int(number) for name, number in read_dictionary(folder / "vocab.json").items()}
        settings = _settings(config, folder / "model_config.yml")
        if max(vocabulary.values(), default=0) >= settings.tokens or "<cls>" not in vocabulary:
            what = f"{len(vocabulary)} tokens of vocab.json do not go with {settings.tokens} of the model"
            raise ModelError(what, where=str(folder), fix="give the folder as published")
        net = _network(settings)
        load_public(net, read_tensors(path), _keys(settings), _UNUSED, path)
        return _Loaded(net, vocabulary, _bins(folder / "collator_config.yml"))

    @classmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write a model of two layers over a few hundred genes."""
        import torch
        import yaml
        from safetensors.torch import save_file

        from scarena.models.adapters.shared.example import ensembl_ids
        from scarena.models.adapters.shared.weights import to_public

        folder.mkdir(parents=True, exist_ok=True)
        names = [*ensembl_ids(), "<pad>", "<cls>", "<eoc>"]
        config = {**_EXAMPLE, "vocab_size": len(names)}
        collator = {**_COLLATOR, "pad_token_id": names.index("<pad>")}
        (folder / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}))
        (folder / "model_config.yml").write_text(yaml.safe_dump(config))
        (folder / "collator_config.yml").write_text(yaml.safe_dump(collator))
        torch.manual_seed(seed)
        settings = _settings(config, folder)
        save_file(to_public(_network(settings), _keys(settings)), folder / "model.safetensors")


_EXAMPLE = {
    "d_model": 32, "n_layers": 2, "n_heads": 4, "expansion_ratio": 4, "transformer_activation": "gelu",
    "norm_scheme": "pre", "use_glu": False, "cell_emb_style": "cls", "gene_encoder": {"use_norm": True},
    "attn_config": {"attn_impl": "flash", "attn_type": "grouped_query_attention", "use_attn_mask": False},
    "norm_config": {"norm_type": "layernorm", "eps": 1e-5}, "mvc": None, "expression_decoder": {"n_layers": 1},
    "expression_encoder": {"input_emb_style": "continuous", "activation": "gelu", "use_norm": True, "max_value": 512},
}  # fmt: skip
_COLLATOR = {
    "pad_value": -2, "num_bins": 51, "right_binning": False, "do_binning": True, "keep_first_n_tokens": 1,
    "mask_value": -1, "mlm_probability": 0.5, "sampling": True, "max_length": 2048, "use_chem_token": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Settings:
    tokens: int
    width: int
    heads: int
    layers: int
    hidden: int
    activation: Any
    gated: bool
    norm: Any
    eps: float
    gene_norm: bool
    value_activation: Any
    value_norm: bool
    value_most: float


def _settings(config: Mapping[str, Any], where: Path) -> _Settings:
    """Return what a model's settings say, upstream's defaults where they are silent."""
    from scarena.models.adapters.shared.weights import setting

    tokens, width, heads, layers, ratio = (
        setting(config, key, where=where) for key in ("vocab_size", "d_model", "n_heads", "n_layers", "expansion_ratio")
    )
    values, genes = config.get("expression_encoder") or {}, config.get("gene_encoder") or {}
    attention, norms = config.get("attn_config") or {}, config.get("norm_config") or {}
    found = _Settings(
        int(tokens), int(width), int(heads), int(layers), int(width * ratio),
        config.get("transformer_activation", "gelu"), bool(config.get("use_glu", False)),
        config.get("norm_scheme", "pre"), float(norms.get("eps", 1e-5)), bool(genes.get("use_norm", False)),
        values.get("activation", "relu"), bool(values.get("use_norm", False)), float(values.get("max_value", 512)),
    )  # fmt: skip
    known = {
        "cell_emb_style": config.get("cell_emb_style", "cls") == "cls",
        "norm_scheme": found.norm in ("pre", "post"),
        "norm_config.norm_type": norms.get("norm_type", "layernorm").lower().endswith("layernorm"),
        "attn_config.kv_n_heads": attention.get("kv_n_heads", heads) == heads,
        "activation": {found.activation, found.value_activation} <= {"relu", "gelu", "silu"},
    }
    if other := [name for name, fits in known.items() if not fits]:
        fix = "give a model as published"
        raise ModelError(f"{', '.join(other)}: not one that is known here", where=str(where), fix=fix)
    return found


@dataclass(frozen=True, slots=True)
class _Bins:
    number: int
    right: bool
    kept: int
    """Tokens at the front that are neither put into bins nor left out."""
    first: float
    """The value of the CLS token."""


def _bins(path: Path) -> _Bins:
    from scarena.models.adapters.shared.weights import read_yaml, setting

    config = read_yaml(path)
    if not config.get("do_binning", True):
        raise ModelError("values that are not put into bins", where=str(path), fix="give a model as published")
    first = float(setting(config, "pad_value", where=path))
    kept = int(config.get("keep_first_n_tokens", 1))
    return _Bins(int(config.get("num_bins", 51)), bool(config.get("right_binning", False)), kept, first)


class _Loaded:
    """A checkpoint in memory."""

    def __init__(self, net: nn.Module, vocabulary: dict[str, int], bins: _Bins) -> None:
        self.net, self.vocabulary, self.bins = net.eval(), vocabulary, bins
        self.column_V = np.arange(max(vocabulary.values()) + 1)

    def gene_rows(self) -> GeneRows:
        """Return the vectors of the genes' tokens."""
        from scarena.models.adapters.shared.gene_rows import GeneRows

        net: Any = self.net
        return GeneRows(
            net.genes.weight,
            {name: row for name, row in self.vocabulary.items() if not name.startswith("<")},
            "ensembl",
        )

    def cells(self, data: AnnData) -> Cells:
        """Return counts over the vocabulary, by Ensembl id."""
        from scarena.models.adapters.shared.cells import cells_over, joined_genes

        genes = {name: number for name, number in self.vocabulary.items() if not name.startswith("<")}
        for column, name in enumerate(data.var_names):
            if name in genes:
                self.column_V[genes[name]] = column
        return joined_genes(cells_over(data, genes, "ensembl", "tahoe-x1"))

    def tokens(self, cells: Cells, uniform_N: np.ndarray | None = None) -> Packed:
        """Return the tokens: CLS, then the binned genes, by chance at most 2,047 of them.

        Upstream keeps the tokens at the front as they are. Where the training had the drug's among them and embedding
        has not, the second is the cell's first gene in the dataset's order: always read, by its count and not its bin.
        """
        from scarena.models.adapters.shared.cells import highest, uniforms
        from scarena.models.adapters.shared.tokens import with_first

        starts_B1, sizes_B = cells.starts_B1, np.diff(cells.starts_B1)
        # The genes at the front of each cell: the first of its counts by the dataset's columns.
        cell_N = np.repeat(np.arange(len(cells)), sizes_B)
        order = np.lexsort((self.column_V[cells.genes_N], cell_N))
        place_N = np.empty(len(order), np.int64)
        place_N[order] = np.arange(len(order)) - np.repeat(starts_B1[:-1], sizes_B)
        front_N = place_N < self.bins.kept - 1
        values_N = binned(cells, self.bins, front_N)
        key_N = uniforms(cells, 0) if uniform_N is None else uniform_N
        rows = highest(np.where(front_N, np.inf, key_N), starts_B1, _LENGTH - 1)
        return with_first(cells, rows, values_N[rows], self.vocabulary["<cls>"], self.bins.first)

    def __call__(self, cells: Cells, device: str) -> np.ndarray:
        """Return the CLS token's vectors, of length one."""
        net: Any = self.net.to(device)
        return net(self.tokens(cells).to(device)).cpu().numpy()


def binned(cells: Cells, bins: _Bins, front_N: np.ndarray) -> np.ndarray:
    """Return the bin of each count among those of its cell, float32 [N], from 1; counts at the front as they are.

    Edges are quantiles of the cell's other counts, by torch in 32 bits as upstream: which side of an edge a count is
    on hangs on the last of them.
    """
    import torch

    found, levels = cells.counts_N.astype(np.float32), torch.linspace(0, 1, bins.number - 1)
    for first, last in zip(cells.starts_B1[:-1].tolist(), cells.starts_B1[1:].tolist(), strict=True):
        rows = first + np.flatnonzero(~front_N[first:last])
        if len(rows):
            counts = torch.from_numpy(cells.counts_N[rows].astype(np.float32))
            edges = torch.quantile(counts, levels)
            found[rows] = torch.bucketize(counts, edges, right=bins.right) + (not bins.right)
    return found


def _network(settings: _Settings) -> nn.Module:
    import torch.nn.functional as F
    from torch import nn

    from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig

    width = settings.width
    sizes = EncoderConfig(
        width, settings.heads, settings.layers, settings.hidden, settings.activation, norm=settings.norm,
        eps=settings.eps, gated=settings.gated, final_norm=settings.norm == "pre",
    )  # fmt: skip

    class Network(nn.Module):
        """Gene and value added up; then the encoder."""

        def __init__(self) -> None:
            super().__init__()
            self.genes = nn.Embedding(settings.tokens, width)
            self.gene_norm = nn.LayerNorm(width) if settings.gene_norm else nn.Identity()
            self.value_in, self.value_out = nn.Linear(1, width), nn.Linear(width, width)
            self.value_norm = nn.LayerNorm(width) if settings.value_norm else nn.Identity()
            self.encoder = Encoder(sizes)

        def forward(self, tokens: Packed) -> Tensor:
            """Return the vector of each cell's first token, of length one."""
            value_T1 = tokens.values_T.clamp(max=settings.value_most)[:, None]
            hidden_TD = getattr(F, settings.value_activation)(self.value_in(value_T1))
            x_TD = self.gene_norm(self.genes(tokens.genes_T)) + self.value_norm(self.value_out(hidden_TD))
            return F.normalize(self.encoder(x_TD, tokens, first=True), dim=1)

    return Network()


def _keys(settings: _Settings) -> dict[str, str | tuple[str, ...]]:
    from scarena.models.adapters.shared.weights import torch_layers

    modules = {"value_in": "expression_encoder.linear1", "value_out": "expression_encoder.linear2"}
    modules |= {"gene_norm": "gene_encoder.enc_norm"} if settings.gene_norm else {}
    modules |= {"value_norm": "expression_encoder.norm"} if settings.value_norm else {}
    modules |= {"encoder.final": "transformer_encoder.norm"} if settings.norm == "pre" else {}
    names = {f"{our}.{kind}": f"{name}.{kind}" for our, name in modules.items() for kind in ("weight", "bias")}
    inner = torch_layers(settings.layers, "transformer_encoder.layers.{}", "self_attn.Wqkv.{}")
    for our, name in inner.items():
        names[f"encoder.{our}"] = name.replace("linear1", "up_proj").replace("linear2", "down_proj")
    names["genes.weight"] = "gene_encoder.embedding.weight"
    found: dict[str, str | tuple[str, ...]] = {our: f"model.{name}" for our, name in names.items()}
    if settings.gated:
        for our, name in names.items():
            if ".up." in our:
                found[our] = (f"model.{name.replace('up_proj', 'gate_proj')}", f"model.{name}")
    return found
