"""Nicheformer: genes ranked by their count relative to a technology's mean (Schaar, Tejada-Lapuerta et al. 2024).

Folder: ``config.json``, ``vocab.json`` and ``model.safetensors`` as the authors have them on Hugging Face, and
``dissociated_mean_script.npy`` of ``data/model_means`` in their repository, beside them or in ``model_means``.

Shapes: B cells, N counts of all of them, T tokens, D model width, G genes of the vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import ModelError
from scarena.base.untrusted import check_regular, reading
from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.base import ModelCard

if TYPE_CHECKING:
    from anndata import AnnData
    from torch import Tensor, nn

    from scarena.models.adapters.shared.gene_rows import GeneRows
    from scarena.models.foundation.packed import Packed
    from scarena.models.foundation.tokenize import Cells

# The tokeniser's own numbers; a gene's token is its place among the genes and as many as are reserved.
_RESERVED, _PAD, _DISSOCIATED, _HUMAN = 30, 0, 3, 5
_TECHNOLOGY = {
    "10x 5' v2": 10, "10x 3' v3": 11, "10x 3' v2": 12, "10x 5' v1": 13, "10x 3' v1": 14,
    "10x 3' transcription profiling": 15, "10x transcription profiling": 15, "10x 5' transcription profiling": 16,
    "CITE-seq": 17, "Smart-seq v4": 18,
}  # fmt: skip
_CONTEXT = 3
# The head of the pretraining, the layer that the others were copied from, and a buffer of places.
_UNUSED = (r"classifier_head\..*", r"nicheformer\.encoder_layer\..*", r"nicheformer\.pos")
_MEANS = "dissociated_mean_script.npy"


class Nicheformer(Adapter):
    """A frozen Nicheformer."""

    card = ModelCard(
        name="nicheformer",
        title="Nicheformer",
        family="foundation",
        lists_all_studies=False,
        description="genes by rank of count / technology mean; mean of the last layer over all places but the context",
        source="doi:10.1101/2024.04.15.589472",
        licence="BSD-3-Clause",
        parameters=49_300_000,
        training_corpus=("SpatialCorpus-110M: 57 million dissociated and 53 million spatial cells, human and mouse",),
        settings={"layer": -1, "with_context": False, "technology_mean": "dissociated, rounded", "length": 1500},
    )
    piece = 8

    def load(self, folder: Path) -> _Loaded:
        """Read the model, its vocabulary and the means of dissociated technologies."""
        from scarena.models.adapters.shared.weights import load_public, read_config, read_dictionary, read_tensors

        config = read_config(folder / "config.json", *_EXAMPLE, "n_tokens")
        genes = _genes(read_dictionary(folder / "vocab.json"))
        if not config["learnable_pe"] or not genes:
            fix = "give the folder as its authors published it"
            raise ModelError("its places are not learned, or its vocabulary has no genes", where=str(folder), fix=fix)
        net = _network(config)
        file = folder / "model.safetensors"
        load_public(net, read_tensors(file), _keys(int(config["nlayers"])), _UNUSED, file)
        last = max(genes.values())
        if last >= int(config["n_tokens"]) + 5:
            what = f"vocab.json has a token {last} for {int(config['n_tokens']) + 5} vectors"
            raise ModelError(what, where=str(folder), fix="give the folder as published, with its own vocabulary")
        return _Loaded(net, genes, _means(folder, last + 1 - _RESERVED), int(config["context_length"]))

    @classmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write a model of two layers and 128 places over a few hundred genes."""
        import torch
        from safetensors.torch import save_file

        from scarena.models.adapters.shared.example import ensembl_ids
        from scarena.models.adapters.shared.weights import to_public

        folder.mkdir(parents=True, exist_ok=True)
        special = {"[PAD]": _PAD, "[MASK]": 1, "[CLS]": 2, "[SPECIES_human]": _HUMAN}
        genes = {gene: _RESERVED + number for number, gene in enumerate(ensembl_ids())}
        config = {**_EXAMPLE, "n_tokens": len(genes) + _RESERVED}
        (folder / "vocab.json").write_text(json.dumps({**special, **genes}))
        (folder / "config.json").write_text(json.dumps(config))
        means = 0.2 + 9 * ((np.arange(len(genes)) * 0.6180339887) % 1)
        means[::50] = np.nan
        np.save(folder / _MEANS, means)
        torch.manual_seed(seed)
        save_file(to_public(_network(config), _keys(2)), folder / "model.safetensors")


_EXAMPLE = {
    "dim_model": 32, "nheads": 4, "dim_feedforward": 48, "nlayers": 2, "context_length": 128, "learnable_pe": True,
}  # fmt: skip


def _genes(vocabulary: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(number) for name, number in vocabulary.items() if int(number) >= _RESERVED}


def _means(folder: Path, n_genes: int) -> np.ndarray:
    """Return each gene's mean, float64 [G], of dissociated technologies: a whole number, 1 where there is none.

    Rounded as in the authors' notebook for such cells, hence as in the pretraining. Their tokeniser on Hugging Face
    divides by the array that it is given, and the file as it is would put its 60 genes without a mean into every cell.
    """
    fix = f"put {_MEANS} of data/model_means of github.com/theislab/nicheformer into the folder"
    path = next((p for p in (folder / _MEANS, folder / "model_means" / _MEANS) if p.is_file()), folder / _MEANS)
    # Mapped: a header may promise more than there is.
    check_regular(path, ModelError, fix=fix)
    with reading(path, ModelError, what="no array", fix=fix):
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    if found.shape != (n_genes,):
        raise ModelError(f"{found.shape} means for {n_genes} genes", where=str(path), fix=fix)
    return np.maximum(np.floor(np.nan_to_num(found.astype(np.float64)) + 0.5), 1.0)


class _Loaded:
    """A checkpoint in memory."""

    def __init__(self, net: nn.Module, genes: Mapping[str, int], means_G: np.ndarray, length: int) -> None:
        self.net, self.genes, self.means_G, self.length = net.eval(), genes, means_G, length

    def gene_rows(self) -> GeneRows:
        """Return the vectors of the genes' tokens."""
        from scarena.models.adapters.shared.gene_rows import GeneRows

        net: Any = self.net
        return GeneRows(net.tokens.weight, self.genes, "ensembl")

    def cells(self, data: AnnData) -> Cells:
        """Return counts over the vocabulary, and a cell's technology as a first gene."""
        from scarena.models.adapters.shared.cells import cells_over
        from scarena.models.foundation.tokenize import Cells

        found = cells_over(data, self.genes, "ensembl", "nicheformer")
        assays = data.obs["assay"].astype(str) if "assay" in data.obs else ["unknown"] * len(found)
        technology_B = np.array([_TECHNOLOGY.get(name, _PAD) for name in assays], np.int32)
        starts_B1 = found.starts_B1 + np.arange(len(found) + 1)
        genes_N = np.insert(found.genes_N, found.starts_B1[:-1], technology_B)
        return Cells(starts_B1, genes_N, np.insert(found.counts_N, found.starts_B1[:-1], 1.0), found.depth_B)

    def tokens(self, cells: Cells) -> Packed:
        """Return species, technology, modality and the genes by rank, all cells padded to one length.

        Of equal genes the first (upstream's sort leaves that open). A technology unknown to the model is padding.
        """
        from scarena.models.adapters.shared.cells import highest
        from scarena.models.adapters.shared.tokens import kept_sizes, packed

        is_gene_N = cells.genes_N >= _RESERVED
        cell_N = np.repeat(np.arange(len(cells)), np.diff(cells.starts_B1))
        total_B = np.bincount(cell_N, cells.counts_N * is_gene_N, len(cells))
        # Step by step as upstream: what is equal there must be equal here.
        scaled_N = cells.counts_N * (10_000 / np.maximum(total_B, 1))[cell_N]
        mean_N = self.means_G[np.maximum(cells.genes_N - _RESERVED, 0)]
        key_N = np.where(is_gene_N, np.log1p(scaled_N / mean_N), np.inf)
        # The technology has the highest key: it is the first of its cell, with which a place goes.
        rows = highest(key_N, cells.starts_B1, self.length - _CONTEXT + 1)
        sizes_B = kept_sizes(cells, rows)
        ids_BL = np.full((len(cells), self.length), _PAD, np.int64)
        ids_BL[:, 0], ids_BL[:, 2] = _HUMAN, _DISSOCIATED
        first_B = np.cumsum(sizes_B) - sizes_B
        ids_BL[:, 1] = cells.genes_N[rows[first_B]]
        cell_R, place_R = np.repeat(np.arange(len(cells)), sizes_B), np.arange(len(rows)) - np.repeat(first_B, sizes_B)
        gene_R = place_R > 0
        ids_BL[cell_R[gene_R], place_R[gene_R] + _CONTEXT - 1] = cells.genes_N[rows[gene_R]]
        return packed(ids_BL.ravel(), np.zeros(ids_BL.size), np.full(len(cells), self.length))

    def __call__(self, cells: Cells, device: str) -> np.ndarray:
        """Return means over all places behind the context."""
        net: Any = self.net.to(device)
        return net(self.tokens(cells).to(device)).cpu().numpy()


def _network(config: Mapping[str, Any]) -> nn.Module:
    from torch import nn

    from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig

    width, length = int(config["dim_model"]), int(config["context_length"])
    sizes = EncoderConfig(
        width, int(config["nheads"]), int(config["nlayers"]), int(config["dim_feedforward"]), eps=1e-12
    )

    class Network(nn.Module):
        """Token and place added up; then the encoder."""

        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(int(config["n_tokens"]) + 5, width)
            self.places = nn.Embedding(length, width)
            self.encoder = Encoder(sizes)

        def forward(self, tokens: Packed) -> Tensor:
            """Return the means over all places behind the context.

            Padding is looked at by no token, but looks itself and is in the mean, as upstream's mean has no mask. Its
            vector is the first, which was the mask's in the pretraining; upstream's tokeniser says 0 to padding.
            """
            x_TD = self.tokens(tokens.genes_T) + self.places.weight.repeat(tokens.n_cells, 1)
            x_TD = self.encoder(x_TD, tokens, seen_T=tokens.genes_T != _PAD)
            return x_TD.unflatten(0, (-1, length))[:, _CONTEXT:].mean(1)

    return Network()


def _keys(layers: int) -> dict[str, str]:
    from scarena.models.adapters.shared.weights import torch_layers

    inner = torch_layers(layers, "nicheformer.encoder.layers.{}")
    found = {
        "tokens.weight": "nicheformer.embeddings.weight",
        "places.weight": "nicheformer.positional_embedding.weight",
    }
    return found | {f"encoder.{our}": name for our, name in inner.items()}
