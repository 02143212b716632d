"""Tokens and vectors by TranscriptFormer's own vocabularies, dataset and model, of the checkpoint in a folder."""

import json
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import anndata
import numpy as np
import torch

warnings.simplefilter("ignore")
folder, out = map(Path, sys.argv[1:])
from transcriptformer.data.dataclasses import DataConfig, InferenceConfig, LossConfig, ModelConfig  # noqa: E402
from transcriptformer.data.dataloader import AnnDataset  # noqa: E402
from transcriptformer.model.model import Transcriptformer  # noqa: E402
from transcriptformer.tokenizer.vocab import load_vocabs_and_embeddings  # noqa: E402

config = json.loads((folder / "config.json").read_text())["model"]
# The authors' command line: its own configuration over the checkpoint's.
data = DataConfig(
    **{
        **config["data_config"], "aux_vocab_path": str(folder / "vocabs"), "esm2_mappings_path": str(folder / "vocabs"),
        "pin_memory": False, "gene_col_name": "ensembl_id", "clip_counts": 30, "filter_to_vocabs": True,
        "filter_outliers": 0.0, "normalize_to_scale": 0, "sort_genes": False, "randomize_genes": False,
        "min_expressed_genes": 0, "n_data_workers": 0,
    }
)  # fmt: skip
model_config = ModelConfig(**config["model_config"], compile_block_mask=False)
(genes, assays), vectors = load_vocabs_and_embeddings(SimpleNamespace(model=SimpleNamespace(data_config=data)))
inference = InferenceConfig(["embeddings"], 4, [], None, None, None)
torch.manual_seed(1)
model = Transcriptformer(
    data_config=data, model_config=model_config, loss_config=LossConfig(1.0), inference_config=inference,
    gene_vocab_dict=genes, aux_vocab_dict=assays, emb_matrix=vectors,
)  # fmt: skip
for parameter in model.parameters():
    parameter.data.add_(0.1 * torch.randn_like(parameter))
model.eval()
torch.save(model.state_dict(), folder / "model_weights.pt")

dataset = AnnDataset(
    [anndata.read_h5ad(folder / "given.h5ad")], genes, aux_vocab=assays, max_len=model_config.seq_len, pad_zeros=True,
    pad_token="[PAD]", sort_genes=False, filter_to_vocab=True, filter_outliers=0.0, gene_col_name="ensembl_id",
    normalize_to_scale=0, randomize_order=False, min_expressed_genes=0, clip_counts=30, use_raw=None,
)  # fmt: skip
found = []
for first in range(0, len(dataset), 4):
    batch = dataset.collate_fn([dataset[cell] for cell in range(first, min(first + 4, len(dataset)))])
    batch.obs = None
    found.append(model.inference(batch)["embeddings"].numpy())
np.savez(
    out, vectors=np.concatenate(found), genes=dataset.data.gene_token_indices.numpy(),
    counts=dataset.data.gene_counts.numpy(), assays=dataset.data.aux_token_indices.numpy(),
    names=np.array(list(genes)), pad=genes["[PAD]"],
)  # fmt: skip
