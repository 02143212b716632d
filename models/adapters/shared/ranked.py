"""Genes by rank of count / median, read by a BERT: what Geneformer began and others took up.

Shapes: B cells, N counts of all of them, T tokens, D model width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import ModelError

if TYPE_CHECKING:
    from anndata import AnnData
    from torch import Tensor, nn

    from scarena.models.adapters.shared.gene_rows import GeneRows
    from scarena.models.foundation.packed import Packed
    from scarena.models.foundation.tokenize import Cells


def find_dictionary(
    folder: Path, places: Sequence[str], pattern: str, sizes: Sequence[int] = (), known: set[str] | None = None,
    *, optional: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return the dictionary that goes with a model: of the right size, or over genes that its tokens know.

    Parameters
    ----------
    folder, places
        The model's folder, and where to look as seen from it.
    pattern
        Of the file's name.
    sizes, known
        Numbers of entries that are right, or the tokens.
    optional
        Whether an empty one is returned where there is none.

    Raises
    ------
    ModelError
        If there is none; those that do not go with the model are named.
    """
    from scarena.models.adapters.shared.weights import read_dictionary

    seen = []
    for place in places:
        for path in sorted((folder / place).glob(pattern)):
            found = read_dictionary(path)
            seen.append(f"{path.name} ({len(found)} entries)")
            if len(found) in sizes or (known is not None and _is_of(found, known)):
                return found
    if optional:
        return {}
    wanted = f"{pattern} with {' or '.join(map(str, sizes))} entries" if sizes else f"{pattern} of its genes"
    fix = f"put it into the folder; the authors keep it in their repository (looked in {', '.join(places)})"
    raise ModelError(f"no {wanted}{'; there is ' + ', '.join(seen) if seen else ''}", where=str(folder), fix=fix)


def _is_of(found: Mapping[str, Any], known: set[str]) -> bool:
    genes = {gene for gene in known if not gene.startswith("<")}
    values = set(found.values()) if all(isinstance(value, str) for value in found.values()) else set(found)
    return len(genes & values) >= 0.99 * len(genes)


def with_cls(tokens: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tokens with one that reads the cell; V1 has none, and those who add one number it last."""
    return {"<cls>": len(tokens), **tokens}


class Ranked:
    """A checkpoint in memory.

    Parameters
    ----------
    net
        As `bert_network` makes it.
    tokens, medians
        Of each gene; tokens of what is no gene stand in angle brackets.
    longest
        Places that the model has.
    before, after
        Tokens that stand around the genes of every cell.
    renamed
        Genes by older ids.
    model
        For the errors.
    """

    def __init__(
        self, net: nn.Module, tokens: Mapping[str, Any], medians: Mapping[str, Any], longest: int, *,
        before: Sequence[str] = (), after: Sequence[str] = (), renamed: Mapping[str, Any] | None = None, model: str,
    ) -> None:  # fmt: skip
        self.net, self.tokens_of, self.longest = net.eval(), {k: int(v) for k, v in tokens.items()}, longest
        self.before, self.after, self.model = before, after, model
        self.median_V = np.ones(max(self.tokens_of.values()) + 1)
        genes = [gene for gene in self.tokens_of if gene in medians]
        self.median_V[[self.tokens_of[gene] for gene in genes]] = [float(medians[gene]) for gene in genes]
        self.place = {gene: self.tokens_of[gene] for gene in genes}
        self.place |= {old: self.tokens_of[new] for old, new in (renamed or {}).items() if new in self.place}

    def gene_rows(self) -> GeneRows:
        """Return the vectors of the genes' tokens."""
        from scarena.models.adapters.shared.gene_rows import GeneRows

        # Of a network around a BERT the table is the BERT's.
        net: Any = getattr(self.net, "bert", self.net)
        return GeneRows(net.genes.weight, self.place, "ensembl")

    def cells(self, data: AnnData) -> Cells:
        """Return counts over the vocabulary, those of one gene's several ids added up."""
        from scarena.models.adapters.shared.cells import cells_over, joined_genes

        return joined_genes(cells_over(data, self.place, "ensembl", self.model))

    def tokens(self, cells: Cells) -> Packed:
        """Return genes by rank, as many as the model reads, between the tokens that stand around them."""
        from scarena.models.adapters.shared.cells import highest
        from scarena.models.adapters.shared.tokens import between, kept_sizes

        depth_N = np.repeat(cells.depth_B.astype(np.float64), np.diff(cells.starts_B1))
        key_N = cells.counts_N / depth_N * 10_000 / self.median_V[cells.genes_N]
        rows = highest(key_N, cells.starts_B1, self.longest - len(self.before) - len(self.after))
        around = [[(self.tokens_of[name], 0.0) for name in names] for names in (self.before, self.after)]
        return between(cells.genes_N[rows], np.zeros(len(rows)), kept_sizes(cells, rows), *around)

    def __call__(self, cells: Cells, device: str) -> np.ndarray:
        """Return the vectors of each cell's first token, or means over genes where nothing stands before them."""
        net: Any = self.net.to(device)
        return net(self.tokens(cells).to(device), bool(self.before)).cpu().numpy()


def bert_network(config: Mapping[str, Any], layers: int) -> nn.Module:
    """Return the embeddings and the first layers of a BERT, of the sizes that its ``config.json`` says."""
    import torch
    from torch import nn

    from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig, cell_means

    width, eps = int(config["hidden_size"]), float(config["layer_norm_eps"])
    sizes = EncoderConfig(
        width, int(config["num_attention_heads"]), layers, int(config["intermediate_size"]), config["hidden_act"],
        eps=eps,
    )  # fmt: skip

    class Network(nn.Module):
        """Gene and place in the ranking, added up and normalised; then the encoder."""

        def __init__(self) -> None:
            super().__init__()
            self.genes = nn.Embedding(int(config["vocab_size"]), width)
            self.places = nn.Embedding(int(config["max_position_embeddings"]), width)
            self.kinds = nn.Embedding(int(config.get("type_vocab_size", 2)), width)
            self.norm = nn.LayerNorm(width, eps=eps)
            self.encoder = Encoder(sizes)

        def inputs(self, tokens: Packed) -> Tensor:
            """Return what the encoder is told of each token."""
            cell_T = tokens.cell_of()
            place_T = torch.arange(len(cell_T), device=cell_T.device) - tokens.starts_B1.long()[cell_T]
            return self.norm(self.genes(tokens.genes_T) + self.places(place_T) + self.kinds.weight[0])

        def forward(self, tokens: Packed, first: bool) -> Tensor:
            """Return the vector of each cell's first token, or the mean over all of them."""
            x_TD = self.encoder(self.inputs(tokens), tokens, first=first)
            return x_TD if first else cell_means(x_TD, tokens)

    return Network()


def bert_keys(layers: int) -> dict[str, str | tuple[str, ...]]:
    """Return our names of its parameters to those of transformers' ``BertForMaskedLM``."""
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
