"""Vectors and tokens by State's own model and collator; what it drew is written beside them."""

import importlib.util
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import torch

warnings.simplefilter("ignore")
folder, out = map(Path, sys.argv[1:])
# Its `__init__` imports all of it; the loss wants a package that nothing here needs.
place = Path(next(iter(importlib.util.find_spec("state").submodule_search_locations)))
for name in ("state", "state.emb"):
    package = types.ModuleType(name)
    package.__path__ = [str(place / name[6:])]
    sys.modules[name] = package
sys.modules["geomloss"] = types.SimpleNamespace(SamplesLoss=None)

from omegaconf import OmegaConf  # noqa: E402
from state.emb.data.loader import VCIDatasetSentenceCollator  # noqa: E402
from state.emb.nn.model import StateEmbeddingModel  # noqa: E402

given = np.load(folder / "given.npz")
vectors = torch.load(folder / "protein_embeddings.pt", weights_only=True)
config = OmegaConf.create({
    **OmegaConf.to_container(OmegaConf.load(folder / "config.yaml")),
    "embeddings": {"current": "it", "it": {"num": len(vectors)}},
    "loss": {"name": "tabular"},
})  # fmt: skip
config.model.update({"rda": True, "counts": True, "dataset_correction": True})
config.dataset.update({"current": "it", "it": {"num_datasets": 3}, "P": 5, "N": 5, "S": 5})
torch.manual_seed(1)
model = StateEmbeddingModel(
    token_dim=8, d_model=32, nhead=4, d_hid=64, nlayers=2, output_dim=16, dropout=0.0, cfg=config
)
model.pe_embedding = torch.nn.Embedding.from_pretrained(torch.vstack(list(vectors.values())))
for name, parameter in model.named_parameters():
    if name != "pe_embedding.weight":
        parameter.data.add_(0.1 * torch.randn_like(parameter))
model.eval()

places = {name: place for place, name in enumerate(vectors)}
mapping = np.array([places.get(name, -1) for name in given["names"]])
collate = VCIDatasetSentenceCollator(
    config, valid_gene_mask={"it": mapping >= 0}, ds_emb_mapping_inference={"it": mapping}, is_train=False
)
hyper = {"cfg": config, "collater": collate, "nhead": 4}
torch.save({"state_dict": model.state_dict(), "hyper_parameters": hyper}, folder / "se600m_epoch16.ckpt")

permuted, drawn = [], []
randperm, randint = torch.randperm, torch.randint


def recorded(function, into):
    def call(*args, **kwargs):
        found = function(*args, **kwargs)
        into[-1].append((args[0], found.numpy()))
        return found

    return call


torch.randperm, torch.randint = recorded(randperm, permuted), recorded(randint, drawn)
# Equals keep the order of the shuffle: unstable, the sort would shuffle them once more, in a way that no number tells.
argsort = torch.argsort
torch.argsort = lambda values, descending: argsort(values, descending=descending, stable=True)
rows = []
for row in given["counts"]:
    permuted.append([])
    drawn.append([])
    rows.append(collate.sample_cell_sentences(torch.from_numpy(row)[None], "it", None, collate.valid_gene_mask["it"]))
sentences, values, masks = (torch.cat([row[part] for row in rows]) for part in (0, 6, 4))
n_genes, length = int((mapping >= 0).sum()), config.dataset.pad_length
batch = (sentences.int(), torch.zeros(len(rows), 1, dtype=torch.int32), None, None, None, masks, None, values, None)
with torch.no_grad():
    _, _, _, embedding, dataset = model._compute_embedding_for_batch(batch)
    embedding = torch.cat([embedding, model.dataset_embedder(dataset)], dim=1)
# A gene's place in the shuffle, and as numbers in [0, 1) the first integers, where the genes are too few for them.
key = np.array([np.argsort(calls[0][1]) for calls in permuted])
uniform = np.zeros((len(rows), length - 1))
if n_genes < length - 1:
    for cell, calls in enumerate(drawn):
        uniform[cell, : len(calls[0][1])] = (calls[0][1] + 0.5) / calls[0][0]
np.savez(out, vectors=embedding.numpy(), sentences=sentences.numpy(), values=values.numpy(), key=key, uniform=uniform)
