from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scanpy as sc
import torch
import torch.nn.functional as F
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import ModelError
from scarena.models.adapters.scbert import ScBERT
from scarena.models.adapters.shared.example import symbols
from scarena.models.adapters.shared.performer import performer_attention
from scarena.models.adapters.shared.weights import read_tensors, save_torch
from scarena.models.base import Context

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ScBERT.write_example(tmp_path)
    return tmp_path


@pytest.fixture
def data(human_cells: Callable[..., AnnData]) -> AnnData:
    """Cells of which one has no counts, one counts on the borders of levels, and of genes that share a symbol."""
    data = human_cells()
    counts = data.X.toarray()
    counts[2] = 0
    counts[3] = 0
    counts[3, :6] = [1, 3, 7, 15, 31, 10_000 - 57]
    data.var["symbol"] = [*data.var["symbol"].iloc[:-1], data.var["symbol"].iloc[0]]
    counts[4:, -1] = 50
    data.X = csr_matrix(counts)
    return data


def _published_levels(data: AnnData) -> np.ndarray:
    """The published preprocessing and clipping, with scanpy; without its filter of cells."""
    found = np.zeros((data.n_obs, len(symbols())), np.float32)
    names = list(data.var["symbol"])
    for place, name in enumerate(symbols()):
        if name in names:
            found[:, place] = data.X[:, names.index(name)].toarray().ravel()
    cells = AnnData(csr_matrix(found))
    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.pp.log1p(cells, base=2)
    levels = cells.X.toarray()
    levels[levels > 5] = 5
    return np.concatenate([torch.from_numpy(levels).long().numpy(), np.zeros((data.n_obs, 1), np.int64)], axis=1)


def _published_features(x: torch.Tensor, projection: torch.Tensor, is_query: bool) -> torch.Tensor:
    scale = x.shape[-1] ** -0.25
    dash = torch.einsum("bhid,jd->bhij", scale * x, projection)
    length = (x**2).sum(-1, keepdim=True) / 2 * scale**2
    top = dash.max(dim=-1, keepdim=True).values if is_query else dash.max()
    return projection.shape[0] ** -0.5 * (torch.exp(dash - length - top) + 1e-4)


def _published_vectors(levels: torch.Tensor, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """The published forward pass of one cell, step by step, the mean over what it returns as encodings."""
    x = weights["token_emb.weight"][levels][None] + weights["pos_emb.emb.weight"]
    for number in range(2):
        w = {k.removeprefix(f"performer.net.layers.{number}."): v for k, v in weights.items()}
        seen = F.layer_norm(x, (20,), w["0.norm.weight"], w["0.norm.bias"])
        q, k, v = ((seen @ w[f"0.fn.to_{n}.weight"].T).view(1, -1, 2, 16).transpose(1, 2) for n in "qkv")
        projection = w["0.fn.fast_attention.projection_matrix"]
        q, k = _published_features(q, projection, True), _published_features(k, projection, False)
        scale = 1 / torch.einsum("bhnd,bhd->bhn", q, k.sum(-2))
        mixed = torch.einsum("bhde,bhnd,bhn->bhne", torch.einsum("bhnd,bhne->bhde", k, v), q, scale)
        x = x + F.linear(mixed.transpose(1, 2).flatten(2), w["0.fn.to_out.weight"], w["0.fn.to_out.bias"])
        seen = F.layer_norm(x, (20,), w["1.norm.weight"], w["1.norm.bias"])
        up = F.gelu(F.linear(seen, w["1.fn.fn.w1.weight"], w["1.fn.fn.w1.bias"]))
        x = x + F.linear(up, w["1.fn.fn.w2.weight"], w["1.fn.fn.w2.bias"])
    return F.layer_norm(x, (20,), weights["norm.weight"], weights["norm.bias"])[0].mean(0)


@pytest.mark.filterwarnings("ignore:Some cells have zero counts:UserWarning")
def test_levels_and_vectors_are_those_of_the_published_steps(folder: Path, data: AnnData) -> None:
    path = folder / "panglao_pretrained.pth"
    torch.manual_seed(1)
    weights = {
        key: value + 0.1 * torch.randn_like(value) for key, value in read_tensors(path, "model_state_dict").items()
    }
    beside = {"to_out.weight": torch.zeros(7, 20), "performer.calls_since_last_redraw": torch.tensor(3)}
    save_torch(path, {"epoch": 1, "model_state_dict": weights | beside})
    expected = _published_levels(data)
    assert set(np.unique(expected)) == set(range(6))
    loaded = ScBERT().load(folder)
    levels = loaded.tokens(loaded.cells(data)).genes_T.numpy().reshape(data.n_obs, -1)
    assert np.array_equal(levels, expected)
    theirs = torch.stack([_published_vectors(row, weights) for row in torch.from_numpy(expected)])
    assert np.abs(ScBERT.at(folder)().embed(data, Context()) - theirs.numpy()).max() < 1e-5


def test_many_random_features_come_close_to_softmax_attention() -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 30, 4, dtype=torch.float64) / 2 for _ in range(3))
    exact = ((q @ k.mT) / 2).softmax(-1) @ v
    found = performer_attention(q, k, v, torch.randn(200_000, 4, dtype=torch.float64))
    assert (found - exact).abs().max() < 0.01


def test_missing_and_unknown_keys_are_listed(folder: Path) -> None:
    path = folder / "panglao_pretrained.pth"
    weights = read_tensors(path, "model_state_dict")
    del weights["performer.net.layers.1.0.fn.to_k.weight"]
    save_torch(path, {"model_state_dict": {**weights, "something.else": torch.zeros(2)}})
    with pytest.raises(ModelError, match=r"lacks .*\.1\.0\.fn\.to_k\.weight; has unknown something\.else"):
        ScBERT().load(folder)
    save_torch(path, {"model_state_dict": {"something.else": torch.zeros(2)}})
    with pytest.raises(ModelError, match=r"lacks 'token_emb\.weight'"):
        ScBERT().load(folder)


def test_a_list_of_other_genes_is_refused(folder: Path, data: AnnData) -> None:
    data.write_h5ad(folder / "panglao_10000.h5ad")
    with pytest.raises(ModelError, match=r"pos_emb\.emb\.weight \[401, 20\] for \[403, 20\]"):
        ScBERT().load(folder)
    (folder / "panglao_10000.h5ad").unlink()
    with pytest.raises(ModelError, match="has no genes"):
        ScBERT().load(folder)
