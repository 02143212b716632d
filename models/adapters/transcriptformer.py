"""TranscriptFormer: gene tokens of protein vectors, counts as a bias of attention (Pearce et al. 2025).

Folder: ``config.json``, ``model_weights.pt``, ``vocabs/assay_vocab.json`` and ``vocabs/<species>_gene.h5``, of
TF-Sapiens, TF-Exemplar or TF-Metazoa alike.

Shapes: B cells, T tokens, D model width, P width of the protein vectors.
"""

from __future__ import annotations

import json
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

# What the authors' command line puts over the configuration of the checkpoint.
_CLIP = 30.0
_UNUSED = (r"mu\..*", r"gene_id_head\..*")


class TranscriptFormer(Adapter):
    """A frozen TranscriptFormer."""

    card = ModelCard(
        name="transcriptformer",
        title="TranscriptFormer",
        family="foundation",
        lists_all_studies=False,
        description="expressed genes in the dataset's order behind its assay; mean of the last layer over all places",
        source="doi:10.1101/2025.04.25.650731",
        licence="MIT",
        parameters=368_000_000,
        training_corpus=(
            "CELLxGENE, 57 million human cells (Exemplar, Metazoa: with other species, 110 and 112 million)",
        ),
        order_matters_of=("genes",),
        gene_knowledge=("protein sequence (ESM2)",),
        settings={"clip_counts": _CLIP, "sort_genes": False, "randomize_genes": False},
    )
    piece = 8

    def load(self, folder: Path) -> _Loaded:
        """Read the configuration, the vocabularies and ``model_weights.pt``."""
        from scarena.models.adapters.shared.weights import load_public, read_dictionary, read_tensors

        model, data = _configs(folder / "config.json")
        genes = _gene_vocabulary(folder / "vocabs", data["special_tokens"], data["esm2_mappings"])
        assays = read_dictionary(folder / "vocabs" / "assay_vocab.json") if data["aux_cols"] else {}
        weights = read_tensors(folder / "model_weights.pt")
        proteins = weights.get("gene_embeddings.embedding.weight")
        net = _network(model, len(genes), len(assays), 0 if proteins is None else proteins.shape[1])
        load_public(net, weights, _keys(model, bool(assays)), _UNUSED, folder / "model_weights.pt")
        return _Loaded(net, model, genes, {name: int(number) for name, number in assays.items()})

    @classmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write a model of two layers that reads 127 places."""
        import h5py
        import torch

        from scarena.models.adapters.shared.example import ensembl_ids
        from scarena.models.adapters.shared.weights import save_torch, to_public

        (folder / "vocabs").mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"model": _EXAMPLE}))
        (folder / "vocabs" / "assay_vocab.json").write_text(json.dumps(_EXAMPLE_ASSAYS))
        with h5py.File(folder / "vocabs" / "homo_sapiens_gene.h5", "w") as file:
            file["keys"] = np.array(ensembl_ids(), "S")
            for number, gene in enumerate(ensembl_ids()):
                file[f"arrays/{gene}"] = np.random.default_rng(number).normal(size=24).astype(np.float32)
        torch.manual_seed(seed)
        model = _EXAMPLE["model_config"]
        net = _network(model, len(ensembl_ids()) + len(_SPECIAL), len(_EXAMPLE_ASSAYS), 24)
        save_torch(folder / "model_weights.pt", to_public(net, _keys(model, True)))


_SPECIAL = ["unknown", "[PAD]", "[START]", "[END]", "[RD]", "[CELL]", "[MASK]"]
_EXAMPLE_ASSAYS = {"unknown": 0, "10x 3' v2": 1, "10x 3' v3": 2}
_EXAMPLE: dict[str, dict[str, Any]] = {
    "data_config": {
        "aux_cols": "assay", "esm2_mappings": ["homo_sapiens_gene.h5"], "special_tokens": _SPECIAL,
        "gene_pad_token": "[PAD]", "aux_pad_token": "unknown", "pad_zeros": True,
    },
    "model_config": {
        "log_counts_eps": 1e-6, "num_heads": 4, "num_layers": 2, "model_dim": 48, "embed_dim": 32, "dropout": 0.1,
        "activation": "gelu", "attn_bias": False, "fw_bias": False, "mu_link_fn": "softmax", "softcap": 10,
        "seq_len": 127, "aux_len": 1, "block_len": 128, "gene_head_hidden_dim": 16,
    },
}  # fmt: skip


def _configs(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parts of ``config.json`` that an embedding needs: of the model and of its data."""
    from scarena.models.adapters.shared.weights import having, read_config

    found = having(read_config(path, "model")["model"], path, "model_config", "data_config")
    data = having(found["data_config"], path, "aux_cols", "esm2_mappings", "special_tokens")
    if data["aux_cols"] not in ("assay", None) or "[START]" not in data["special_tokens"]:
        what = f"aux_cols is {data['aux_cols']!r} (not 'assay' or null), or special_tokens lacks [START]"
        raise ModelError(what, where=str(path), fix="give the folder as its authors published it")
    needed = set(_EXAMPLE["model_config"]) - {"dropout", "mu_link_fn", "aux_len", "block_len", "gene_head_hidden_dim"}
    return having(found["model_config"], path, *sorted(needed)), data


def _gene_vocabulary(folder: Path, special: Sequence[str], files: Sequence[str]) -> dict[str, int]:
    """Return each token's number: special ones first, then genes as the files have them, each once.

    Only names are read: the checkpoint holds the vectors again.
    """
    import h5py

    names = dict.fromkeys(special)
    for path in (folder / file for file in files):
        try:
            with h5py.File(path) as file:
                names |= dict.fromkeys(key.decode() for key in file["keys"][:])
        except (OSError, KeyError, AttributeError) as error:
            fix = "give the folder as its authors published it"
            raise ModelError(f"no HDF5 file with `keys` ({error})", where=str(path), fix=fix) from None
    return {name: number for number, name in enumerate(names)}


class _Loaded:
    """A checkpoint in memory."""

    def __init__(self, net: nn.Module, model: Mapping[str, Any], genes: dict[str, int], assays: dict[str, int]) -> None:
        self.net, self.genes, self.assays = net.eval(), genes, assays
        self.length, self.eps = int(model["seq_len"]), float(model["log_counts_eps"])

    def gene_rows(self) -> GeneRows:
        """Return the proteins' ESM2 vectors, which the network reads through two layers."""
        from scarena.models.adapters.shared.gene_rows import GeneRows

        net: Any = self.net
        return GeneRows(net.proteins.weight, self.genes, "ensembl")

    def cells(self, data: AnnData) -> Cells:
        """Return counts over the vocabulary in the order of the dataset's genes, and the assay as a last gene.

        The order is upstream's: attention is causal, and a cell of more genes than places loses the dataset's last.
        """
        from scarena.models.adapters.shared.cells import cells_over
        from scarena.models.foundation.tokenize import Cells

        token_V = np.array([self.genes.get(name, -1) for name in data.var_names], np.int32)
        columns = {name: column for column, name in enumerate(data.var_names) if token_V[column] >= 0}
        found = cells_over(data, columns, "ensembl", "transcriptformer")
        known = np.array(
            [self._assay(name) for name in data.obs["assay"]] if "assay" in data.obs else [-1] * len(found)
        )
        has = known >= 0
        at = found.starts_B1[1:][has]
        starts_B1 = found.starts_B1 + np.concatenate([[0], np.cumsum(has)])
        genes_N = np.insert(token_V[found.genes_N], at, len(self.genes) + known[has])
        return Cells(starts_B1, genes_N.astype(np.int32), np.insert(found.counts_N, at, 1.0), found.depth_B)

    def _assay(self, name: object) -> int:
        # An unknown assay's token is masked out upstream: nothing sees it, and it is not in the mean.
        number = self.assays.get(str(name), -1)
        return -1 if number == self.assays.get("unknown") else number

    def tokens(self, cells: Cells) -> Packed:
        """Return the assay if known, START, and the genes but the last place's; values are what attention adds."""
        from scarena.models.adapters.shared.tokens import packed

        is_assay_N = cells.genes_N >= len(self.genes)
        counts_N = np.log1p(np.minimum(cells.counts_N, _CLIP) + np.float32(self.eps))
        one = np.log1p(np.float32(1 + self.eps))
        ids: list[np.ndarray] = []
        values: list[np.ndarray] = []
        sizes: list[int] = []
        for first, last in zip(cells.starts_B1[:-1].tolist(), cells.starts_B1[1:].tolist(), strict=True):
            end = last - int(last > first and is_assay_N[last - 1])
            # Tokens are shifted to the right behind START, so the gene of the last place falls off.
            genes = slice(first, min(end, first + self.length - 1))
            ids += [cells.genes_N[end:last], np.array([self.genes["[START]"]]), cells.genes_N[genes]]
            values += [np.full(last - end + 1, one), counts_N[genes]]
            sizes.append(last - end + 1 + genes.stop - genes.start)
        return packed(np.concatenate(ids), np.concatenate(values), np.array(sizes))

    def __call__(self, cells: Cells, device: str) -> np.ndarray:
        """Return the means over all places of the pretraining's length, those that are padding counting as zeros."""
        net: Any = self.net.to(device)
        return (net(self.tokens(cells).to(device)) / self.length).cpu().numpy()


def _network(model: Mapping[str, Any], n_genes: int, n_assays: int, protein_width: int) -> nn.Module:
    import torch
    from torch import nn

    from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig, cell_sums

    width = int(model["embed_dim"])
    sizes = EncoderConfig(
        width, int(model["num_heads"]), int(model["num_layers"]), int(model["model_dim"]), model["activation"],
        norm="normed residual", attention_bias=bool(model["attn_bias"]), hidden_bias=bool(model["fw_bias"]),
        causal=True, softcap=max(0.0, float(model["softcap"])),
    )  # fmt: skip

    class Network(nn.Module):
        """Protein vectors through two layers; then the encoder."""

        def __init__(self) -> None:
            super().__init__()
            self.proteins = nn.Embedding(n_genes, protein_width)
            self.down, self.up = nn.Linear(protein_width, width), nn.Linear(width, width)
            self.norm = nn.LayerNorm(width)
            self.assays = nn.Embedding(n_assays, width) if n_assays else None
            self.encoder = Encoder(sizes)

        def forward(self, tokens: Packed) -> Tensor:
            """Return the sum over each cell's tokens but the assay."""
            ids_T = tokens.genes_T.long()
            assay_T = ids_T >= n_genes
            # Many tokens are of one gene: each gene goes through the layers once.
            gene_G, place_T = torch.unique(ids_T.masked_fill(assay_T, 0), return_inverse=True)
            x_TD = self.up(self.norm(self.down(self.proteins(gene_G)).relu()))[place_T]
            if self.assays is not None:
                x_TD[assay_T] = self.assays(ids_T[assay_T] - n_genes)
            x_TD = self.encoder(x_TD, tokens, bias_T=tokens.values_T)
            return cell_sums(x_TD.masked_fill(assay_T[:, None], 0.0), tokens)

    return Network()


def _keys(model: Mapping[str, Any], assays: bool) -> dict[str, str | tuple[str, ...]]:
    theirs = {"down": "0", "norm": "2", "up": "4"}
    found: dict[str, str | tuple[str, ...]] = {"proteins.weight": "gene_embeddings.embedding.weight"}
    for kind in ("weight", "bias"):
        found |= {f"{our}.{kind}": f"gene_embeddings.mlp.layers.{name}.{kind}" for our, name in theirs.items()}
    if assays:
        found["assays.weight"] = "aux_embeddings.assay.weight"
    parts = {"norm_attention": "norm1", "norm_ff": "norm2"}
    inside = {"up": "linear1", "down": "linear2"}
    for number in range(int(model["num_layers"])):
        ours, layer = f"encoder.layers.{number}", f"transformer_encoder.encoder_layers.{number}"
        for kind in ("weight", "bias"):
            found |= {f"{ours}.{our}.{kind}": f"{layer}.{name}.{kind}" for our, name in parts.items()}
            if kind == "weight" or model["attn_bias"]:
                found[f"{ours}.qkv.{kind}"] = tuple(f"{layer}.self_attn.linears.{n}.{kind}" for n in range(3))
                found[f"{ours}.out.{kind}"] = f"{layer}.self_attn.linears.3.{kind}"
            if kind == "weight" or model["fw_bias"]:
                found |= {f"{ours}.{our}.{kind}": f"{layer}.{name}.{kind}" for our, name in inside.items()}
    return found
