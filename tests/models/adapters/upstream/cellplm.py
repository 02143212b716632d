"""Vectors by CellPLM's own pipeline, of the configuration and the cells in a folder, and what it drew at random."""

import json
import sys
import types
import warnings
from pathlib import Path

import anndata
import numpy as np
import torch

warnings.simplefilter("ignore")
folder, out = map(Path, sys.argv[1:])
# Its evaluation and its conversion of symbols import these; neither is needed here.
for name, inside in (("mygene", ()), ("hdf5plugin", ()), ("dance", ()), ("dance.utils", ("set_seed",))):
    sys.modules[name] = types.ModuleType(name)
    for each in inside:
        setattr(sys.modules[name], each, None)

from CellPLM.model import OmicsFormer  # noqa: E402
from CellPLM.pipeline.cell_embedding import CellEmbeddingPipeline  # noqa: E402

config = json.loads((folder / "example.config.json").read_text())
torch.manual_seed(1)
model = OmicsFormer(**config)
for parameter in model.parameters():
    parameter.data.add_(0.1 * torch.randn_like(parameter))
for name, buffer in model.named_buffers():
    if name.endswith(("running_mean", "running_var")):
        buffer.add_(torch.rand_like(buffer))
torch.save({"model_state_dict": model.state_dict(), "epoch": 3}, folder / "example.best.ckpt")

draws = []
drawn_by_torch = torch.rand_like


def recorded(*args, **kwargs):
    """Draw as torch does, and remember it."""
    draws.append(drawn_by_torch(*args, **kwargs))
    return draws[-1]


torch.rand_like = recorded
pipeline = CellEmbeddingPipeline(pretrain_prefix="example", pretrain_directory=str(folder))
vectors = pipeline.predict(anndata.read_h5ad(folder / "given.h5ad"), ensembl_auto_conversion=False)
np.savez(out, vectors=vectors.numpy(), **{f"draws{n}": each.numpy() for n, each in enumerate(draws)})
