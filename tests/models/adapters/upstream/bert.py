"""Vectors of tokens by transformers' BERT, of the configuration and the tokens in a folder.

CLS and the mean over a cell's tokens, of the last layer and (``_before``) of the one before it. `heads` says whether
the checkpoint is saved as the whole of the pretraining's model.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch

warnings.simplefilter("ignore")
folder, out = map(Path, sys.argv[1:])
from transformers import BertConfig, BertForMaskedLM, BertModel  # noqa: E402

config = json.loads((folder / "config.json").read_text())
given = np.load(folder / "given.npz")
torch.manual_seed(1)
sizes_of_it = BertConfig(**config, attn_implementation="eager")
model = BertForMaskedLM(sizes_of_it) if given["heads"] else BertModel(sizes_of_it, add_pooling_layer=False)
model = model.eval()
for parameter in model.parameters():
    parameter.data.add_(0.1 * torch.randn_like(parameter))
(folder / "model.safetensors").unlink()
model.save_pretrained(folder, safe_serialization=True)
(folder / "config.json").write_text(json.dumps(config))
ids, sizes = torch.from_numpy(given["ids"]).long(), torch.from_numpy(given["sizes"])
mask = (torch.arange(ids.shape[1])[None] < sizes[:, None]).long()
with torch.no_grad():
    layers = model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
found = {}
for name, hidden in (("", layers[-1]), ("_before", layers[-2])):
    found[f"first{name}"] = hidden[:, 0].numpy()
    found[f"means{name}"] = ((hidden * mask[..., None]).sum(1) / sizes[:, None]).numpy()
np.savez(out, **found)
