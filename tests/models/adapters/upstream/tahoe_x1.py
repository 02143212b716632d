"""Vectors and tokens by Tahoe-x1's own model and collator, one cell a batch; what it drew is written beside them."""

import importlib.util
import sys
import types
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

warnings.simplefilter("ignore")
folder, out = map(Path, sys.argv[1:])


class Registry(dict):
    def register_class(self, name):
        return lambda given: self.setdefault(name, given)

    def register(self, name, func):
        self[name] = func


def stub(name: str, **values: object) -> None:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__dict__.update(values)


def bare(name: str) -> None:
    """A package without its `__init__`, which imports all of it and what nothing here needs."""
    package, *inner = name.split(".")
    stub(name, __path__=[str(places[package].joinpath(*inner))])


places = {
    name: Path(importlib.util.find_spec(name).submodule_search_locations[0]) for name in ("tahoe_x1", "llmfoundry")
}
for each in ("tahoe_x1", "tahoe_x1.data", "llmfoundry", "llmfoundry.models", "llmfoundry.models.layers"):
    bare(each)
stub("tahoe_x1.utils", download_file_from_s3_url=None)
stub("composer")
stub("composer.utils", dist=types.SimpleNamespace(get_local_rank=lambda: 0))
stub("composer.models", ComposerModel=nn.Module)
stub("composer.core.data_spec", DataSpec=None)
stub("datasets", Dataset=None)
stub("streaming", Stream=None, StreamingDataLoader=None, StreamingDataset=None)
stub("huggingface_hub", hf_hub_download=None)
stub("transformers", DefaultDataCollator=type("It", (), {"__init__": lambda *_, **__: None}), __version__="4.46.3")
stub("transformers.models")
stub("transformers.models.llama")
stub("transformers.models.llama.modeling_llama", apply_rotary_pos_emb=None)
norms = Registry()
stub(
    "llmfoundry.layers_registry", attention_classes=Registry(), attention_implementations=Registry(), norms=norms,
    param_init_fns={"kaiming_normal_": lambda **_: None},
)  # fmt: skip
stub(
    "llmfoundry.models.layers.layer_builders", build_norm=None,
    build_fc=lambda name, in_features, out_features, fc_kwargs: nn.Linear(in_features, out_features, fc_kwargs["bias"]),
)  # fmt: skip
stub("llmfoundry.models.utils")
stub("llmfoundry.models.utils.config_defaults", fc_type_defaults={"name": "torch", "bias": True})
stub(
    "llmfoundry.models.layers.ffn", resolve_ffn_act_fn=lambda config: getattr(nn.functional, config["name"]),
    resolve_ffn_hidden_size=lambda width, ratio: int(width * ratio),
)  # fmt: skip
stub("llmfoundry.models.mpt")
stub("llmfoundry.models.mpt.modeling_mpt", gen_flash_attn_padding_info=lambda **_: None)
import llmfoundry.models.layers.attention  # noqa: E402
import llmfoundry.models.layers.norm  # noqa: E402, F401
from omegaconf import OmegaConf  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from scipy.sparse import csr_matrix  # noqa: E402
from tahoe_x1.data.collator import DataCollator  # noqa: E402

sys.modules["tahoe_x1.data"].DataCollator = DataCollator
from tahoe_x1.data.dataloader import CountDataset  # noqa: E402
from tahoe_x1.model.model import ComposerTX  # noqa: E402
from tahoe_x1.tokenizer.gene_tokenizer import GeneVocab  # noqa: E402

config, collator = (OmegaConf.load(folder / f"{name}_config.yml") for name in ("model", "collator"))
# Without flash attention there is torch's; without padding neither needs a mask.
config.attn_config.attn_impl = "torch"
config.mvc = {"arch_style": "inner product", "query_activation": "sigmoid"}
torch.manual_seed(1)
model = ComposerTX(config, collator)
for parameter in model.parameters():
    parameter.data.add_(0.1 * torch.randn_like(parameter))
save_file(model.state_dict(), folder / "model.safetensors")
model.eval()

given = np.load(folder / "given.npz")
vocabulary = GeneVocab.from_file(folder / "vocab.json")
ids = np.array([vocabulary.token_to_index.get(name, -1) for name in given["names"]])
kept = ids >= 0
cells = CountDataset(
    csr_matrix(given["counts"][:, kept]), ids[kept], cls_token_id=vocabulary["<cls>"], pad_value=collator.pad_value
)
collate = DataCollator(
    vocab=vocabulary, pad_token_id=collator.pad_token_id, pad_value=collator.pad_value, do_mlm=False,
    do_binning=collator.do_binning, mlm_probability=collator.mlm_probability, mask_value=collator.mask_value,
    max_length=int(given["length"]), sampling=collator.sampling, num_bins=collator.num_bins,
    right_binning=collator.right_binning, keep_first_n_tokens=collator.keep_first_n_tokens,
)  # fmt: skip
key = np.zeros((len(cells), len(vocabulary)))
genes, values, vectors = [], [], []
randperm = torch.randperm
for cell in range(len(cells)):
    example = cells[cell]

    def recorded(number: int, device: object, genes: torch.Tensor = example["genes"], cell: int = cell) -> torch.Tensor:
        found = randperm(number)
        # Earlier in the shuffle is kept: a higher key.
        key[cell, genes[collator.keep_first_n_tokens :][found]] = np.linspace(1, 0, number)
        return found

    torch.randperm = recorded
    batch = collate([example])
    genes.append(batch["gene"][0].numpy())
    values.append(batch["expr"][0].numpy())
    with torch.no_grad():
        vector = model(batch, skip_decoders=True)["cell_emb"][0].numpy()
    vectors.append(vector / np.linalg.norm(vector))
np.savez(
    out, vectors=np.array(vectors), genes=np.concatenate(genes), values=np.concatenate(values), key=key,
    sizes=[len(each) for each in genes],
)  # fmt: skip
