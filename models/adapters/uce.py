"""UCE: expressed genes in the order of the genome, each by its protein's ESM2 vector (Rosen et al. 2023).

Folder, as the authors' ``model_files``: one model (``4layer_model.torch`` or ``33l_8ep_1024t_1280.torch``),
``species_chrom.csv``, ``species_offsets.pkl`` and
``protein_embeddings/Homo_sapiens.GRCh38.gene_symbol_to_embedding_ESM2.pt``, of which only the order of the genes is
read. The table of ``all_tokens.torch`` is in the model too, and for human cells upstream takes it from there.

Differs from upstream in two things that make a cell's vector depend on other cells. Upstream drops genes seen in fewer
than ten cells and cells of fewer than 25 genes; here every cell is embedded, from all its genes. Its mask for padding
is a float, which attention adds to the scores: padding is seen, by one more rather than not at all. Here there is no
padding, as upstream where a batch is one cell.

Shapes: B cells, N counts of all of them, S samples a cell, R sampled genes of all cells, C chromosomes, T tokens,
D model width.
"""

from __future__ import annotations

import json
import math
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
    from scarena.models.adapters.shared.genome import Genome
    from scarena.models.foundation.packed import Packed
    from scarena.models.foundation.tokenize import Cells

# Upstream's arguments fix these for all its models; the other sizes are in the weights.
_SAMPLES, _HEADS, _LENGTH = 1024, 20, 1536
# Heads of the pretraining.
_UNUSED = (r"binary_decoder\..*", r"gene_embedding_layer\..*")
_TABLE = "pe_embedding.weight"


class UCE(Adapter):
    """A frozen UCE, of 4 or 33 layers as its weights say."""

    card = ModelCard(
        name="uce",
        title="UCE",
        family="foundation",
        lists_all_studies=False,
        description="1,024 genes drawn by log count, ordered by chromosome, as ESM2 vectors; the CLS token, normalised",
        source="doi:10.1101/2023.11.28.568918",
        licence="MIT",
        parameters=674_745_857,  # with 33 layers; 104,100,097 with four
        training_corpus=(
            "CELLxGENE Census, 33 million human and mouse cells",
            "3 million cells of six other species, from their atlases",
        ),
        gene_knowledge=("protein sequence (ESM2)",),
        settings={"sample_size": _SAMPLES, "filter": False, "batch_size": 1},
    )
    piece = 8

    def load(self, folder: Path) -> _Loaded:
        """Read the model, and the genes with their places in the genome."""
        from scarena.models.adapters.shared.genome import ROWS, read_genome
        from scarena.models.adapters.shared.weights import load_public, read_tensors

        genome = read_genome(folder)
        path = _model_file(folder)
        found = read_tensors(path)
        if _TABLE in found and found[_TABLE].shape[0] == ROWS:
            # Only these few of them are needed, and the table is two gigabytes of a file that is mapped.
            found[_TABLE] = found[_TABLE][genome.rows()]
        net = _network(_sizes(found, path), len(genome.rows()))
        load_public(net, found, _keys(_layers(found)), _UNUSED, path)
        return _Loaded(net.bake(), genome)

    def gene_rows(self, folder: Path) -> GeneRows:
        """Return the proteins' ESM2 vectors, by symbol in capitals; the network projects them before it reads them."""
        from scarena.models.adapters.shared.gene_rows import GeneRows
        from scarena.models.adapters.shared.genome import ROWS, read_genome
        from scarena.models.adapters.shared.weights import read_tensors

        genome, path = read_genome(folder), _model_file(folder)
        table = read_tensors(path).get(_TABLE)
        if table is None or len(table) != ROWS:
            fix = "give the folder as its authors published it"
            raise ModelError(f"has no {_TABLE} of {ROWS} rows", where=str(path), fix=fix)
        return GeneRows(table[genome.row_G], genome.place, "capitals")

    @classmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write a model of two layers; CSV, names and offset as published, the offsets as JSON."""
        import torch

        from scarena.models.adapters.shared.example import symbols
        from scarena.models.adapters.shared.genome import GENES, ROWS
        from scarena.models.adapters.shared.weights import save_torch, to_public

        (folder / GENES).parent.mkdir(parents=True, exist_ok=True)
        save_torch(folder / GENES, {name: torch.zeros(1) for name in symbols()})
        (folder / "species_offsets.json").write_text(json.dumps({"mouse": 4, "human": 1000}))
        lines = [f"human,{name.upper()},{n * 7 % 23 + 1},{n * 7919 % 10_007}" for n, name in enumerate(symbols())]
        lines = ["species,gene_symbol,chromosome,start", "mouse,GENE,X,5", *lines]
        (folder / "species_chrom.csv").write_text("\n".join(lines) + "\n")
        torch.manual_seed(seed)
        net = _network(_EXAMPLE, ROWS)
        save_torch(folder / "4layer_model.torch", to_public(net, _keys(_EXAMPLE.layers)))


@dataclass(frozen=True, slots=True)
class _Sizes:
    token: int
    width: int
    hidden: int
    layers: int
    middle: int
    out: int


_EXAMPLE = _Sizes(token=8, width=320, hidden=64, layers=2, middle=1024, out=32)


def _layers(found: Mapping[str, Tensor]) -> int:
    return len([key for key in found if key.startswith("transformer_encoder.layers.") and key.endswith("norm1.bias")])


def _sizes(found: Mapping[str, Tensor], path: Path) -> _Sizes:
    """Return the sizes that the weights have; what lacks them is left to be listed."""
    width, token = (*found["encoder.0.weight"].shape,) if "encoder.0.weight" in found else (1280, 5120)
    if width % _HEADS:
        raise ModelError(f"width {width} is not of {_HEADS} heads", where=str(path), fix="give a model as published")

    def rows(key: str, otherwise: int) -> int:
        return len(found[key]) if key in found else otherwise

    hidden = rows("transformer_encoder.layers.0.linear1.weight", 5120)
    return _Sizes(
        token, width, hidden, _layers(found), rows("decoder.0.0.weight", 1024), rows("decoder.3.weight", 1280)
    )


def _model_file(folder: Path) -> Path:
    files = sorted(path for path in folder.glob("*.torch") if path.name != "all_tokens.torch")
    if len(files) == 1:
        return files[0]
    seen = ", ".join(path.name for path in files) or "none"
    raise ModelError(f"{len(files)} models: {seen}", where=str(folder), fix="leave one model's .torch file in it")


class _Loaded:
    """A checkpoint in memory."""

    def __init__(self, net: nn.Module, genome: Genome) -> None:
        self.net, self.genome = net.eval(), genome

    def cells(self, data: AnnData) -> Cells:
        """Return counts over the human genes, by symbol in whatever letters."""
        from scarena.models.adapters.shared.cells import cells_over

        place = self.genome.place
        known = {name: place[name.upper()] for name in data.var["symbol"].astype(str) if name.upper() in place}
        return cells_over(data, known, "symbol", "uce")

    def tokens(self, cells: Cells, uniform_BS: np.ndarray | None = None, key_BC: np.ndarray | None = None) -> Packed:
        """Return the tokens: CLS, then for each chromosome its own, its sampled genes by start, and its end.

        Parameters
        ----------
        cells
            The cells; one without counts is CLS alone, where upstream fails.
        uniform_BS
            Numbers in [0, 1) that draw the genes; by default what the cell decides.
        key_BC
            Numbers that order the chromosomes; upstream shuffles them.
        """
        from scarena.models.adapters.shared.cells import uniform_table
        from scarena.models.adapters.shared.tokens import packed

        genome = self.genome
        uniform_BS = uniform_table(cells, _SAMPLES, 0) if uniform_BS is None else uniform_BS
        key_BC = uniform_table(cells, len(genome.chromosome_row_C), 1) if key_BC is None else key_BC
        gene_R, cell_R = _sampled(cells, uniform_BS)
        chromosome_R = genome.chromosome_G[gene_R]
        order = np.lexsort((gene_R, genome.start_G[gene_R], key_BC[cell_R, chromosome_R], cell_R))
        gene_R, chromosome_R = gene_R[order], chromosome_R[order]
        opens_R = np.ones(len(order), bool)
        opens_R[1:] = (np.diff(chromosome_R) != 0) | (np.diff(cell_R) != 0)
        # Before a gene: the CLS tokens up to its cell's, two tokens for each chromosome before, and its own's first.
        at_R = np.arange(len(order)) + cell_R + 2 * np.cumsum(opens_R)
        sizes_B = 1 + np.bincount(cell_R, minlength=len(cells)) + 2 * np.bincount(cell_R[opens_R], minlength=len(cells))
        first = len(genome.row_G)
        ids_T = np.full(sizes_B.sum(), first + 1)
        ids_T[np.cumsum(sizes_B) - sizes_B] = first
        ids_T[at_R] = gene_R
        ids_T[at_R[opens_R] - 1] = first + 2 + chromosome_R[opens_R]
        return packed(ids_T, np.zeros(len(ids_T)), sizes_B)

    def __call__(self, cells: Cells, device: str) -> np.ndarray:
        """Return the CLS token's vectors, of length one."""
        net: Any = self.net.to(device)
        return net(self.tokens(cells).to(device)).cpu().numpy()


def _sampled(cells: Cells, uniform_BS: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return genes drawn with replacement, by log1p of their counts, and the cell of each, ascending."""
    drawn, of_cell = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for cell, (first, last) in enumerate(zip(cells.starts_B1[:-1], cells.starts_B1[1:], strict=True)):
        if first == last:
            continue
        sums = np.cumsum(np.log1p(cells.counts_N[first:last]), dtype=np.float64)
        rows = np.searchsorted(sums / sums[-1], uniform_BS[cell], "right")
        drawn.append(cells.genes_N[first:last][rows].astype(np.int64))
        of_cell.append(np.full(len(rows), cell))
    return np.concatenate(drawn), np.concatenate(of_cell)


def _network(sizes: _Sizes, n_tokens: int) -> Any:
    import torch
    import torch.nn.functional as F
    from torch import nn

    from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig

    width = sizes.width

    class Network(nn.Module):
        """Tokens projected and normalised, sinusoids by place, the encoder, and a network that reads CLS."""

        baked: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(n_tokens, sizes.token)
            self.project, self.norm = nn.Linear(sizes.token, width), nn.LayerNorm(width)
            self.places = nn.Parameter(_sinusoids(width))
            self.encoder = Encoder(EncoderConfig(width, _HEADS, sizes.layers, sizes.hidden))
            steps = [(width, sizes.middle), (sizes.middle, sizes.out), (sizes.out, sizes.out)]
            self.read = nn.ModuleList(nn.Linear(*step) for step in steps)
            self.read_norms = nn.ModuleList(nn.LayerNorm(out) for _, out in steps)
            self.last = nn.Linear(sizes.out, sizes.out)
            self.register_buffer("baked", torch.empty(0), persistent=False)

        @torch.no_grad()
        def bake(self) -> Network:
            """Project each token of the table once, which upstream does for each of every cell, and drop the table."""
            parts = [F.normalize(part, dim=1) for part in self.tokens.weight.split(4096)]
            self.baked = torch.cat([self.norm(F.gelu(self.project(part))) for part in parts]) * math.sqrt(width)
            del self.tokens
            return self

        def forward(self, tokens: Packed) -> Tensor:
            """Return each cell's vector, of length one."""
            cell_T = tokens.cell_of()
            place_T = torch.arange(len(cell_T), device=cell_T.device) - tokens.starts_B1.long()[cell_T]
            x_TD = self.baked[tokens.genes_T] + self.places[place_T, 0]
            x_BD = self.encoder(x_TD, tokens, first=True)
            for linear, norm in zip(self.read, self.read_norms, strict=True):
                x_BD = F.gelu(norm(linear(x_BD)))
            return F.normalize(self.last(x_BD), dim=1)

    return Network()


def _sinusoids(width: int) -> Tensor:
    """Return the encoding of places (Vaswani et al. 2017), [places, 1, D]; a checkpoint brings its own."""
    import torch

    angle = torch.arange(_LENGTH)[:, None] * 10_000 ** (-torch.arange(0, width, 2) / width)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, None]


def _keys(layers: int) -> dict[str, str]:
    from scarena.models.adapters.shared.weights import torch_layers

    modules = {"project": "encoder.0", "norm": "encoder.2", "last": "decoder.3"}
    for step in range(3):
        modules |= {f"read.{step}": f"decoder.{step}.0", f"read_norms.{step}": f"decoder.{step}.1"}
    found = {f"{our}.{kind}": f"{name}.{kind}" for our, name in modules.items() for kind in ("weight", "bias")}
    inner = torch_layers(layers, "transformer_encoder.layers.{}")
    found |= {f"encoder.{our}": name for our, name in inner.items()}
    return found | {"tokens.weight": _TABLE, "places": "pos_encoder.pe"}
