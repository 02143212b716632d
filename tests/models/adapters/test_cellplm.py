import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import ModelError
from scarena.models.adapters.cellplm import CellPLM
from scarena.models.adapters.shared.weights import read_tensors, save_torch
from scarena.models.base import Context

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    CellPLM.write_example(tmp_path)
    return tmp_path


@pytest.fixture
def data(human_cells: Callable[..., AnnData]) -> AnnData:
    """Cells of three batches, one without counts."""
    data = human_cells()
    data.X = csr_matrix(data.X.toarray() * (np.arange(12) != 2)[:, None])
    data.obs["batch"] = ["b", "a", "c"] * 4
    return data


@pytest.mark.upstream
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"latent_mod": "vae", "dsbn": True, "dataset_num": 2},
        {"latent_mod": "ae", "pe_type": None, "norm": "layernorm"},
    ],
)
def test_vectors_are_those_of_upstream(
    changed: dict[str, object], folder: Path, data: AnnData, upstream: Callable[..., dict[str, np.ndarray]]
) -> None:
    config = json.loads((folder / "example.config.json").read_text())
    (folder / "example.config.json").write_text(json.dumps({**config, **changed}))
    data.write_h5ad(folder / "given.h5ad")
    theirs = upstream("cellplm", folder, "cellplm==0.1.0.post2", "einops==0.8.1")
    model = CellPLM.at(folder)()
    found = model.embed(data, Context())  # also notes the batches
    loaded = model.load(folder)
    if "latent_mod" not in changed:
        # Batch by batch, with the numbers that upstream drew.
        pieces = list(model._pieces(loaded.cells(data)))
        with torch.inference_mode():
            parts = [loaded(part, "cpu", theirs[f"draws{number}"]) for number, part in enumerate(pieces)]
        found = model._in_order(np.concatenate(parts), loaded.cells(data))
    assert np.abs(found - theirs["vectors"]).max() < 1e-5


def test_a_checkpoint_of_its_own_layout_embeds_every_cell(folder: Path, data: AnnData) -> None:
    vectors = CellPLM.at(folder)().embed(data, Context())
    assert vectors.shape == (12, 16) and np.isfinite(vectors).all()


def test_a_cell_depends_on_its_batch_and_not_on_the_others_nor_on_the_order(folder: Path, data: AnnData) -> None:
    model = CellPLM.at(folder)()
    vectors = model.embed(data, Context())
    order = np.random.default_rng(0).permutation(12)
    assert np.allclose(model.embed(data[order].copy(), Context()), vectors[order], atol=1e-5)
    only = (data.obs["batch"] == "a").to_numpy()
    assert np.allclose(model.embed(data[only].copy(), Context()), vectors[only], atol=1e-5)
    assert np.abs(model.embed(data[:6].copy(), Context()) - vectors[:6]).max() > 1e-3


def test_missing_and_unknown_keys_are_listed(folder: Path) -> None:
    weights = read_tensors(folder / "example.best.ckpt", "model_state_dict")
    del weights["encoder.layers.1.self_attn.key_projection.bias"]
    save_torch(folder / "example.best.ckpt", {"model_state_dict": {**weights, "something.else": torch.zeros(2)}})
    with pytest.raises(ModelError, match=r"lacks .*\.1\.self_attn\.key_projection\.bias; has unknown something\.else"):
        CellPLM().load(folder)


def test_genes_of_another_model_and_another_kind_are_refused(folder: Path) -> None:
    path = folder / "example.config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "gene_list": config["gene_list"][1:]}))
    with pytest.raises(ModelError, match=r"embedder\.feat_enc\.emb \[400, 32\] for \[399, 32\]"):
        CellPLM().load(folder)
    path.write_text(json.dumps({**config, "enc_mod": "performer", "cat_pe": True}))
    with pytest.raises(ModelError, match="enc_mod 'performer', cat_pe True"):
        CellPLM().load(folder)
    (folder / "other.config.json").write_text("{}")
    with pytest.raises(ModelError, match="2 files called"):
        CellPLM().load(folder)
