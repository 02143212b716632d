"""LangCell: Geneformer's ranks, read by a BERT trained against texts of cells (Zhao et al. 2024).

Folder (the authors' ``ckpt``): ``cell_bert`` with ``config.json`` and the weights, ``cell_proj.bin``; Geneformer's V1
dictionaries of tokens and medians in the same folder, or as the authors' repository has them. The texts' own encoder
is not read.

Shapes: T tokens, D model width, E width of the vectors that texts and cells share.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.base import ModelCard

if TYPE_CHECKING:
    from torch import Tensor

    from scarena.models.adapters.shared.adapter import Embedder
    from scarena.models.foundation.packed import Packed

_UNUSED = (r"(bert\.)?cls\..*", r"bert\.pooler\..*", r"bert\.embeddings\.position_ids")
_FILES = ("model.safetensors", "pytorch_model.bin")
_PLACES = (".", "cell_bert", "../geneformer_001/geneformer")


class LangCell(Adapter):
    """The cells' half of a frozen LangCell."""

    card = ModelCard(
        name="langcell",
        title="LangCell",
        family="foundation",
        lists_all_studies=False,
        description="genes by rank of count / median; the CLS token, projected to where texts are, normalised",
        source="doi:10.48550/arXiv.2405.06708",
        licence="MIT",
        training_corpus=("scLibrary: CELLxGENE, 27.5 million human cells with texts that name their cell types",),
        gene_knowledge=("text on cell types",),
        settings={"target_sum": 10_000, "length": 2048},
    )
    piece = 16

    def load(self, folder: Path) -> Embedder:
        """Read the cells' encoder, its projection and the dictionaries."""
        from scarena.models.adapters.shared.ranked import Ranked, find_dictionary, with_cls
        from scarena.models.adapters.shared.weights import load_public, read_config, read_tensors

        config = read_config(folder / "cell_bert" / "config.json", *_EXAMPLE, "vocab_size")
        size = int(config["vocab_size"])
        tokens = with_cls(find_dictionary(folder, _PLACES, "token_dictionary*", [size - 1, size]))
        medians = find_dictionary(folder, _PLACES, "gene_median_dictionary*", known=set(tokens))
        places = [folder / "cell_bert" / name for name in _FILES]
        file = next((path for path in places if path.is_file()), places[0])
        projection = read_tensors(folder / "cell_proj.bin")
        net = _network(config, len(projection.get("bias", ())))
        load_public(net.bert, _prefixed(read_tensors(file)), _keys(config), _UNUSED, file)
        load_public(net.projection, projection, {k: k for k in ("weight", "bias")}, (), folder / "cell_proj.bin")
        longest = int(config["max_position_embeddings"])
        return Ranked(net, tokens, medians, longest, before=["<cls>"], model="langcell")

    @classmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write a model of two layers."""
        import torch
        from safetensors.torch import save_file

        from scarena.models.adapters.shared.example import ensembl_ids
        from scarena.models.adapters.shared.weights import save_torch, to_public

        (folder / "cell_bert").mkdir(parents=True, exist_ok=True)
        tokens = {name: number for number, name in enumerate(["<pad>", "<mask>", *ensembl_ids()])}
        medians = {gene: 1.0 + (n * 0.6180339887) % 1 for n, gene in enumerate(ensembl_ids())}
        (folder / "token_dictionary.json").write_text(json.dumps(tokens))
        (folder / "gene_median_dictionary.json").write_text(json.dumps(medians))
        config = {**_EXAMPLE, "vocab_size": len(tokens) + 1}
        (folder / "cell_bert" / "config.json").write_text(json.dumps(config))
        torch.manual_seed(seed)
        net = _network(config, 16)
        weights = to_public(net.bert, _keys(config))
        save_file({k.removeprefix("bert."): v for k, v in weights.items()}, folder / "cell_bert" / _FILES[0])
        save_torch(folder / "cell_proj.bin", {k: v.clone() for k, v in net.projection.state_dict().items()})


_EXAMPLE = {
    "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 64,
    "hidden_act": "relu", "layer_norm_eps": 1e-12, "max_position_embeddings": 128,
}  # fmt: skip


def _prefixed(found: dict[str, Tensor]) -> dict[str, Tensor]:
    # A BertModel that is saved by itself has no prefix, one inside another model has.
    if any(key.startswith("bert.") for key in found):
        return found
    return {f"bert.{key}": value for key, value in found.items()}


def _keys(config: dict[str, Any]) -> dict[str, str | tuple[str, ...]]:
    from scarena.models.adapters.shared.ranked import bert_keys

    return bert_keys(int(config["num_hidden_layers"]))


def _network(config: dict[str, Any], width: int) -> Any:
    import torch.nn.functional as F
    from torch import nn

    from scarena.models.adapters.shared.ranked import bert_network

    class Network(nn.Module):
        """The encoder, and a linear layer on its CLS token."""

        def __init__(self) -> None:
            super().__init__()
            self.bert: nn.Module = bert_network(config, int(config["num_hidden_layers"]))
            self.projection = nn.Linear(int(config["hidden_size"]), width)

        def forward(self, tokens: Packed, first: bool) -> Tensor:
            """Return each cell's vector, of length one."""
            return F.normalize(self.projection(self.bert(tokens, first)), dim=-1)

    return Network()
