"""Geneformer: genes ranked by their count relative to the gene's median, read by a BERT (Theodoris et al. 2023).

Folder: ``config.json`` and ``model.safetensors`` (or ``pytorch_model.bin``) of the model; the dictionaries of tokens,
medians and (V2) Ensembl ids in the same folder, or in ``geneformer`` beside it, as the authors' repository has them.

Shapes: B cells, N counts of all of them, T tokens, D model width.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.base import ModelCard

if TYPE_CHECKING:
    from scarena.models.adapters.shared.ranked import Ranked

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

    def load(self, folder: Path) -> Ranked:
        """Read the model and the dictionaries that go with its vocabulary."""
        from scarena.models.adapters.shared.ranked import Ranked, bert_keys, bert_network, find_dictionary
        from scarena.models.adapters.shared.weights import load_public, read_dictionary, read_tensors

        config = read_dictionary(folder / "config.json")
        tokens = find_dictionary(folder, _PLACES, "token_dictionary*", [int(config["vocab_size"])])
        medians = find_dictionary(folder, _PLACES, "gene_median_dictionary*", known=set(tokens))
        # V2 counts a gene under the id that its corpus knew it by.
        renamed = find_dictionary(folder, _PLACES, "ensembl_mapping_dict*", known=set(tokens), optional=True)
        file = next((f for name in _FILES if (f := folder / name).is_file()), folder / _FILES[0])
        last = int(config["num_hidden_layers"]) - 1
        net = bert_network(config, last)
        unused = (*_UNUSED, rf"bert\.encoder\.layer\.{last}\..*")
        load_public(net, read_tensors(file), bert_keys(last), unused, file)
        framed = "<cls>" in tokens and "<eos>" in tokens
        before, after = (["<cls>"], ["<eos>"]) if framed else ([], [])
        longest = int(config["max_position_embeddings"])
        return Ranked(net, tokens, medians, longest, before=before, after=after, renamed=renamed, model="geneformer")

    @classmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write a V2 model of three layers."""
        import torch

        from scarena.models.adapters.shared.example import ensembl_ids
        from scarena.models.adapters.shared.ranked import bert_keys, bert_network
        from scarena.models.adapters.shared.weights import to_public

        folder.mkdir(parents=True, exist_ok=True)
        tokens = {name: n for n, name in enumerate(["<pad>", "<mask>", "<cls>", "<eos>", *ensembl_ids()])}
        medians = {gene: 1.0 + (n * 0.6180339887) % 1 for n, gene in enumerate(ensembl_ids())}
        (folder / "token_dictionary.json").write_text(json.dumps(tokens))
        (folder / "gene_median_dictionary.json").write_text(json.dumps(medians))
        (folder / "config.json").write_text(json.dumps({**_EXAMPLE, "vocab_size": len(tokens)}))
        torch.manual_seed(seed)
        net = bert_network({**_EXAMPLE, "vocab_size": len(tokens)}, 2)
        from safetensors.torch import save_file

        save_file(to_public(net, bert_keys(2)), folder / "model.safetensors")


_FILES = ("model.safetensors", "pytorch_model.bin")
_EXAMPLE = {
    "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 3, "intermediate_size": 64,
    "hidden_act": "relu", "layer_norm_eps": 1e-12, "max_position_embeddings": 128, "type_vocab_size": 2,
}  # fmt: skip
