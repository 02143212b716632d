from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from anndata import AnnData
from scipy.sparse import csr_matrix
from torch import nn

from scarena.base.errors import ModelError
from scarena.models.adapters.scfoundation import ScFoundation
from scarena.models.adapters.shared.weights import read_plain, read_tensors, save_torch
from scarena.models.base import Context

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ScFoundation.write_example(tmp_path)
    return tmp_path


def _published(folder: Path, counts: np.ndarray) -> np.ndarray:
    """The authors' forward pass of one cell, step by step, from the checkpoint's own keys: there is no package.

    `counts` are over the list of genes. Bins: ``mlp``, LeakyReLU of 0.1, α x + ``mlp2`` x, softmax, times ``emb``.
    Encoder: torch's layers with its defaults (norm after, ReLU, four times the width), then a norm.
    """
    weights = {
        k.removeprefix("model."): v
        for k, v in read_tensors(folder / "models/models.ckpt", "cell", "state_dict").items()
    }
    normal = np.log1p(counts / counts.sum() * 1e4)
    given = torch.tensor([*normal.tolist(), 4.0, float(np.log10(counts.sum()))])[None]
    at = (given[0] > 0).nonzero()[:, 0]
    hidden = nn.functional.leaky_relu(
        given[0, at, None] @ weights["token_emb.mlp.weight"].T + weights["token_emb.mlp.bias"], 0.1
    )
    scores = 1.0 * hidden + hidden @ weights["token_emb.mlp2.weight"].T + weights["token_emb.mlp2.bias"]
    x = torch.softmax(scores, -1) @ weights["token_emb.emb.weight"] + weights["pos_emb.weight"][at]
    x = x[None]
    for number in range(2):
        layer = nn.TransformerEncoderLayer(32, 4, 128, batch_first=True).eval()
        prefix = f"encoder.transformer_encoder.{number}."
        layer.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
        x = layer(x)
    x = nn.functional.layer_norm(x, (32,), weights["encoder.norm.weight"], weights["encoder.norm.bias"])
    pooled = [x[:, -1], x[:, -2], x[:, :-2].amax(1), x[:, :-2].mean(1)]
    return torch.cat(pooled, -1)[0].detach().numpy()


def _shaken(folder: Path) -> None:
    """Norms of one and biases of zero would hide where they belong."""
    path = folder / "models/models.ckpt"
    inner = read_plain(path, "cell")
    torch.manual_seed(1)
    state = {key: value + 0.1 * torch.randn_like(value) for key, value in inner["state_dict"].items()}
    # What a published one holds beside.
    state |= {"model.token_emb.emb_mask.weight": torch.zeros(1, 32), "model.decoder.performer.x": torch.zeros(1)}
    save_torch(path, {"cell": {**inner, "state_dict": state}})


def test_vectors_are_those_of_the_published_steps(folder: Path, human_cells: Callable[..., AnnData]) -> None:
    _shaken(folder)
    data = human_cells()
    vectors = ScFoundation.at(folder)().embed(data, Context())
    known = ~data.var["symbol"].str.startswith("NOTAGENE").to_numpy()
    expected = [_published(folder, row) for row in data.X.toarray()[:, known]]
    assert np.abs(vectors - np.array(expected)).max() < 1e-5


def test_every_cell_is_embedded(folder: Path, human_cells: Callable[..., AnnData]) -> None:
    data = human_cells()
    counts = data.X.toarray() * (np.arange(12) > 1)[:, None]
    counts[1, 3] = 1  # the first has no counts, the second one: upstream fails on both
    data.X = csr_matrix(counts)
    vectors = ScFoundation.at(folder)().embed(data, Context())
    assert vectors.shape == (12, 128) and np.isfinite(vectors).all()
    assert (vectors[0, 64:] == 0).all() and (vectors[1, 64:96] == vectors[1, 96:]).all()


def test_counts_outside_the_list_of_genes_do_not_count(folder: Path, human_cells: Callable[..., AnnData]) -> None:
    data = human_cells()
    before = ScFoundation.at(folder)().embed(data, Context())
    counts = data.X.toarray()
    counts[:, -2:] += 1000
    data.X = csr_matrix(counts)
    np.testing.assert_array_equal(ScFoundation.at(folder)().embed(data, Context()), before)


def test_missing_and_unknown_keys_are_listed(folder: Path) -> None:
    path = folder / "models/models.ckpt"
    inner = read_plain(path, "cell")
    del inner["state_dict"]["model.encoder.norm.bias"]
    inner["state_dict"]["model.something.else"] = torch.zeros(2)
    save_torch(path, {"cell": inner})
    with pytest.raises(ModelError, match=r"lacks encoder\.norm\.bias; has unknown something\.else"):
        ScFoundation().load(folder)


def test_a_list_of_other_genes_is_refused(folder: Path) -> None:
    with (folder / "OS_scRNA_gene_index.19264.tsv").open("a") as file:
        file.write("ONE_MORE\t400\n")
    with pytest.raises(ModelError, match=r"pos_emb\.weight \[403, 32\] for \[404, 32\]"):
        ScFoundation().load(folder)


def test_the_list_of_genes_may_be_a_folder_above_and_is_asked_for(folder: Path) -> None:
    inner = folder / "models"
    assert len(ScFoundation().load(inner).genes) == 400
    (folder / "OS_scRNA_gene_index.19264.tsv").unlink()
    with pytest.raises(ModelError, match=r"OS_scRNA_gene_index\.19264\.tsv: cannot be read"):
        ScFoundation().load(inner)
