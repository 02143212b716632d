"""scCello: Geneformer's ranks, read by a BERT trained on the places of cell types in an ontology (Yuan et al. 2024).

Folder: ``config.json`` and ``model.safetensors`` (or ``pytorch_model.bin``) as the authors have them on Hugging Face
(scCello-zeroshot); dictionaries of tokens and medians in the same folder, or in ``token_vocabulary`` of it, as in
``data`` of the authors' repository.

Shapes: T tokens, D model width.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.base.errors import ModelError
from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.base import ModelCard

if TYPE_CHECKING:
    from torch import Tensor

    from scarena.models.adapters.shared.adapter import Embedder

# Heads and prototypes of the pretraining, and the ontology that it was trained on.
_UNUSED = (
    r"(cls|cell_cls|learned_centroid|affine_projection)\..*", r"binary_ce_loss_transform_\w+\..*", r"bert\.pooler\..*",
    r"cell_type_ancestor_mask", r"ctgraph_sim", r"bert\.embeddings\.position_ids",
)  # fmt: skip
_FILES = ("model.safetensors", "pytorch_model.bin")
_PLACES = (".", "token_vocabulary", "../data/token_vocabulary")
# Upstream calls them legacy: one row each, added to every token.
_CONSTANTS = tuple(f"bert.embeddings.{name}_embeddings.weight" for name in ("tf_class", "tf_superclass", "expbin"))
_KIND = "bert.embeddings.token_type_embeddings.weight"


class ScCello(Adapter):
    """A frozen scCello."""

    card = ModelCard(
        name="sccello",
        title="scCello",
        family="foundation",
        lists_all_studies=False,
        description="genes by rank of count / median; the last layer's CLS token; pretrained with cell types",
        source="doi:10.48550/arXiv.2408.12373",
        licence="MIT",
        parameters=10_681_094,
        training_corpus=("CELLxGENE Census of 2023-07-25, 22 million human cells and their cell types",),
        settings={"target_sum": 10_000, "pass_cell_cls": False, "normalize": False},
    )
    piece = 16

    def load(self, folder: Path) -> Embedder:
        """Read the model and the dictionaries that go with its vocabulary."""
        from scarena.models.adapters.shared.ranked import Ranked, bert_keys, bert_network, find_dictionary, with_cls
        from scarena.models.adapters.shared.weights import load_public, read_config, read_tensors

        config = read_config(folder / "config.json", *_EXAMPLE, "vocab_size") | {"type_vocab_size": 1}
        size, layers = int(config["vocab_size"]), int(config["num_hidden_layers"])
        tokens = with_cls(find_dictionary(folder, _PLACES, "token_dictionary*", [size - 1, size]))
        medians = find_dictionary(folder, _PLACES, "gene_median_dictionary*", known=set(tokens))
        file = next((path for name in _FILES if (path := folder / name).is_file()), folder / _FILES[0])
        net = bert_network(config, layers)
        load_public(net, _added_up(read_tensors(file), file), bert_keys(layers), _UNUSED, file)
        longest = int(config["max_position_embeddings"])
        return Ranked(net, tokens, medians, longest, before=["<cls>"], model="sccello")

    @classmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write a model of two layers."""
        import torch
        from safetensors.torch import save_file

        from scarena.models.adapters.shared.example import ensembl_ids
        from scarena.models.adapters.shared.ranked import bert_keys, bert_network
        from scarena.models.adapters.shared.weights import to_public

        folder.mkdir(parents=True, exist_ok=True)
        tokens = {name: number for number, name in enumerate(["<pad>", "<mask>", *ensembl_ids()])}
        medians = {gene: 1.0 + (n * 0.6180339887) % 1 for n, gene in enumerate(ensembl_ids())}
        (folder / "token_dictionary.json").write_text(json.dumps(tokens))
        (folder / "gene_median_dictionary.json").write_text(json.dumps(medians))
        config = {**_EXAMPLE, "vocab_size": len(tokens) + 1}
        (folder / "config.json").write_text(json.dumps(config))
        torch.manual_seed(seed)
        weights = to_public(bert_network({**config, "type_vocab_size": 1}, 2), bert_keys(2))
        kind = weights.pop(_KIND)
        save_file(weights | {name: torch.randn_like(kind) for name in _CONSTANTS}, folder / _FILES[0])


_EXAMPLE: dict[str, Any] = {
    "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 64,
    "hidden_act": "relu", "layer_norm_eps": 1e-12, "max_position_embeddings": 128,
}  # fmt: skip


def _added_up(found: dict[str, Tensor], where: Path) -> dict[str, Tensor]:
    """Return the weights with one vector in place of the three that every token gets."""
    if lacking := [name for name in _CONSTANTS if name not in found]:
        fix = "give the folder as its authors published it"
        raise ModelError(f"lacks {', '.join(lacking)}", where=str(where), fix=fix)
    kept = {name: value for name, value in found.items() if name not in _CONSTANTS}
    return kept | {_KIND: sum((found[name] for name in _CONSTANTS[1:]), found[_CONSTANTS[0]])}
