"""Vectors and tokens by scGPT's own model and collator, of the checkpoint and the counts in a folder."""

import importlib.util
import json
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import torch

warnings.simplefilter("ignore")
folder, out = map(Path, sys.argv[1:])
# Its `__init__` imports all of it, and much that nothing here needs.
found = importlib.util.find_spec("scgpt")
package = types.ModuleType("scgpt")
package.__path__ = list(found.submodule_search_locations)
package.logger = __import__("logging").getLogger("scgpt")
sys.modules["scgpt"] = package
inner = types.ModuleType("scgpt.model")
inner.__path__ = [str(Path(package.__path__[0]) / "model")]
sys.modules["scgpt.model"] = inner

from scgpt.data_collator import DataCollator  # noqa: E402
from scgpt.model.model import TransformerModel  # noqa: E402

args, vocabulary = (json.loads((folder / name).read_text()) for name in ("args.json", "vocab.json"))
given = np.load(folder / "given.npz")
model = TransformerModel(
    ntoken=len(vocabulary), d_model=args["embsize"], nhead=args["nheads"], d_hid=args["d_hid"],
    nlayers=args["nlayers"], nlayers_cls=3, n_cls=1, vocab=vocabulary, dropout=0.2, pad_token="<pad>",
    pad_value=args["pad_value"], do_mvc=True, use_fast_transformer=False,
)  # fmt: skip
if (folder / "best_model.pt").exists():
    weights = torch.load(folder / "best_model.pt", weights_only=True)
    weights = {key.replace("Wqkv.", "in_proj_"): value for key, value in weights.items()}
    kept = {**model.state_dict(), **weights}
    assert set(kept) == set(model.state_dict())
    model.load_state_dict(kept)
else:
    # What it saves of itself, heads and all, as the joined projection is named with flash attention.
    torch.manual_seed(1)
    for parameter in model.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    state = {key.replace("self_attn.in_proj_", "self_attn.Wqkv."): v for key, v in model.state_dict().items()}
    torch.save(state, folder / "best_model.pt")
model.eval()

examples = []
for row in given["counts"]:
    genes = np.flatnonzero(row)
    ids = np.insert(given["ids"][genes], 0, vocabulary["<cls>"])
    values = np.insert(row[genes].astype(float), 0, args["pad_value"])
    examples.append({"genes": torch.from_numpy(ids).long(), "expressions": torch.from_numpy(values).float()})
collate = DataCollator(
    do_padding=True, pad_token_id=vocabulary["<pad>"], pad_value=args["pad_value"], do_mlm=False, do_binning=True,
    max_length=1200, sampling=True, keep_first_n_tokens=1,
)  # fmt: skip
np.random.seed(0)  # noqa: NPY002 - what upstream draws from
batch = collate(examples)
with torch.no_grad():
    hidden = model._encode(batch["gene"], batch["expr"], src_key_padding_mask=batch["gene"].eq(vocabulary["<pad>"]))
vectors = hidden[:, 0].numpy()
vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
np.savez(out, vectors=vectors, genes=batch["gene"].numpy(), values=batch["expr"].numpy())
