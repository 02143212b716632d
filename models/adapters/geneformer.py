"""Geneformer: genes ranked by their count relative to the gene's median, read by a BERT (Theodoris et al. 2023).

Folder: ``config.json`` and ``model.safetensors`` (or ``pytorch_model.bin``) of the model; the dictionaries of tokens,
medians and (V2) Ensembl ids in the same folder, or in ``geneformer`` beside it, as the authors' repository has them.

Shapes: B cells, N counts of all of them, T tokens, D model width.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.errors import ModelError
from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.base import ModelCard

if TYPE_CHECKING:
    from anndata import AnnData
    from torch import Tensor, nn

    from scarena.models.foundation.packed import Packed
    from scarena.models.foundation.tokenize import Cells

# Heads of the pretraining; `position_ids` is a buffer of older versions of the library.
_UNUSED = (r"cls\..*", r"bert\.pooler\..*", r"bert\.embeddings\.position_ids")
# V2-104M, the authors' default; its last layer counts, though it is not read.
_PUBLISHED = {
    "hidden_size": 768, "num_attention_heads": 12, "num_hidden_layers": 12, "intermediate_size": 3072,
    "hidden_act": "relu", "layer_norm_eps": 1e-12, "max_position_embeddings": 4096, "type_vocab_size": 2,
    "vocab_size": 20_275,
}  # fmt: skip
_PLACES = (".", "../geneformer", "../geneformer/gene_dictionaries_30m")


class Geneformer(Adapter):
    """A frozen Geneformer, V1 or V2 as its vocabulary says."""

    card = ModelCard(
        name="geneformer",
        title="Geneformer",
        family="foundation",
        description="genes by rank of count / median; second to last layer: V1 the mean over genes, V2 the CLS token",
        source="doi:10.1038/s41586-023-06139-9",
        licence="Apache-2.0",
        parameters=103_774_464,
        training_corpus=("Genecorpus-30M (V1), Genecorpus-104M (V2)",),
        lists_all_studies=False,
        settings={"emb_layer": -1, "target_sum": 10_000},
    )
    piece = 16

    def load(self, folder: Path) -> _Loaded:
        """Read the model and the dictionaries that go with its vocabulary."""
        from scarena.models.adapters.shared.weights import load_public, read_dictionary, read_tensors

        config = read_dictionary(folder / "config.json")
        tokens = _dictionary(folder, "token_dictionary*", int(config["vocab_size"]))
        medians = _dictionary(folder, "gene_median_dictionary*", None, set(tokens))
        renamed = _dictionary(folder, "ensembl_mapping_dict*", None, set(tokens), optional=True)
        file = next((f for name in _FILES if (f := folder / name).is_file()), folder / _FILES[0])
        net = _network(config)
        last = int(config["num_hidden_layers"]) - 1
        unused = (*_UNUSED, rf"bert\.encoder\.layer\.{last}\..*")
        load_public(net, read_tensors(file), _keys(last), unused, file)
        return _Loaded(net, tokens, medians, renamed, int(config["max_position_embeddings"]))

    @classmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write a V2 model of three layers."""
        import torch

        from scarena.models.adapters.shared.example import ensembl_ids
        from scarena.models.adapters.shared.weights import to_public

        folder.mkdir(parents=True, exist_ok=True)
        tokens = {name: n for n, name in enumerate(["<pad>", "<mask>", "<cls>", "<eos>", *ensembl_ids()])}
        medians = {gene: 1.0 + (n * 0.6180339887) % 1 for n, gene in enumerate(ensembl_ids())}
        (folder / "token_dictionary.json").write_text(json.dumps(tokens))
        (folder / "gene_median_dictionary.json").write_text(json.dumps(medians))
        (folder / "config.json").write_text(json.dumps({**_EXAMPLE, "vocab_size": len(tokens)}))
        torch.manual_seed(seed)
        net = _network({**_EXAMPLE, "vocab_size": len(tokens)})
        from safetensors.torch import save_file

        save_file(to_public(net, _keys(2)), folder / "model.safetensors")


_FILES = ("model.safetensors", "pytorch_model.bin")
_EXAMPLE = {
    "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 3, "intermediate_size": 64,
    "hidden_act": "relu", "layer_norm_eps": 1e-12, "max_position_embeddings": 128, "type_vocab_size": 2,
}  # fmt: skip


def _dictionary(
    folder: Path, pattern: str, size: int | None, known: set[str] | None = None, *, optional: bool = False
) -> dict[str, Any]:
    """Return the dictionary that goes with the model: of the right size, or over genes that its tokens know."""
    from scarena.models.adapters.shared.weights import read_dictionary

    seen = []
    for place in _PLACES:
        for path in sorted((folder / place).glob(pattern)):
            found = read_dictionary(path)
            seen.append(f"{path.name} ({len(found)} entries)")
            if size is not None and len(found) == size:
                return found
            if known is not None and _is_of(found, known):
                return found
    if optional:
        return {}
    wanted = f"{pattern} with {size} entries" if size is not None else f"{pattern} of its genes"
    fix = "put it into the folder; the authors keep it in `geneformer/` of their repository"
    raise ModelError(f"no {wanted}{'; there is ' + ', '.join(seen) if seen else ''}", where=str(folder), fix=fix)


def _is_of(found: Mapping[str, Any], known: set[str]) -> bool:
    genes = {gene for gene in known if not gene.startswith("<")}
    values = set(found.values()) if all(isinstance(value, str) for value in found.values()) else set(found)
    return len(genes & values) >= 0.99 * len(genes)


class _Loaded:
    """A checkpoint in memory."""

    def __init__(
        self, net: nn.Module, tokens: Mapping[str, Any], medians: Mapping[str, Any], renamed: Mapping[str, Any],
        longest: int,
    ) -> None:  # fmt: skip
        self.net, self.tokens_of, self.longest = net.eval(), {k: int(v) for k, v in tokens.items()}, longest
        self.median_V = np.ones(max(self.tokens_of.values()) + 1)
        genes = [gene for gene in self.tokens_of if gene in medians]
        self.median_V[[self.tokens_of[gene] for gene in genes]] = [float(medians[gene]) for gene in genes]
        self.place = {gene: self.tokens_of[gene] for gene in genes}
        # V2 counts a gene under the id that its corpus knew it by.
        self.place |= {old: self.tokens_of[new] for old, new in renamed.items() if new in self.place}
        self.framed = "<cls>" in self.tokens_of and "<eos>" in self.tokens_of

    def cells(self, data: AnnData) -> Cells:
        """Return counts over the vocabulary, those of one gene's several ids added up."""
        from scarena.models.adapters.shared.cells import cells_over, joined_genes

        return joined_genes(cells_over(data, self.place, "ensembl", "geneformer"))

    def tokens(self, cells: Cells) -> Packed:
        """Return genes by rank, as many as the model reads; V2 puts CLS before and EOS after them."""
        from scarena.models.adapters.shared.cells import highest
        from scarena.models.adapters.shared.tokens import between, kept_sizes

        depth_N = np.repeat(cells.depth_B.astype(np.float64), np.diff(cells.starts_B1))
        key_N = cells.counts_N / depth_N * 10_000 / self.median_V[cells.genes_N]
        rows = highest(key_N, cells.starts_B1, self.longest - 2 * self.framed)
        sizes_B = kept_sizes(cells, rows)
        frame = [[(self.tokens_of[name], 0.0)] if self.framed else [] for name in ("<cls>", "<eos>")]
        return between(cells.genes_N[rows], np.zeros(len(rows)), sizes_B, *frame)

    def __call__(self, cells: Cells, device: str) -> np.ndarray:
        """Return V2's CLS vectors, or V1's means over genes."""
        net: Any = self.net.to(device)
        return net(self.tokens(cells).to(device), self.framed).cpu().numpy()


def _network(config: Mapping[str, Any]) -> nn.Module:
    import torch
    from torch import nn

    from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig, cell_means

    width, eps = int(config["hidden_size"]), float(config["layer_norm_eps"])
    sizes = EncoderConfig(
        width, int(config["num_attention_heads"]), int(config["num_hidden_layers"]) - 1,
        int(config["intermediate_size"]), config["hidden_act"], eps=eps,
    )  # fmt: skip

    class Network(nn.Module):
        """Gene and place in the ranking, added up and normalised; then the encoder without its last layer."""

        def __init__(self) -> None:
            super().__init__()
            self.genes = nn.Embedding(int(config["vocab_size"]), width)
            self.places = nn.Embedding(int(config["max_position_embeddings"]), width)
            self.kinds = nn.Embedding(int(config.get("type_vocab_size", 2)), width)
            self.norm = nn.LayerNorm(width, eps=eps)
            self.encoder = Encoder(sizes)

        def forward(self, tokens: Packed, first: bool) -> Tensor:
            """Return the vector of each cell's first token, or the mean over all of them."""
            cell_T = tokens.cell_of()
            place_T = torch.arange(len(cell_T), device=cell_T.device) - tokens.starts_B1.long()[cell_T]
            x_TD = self.norm(self.genes(tokens.genes_T) + self.places(place_T) + self.kinds.weight[0])
            x_TD = self.encoder(x_TD, tokens, first=first)
            return x_TD if first else cell_means(x_TD, tokens)

    return Network()


def _keys(layers: int) -> dict[str, str | tuple[str, ...]]:
    found: dict[str, str | tuple[str, ...]] = {
        "genes.weight": "bert.embeddings.word_embeddings.weight",
        "places.weight": "bert.embeddings.position_embeddings.weight",
        "kinds.weight": "bert.embeddings.token_type_embeddings.weight",
        "norm.weight": "bert.embeddings.LayerNorm.weight",
        "norm.bias": "bert.embeddings.LayerNorm.bias",
    }
    parts = {
        "out": "attention.output.dense", "norm_attention": "attention.output.LayerNorm", "up": "intermediate.dense",
        "down": "output.dense", "norm_ff": "output.LayerNorm",
    }  # fmt: skip
    for number in range(layers):
        theirs, ours = f"bert.encoder.layer.{number}", f"encoder.layers.{number}"
        for kind in ("weight", "bias"):
            joined = tuple(f"{theirs}.attention.self.{name}.{kind}" for name in ("query", "key", "value"))
            found[f"{ours}.qkv.{kind}"] = joined
            found |= {f"{ours}.{our}.{kind}": f"{theirs}.{name}.{kind}" for our, name in parts.items()}
    return found
