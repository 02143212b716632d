"""CLS vectors of the last layer by transformers' BERT, of the configuration and the tokens in a folder."""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch

warnings.simplefilter("ignore")
folder, out = map(Path, sys.argv[1:])
from transformers import BertConfig, BertModel  # noqa: E402

config = json.loads((folder / "config.json").read_text())
given = np.load(folder / "given.npz")
torch.manual_seed(1)
model = BertModel(BertConfig(**config, attn_implementation="eager"), add_pooling_layer=False).eval()
for parameter in model.parameters():
    parameter.data.add_(0.1 * torch.randn_like(parameter))
(folder / "model.safetensors").unlink()
model.save_pretrained(folder, safe_serialization=True)
(folder / "config.json").write_text(json.dumps(config))
ids, sizes = torch.from_numpy(given["ids"]).long(), torch.from_numpy(given["sizes"])
mask = (torch.arange(ids.shape[1])[None] < sizes[:, None]).long()
with torch.no_grad():
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
np.savez(out, first=hidden[:, 0].numpy())
