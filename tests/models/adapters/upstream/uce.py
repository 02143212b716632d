"""Vectors and tokens by UCE's own model and sampling, one cell a batch; what it drew is written beside them."""

import json
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

warnings.simplefilter("ignore")
folder, out = map(Path, sys.argv[1:])
# What the modules import and only downloads need.
sys.modules["gdown"] = SimpleNamespace()

from uce.data_proc.data_utils import adata_path_to_prot_chrom_starts, get_spec_chrom_csv  # noqa: E402
from uce.eval_data import sample_cell_sentences  # noqa: E402
from uce.model import TransformerModel  # noqa: E402

given = np.load(folder / "given.npz")
torch.manual_seed(1)
model = TransformerModel(token_dim=8, d_model=320, nhead=20, d_hid=64, nlayers=2, output_dim=32, dropout=0.05)
model.pe_embedding = torch.nn.Embedding.from_pretrained(torch.randn(145469, 8))
for parameter in model.parameters():
    parameter.data.add_(0.1 * torch.randn_like(parameter))
torch.save(model.state_dict(), folder / "4layer_model.torch")
model.eval()

names = given["names"].tolist()
genes = list(torch.load(folder / "protein_embeddings/Homo_sapiens.GRCh38.gene_symbol_to_embedding_ESM2.pt"))
offset = json.loads((folder / "species_offsets.json").read_text())["human"]
places = get_spec_chrom_csv(folder / "species_chrom.csv")
rows, chromosomes, starts = adata_path_to_prot_chrom_starts(
    SimpleNamespace(var_names=names), "human", [gene.upper() for gene in genes], places, offset
)
chromosomes = chromosomes.to_numpy()
args = SimpleNamespace(
    pad_length=1536, sample_size=1024, cls_token_idx=3, CHROM_TOKEN_OFFSET=143574, chrom_token_right_idx=2,
    pad_token_idx=0,
)  # fmt: skip
shuffle, codes = np.random.shuffle, np.unique(chromosomes)
key = np.zeros((len(given["counts"]), len(codes)))


def recording(found: np.ndarray) -> None:
    shuffle(found)
    key[cell, np.searchsorted(codes, found)] = np.arange(len(found))


np.random.shuffle = recording
vectors, tokens, drawn = [], np.zeros((len(given["counts"]), 1536), np.int64), []
for cell, row in enumerate(given["counts"]):
    np.random.seed(cell)  # noqa: NPY002 - what upstream draws from
    drawn.append(np.random.RandomState(cell).random_sample(1024))
    counts = torch.from_numpy(row.astype(np.int64))[None]
    weights = torch.log1p(counts)
    sentence, mask, length, _ = sample_cell_sentences(
        counts, weights / weights.sum(), "it", args, {"it": rows}, {"it": chromosomes}, {"it": starts}
    )
    tokens[cell] = sentence[0]
    with torch.no_grad():
        looked_up = torch.nn.functional.normalize(model.pe_embedding(sentence[:, :length].T), dim=2)
        vectors.append(model(looked_up, mask=mask[:, :length])[1][0].numpy())
np.savez(out, vectors=np.array(vectors), tokens=tokens, drawn=np.array(drawn), key=key)
