import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from anndata import AnnData
from safetensors.torch import load_file, save_file
from scipy.sparse import csr_matrix

from scarena.base.errors import ModelError
from scarena.models.adapters.nicheformer import Nicheformer
from scarena.models.base import Context

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH = 128


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Nicheformer.write_example(tmp_path)
    return tmp_path


@pytest.fixture
def data(human_cells: Callable[..., AnnData]) -> AnnData:
    """Cells of more and of fewer genes than places, one without any; of two technologies and an unknown one."""
    data = human_cells()
    data.X = csr_matrix(data.X.toarray() * (np.arange(12) != 2)[:, None])
    data.obs["assay"] = ["10x 3' v2", "CITE-seq", "a new one"] * 4
    return data


def _published_tokens(data: AnnData, folder: Path) -> np.ndarray:
    """The published notebook and tokeniser on padded rows: rounded means, 10,000 a cell, divide, log, sort down."""
    vocabulary = json.loads((folder / "vocab.json").read_text())
    genes = [name for name in vocabulary if not name.startswith("[")]
    counts = data[:, [gene for gene in genes if gene in data.var_names]].X.toarray().astype(float)
    total = counts.sum(1, keepdims=True)
    scaled = counts * (10_000 / (total + (total == 0)))
    means = np.nan_to_num(np.load(folder / "dissociated_mean_script.npy"))
    rounded = np.where((means % 1) >= 0.5, np.ceil(means), np.floor(means))
    scaled = np.log1p(scaled / np.where(rounded == 0, 1, rounded))
    found = np.zeros((data.n_obs, LENGTH), np.int64)
    for cell, row in enumerate(scaled):
        expressed = np.flatnonzero(row)
        ranked = expressed[np.argsort(-row[expressed], kind="stable")] + 30
        technology = {"10x 3' v2": 12, "CITE-seq": 17}.get(data.obs["assay"].iloc[cell], 0)
        tokens = [5, technology, 3, *ranked][:LENGTH]
        found[cell, : len(tokens)] = tokens
    return found


def _published_vectors(ids: torch.Tensor, folder: Path) -> np.ndarray:
    """The published forward pass: torch's own layers on padded rows, a mean without a mask."""
    weights = load_file(folder / "model.safetensors")
    x = weights["nicheformer.embeddings.weight"][ids] + weights["nicheformer.positional_embedding.weight"]
    for number in range(2):
        layer = torch.nn.TransformerEncoderLayer(32, 4, 48, dropout=0.0, batch_first=True, layer_norm_eps=1e-12).eval()
        prefix = f"nicheformer.encoder.layers.{number}."
        layer.load_state_dict({k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)})
        x = layer(x, src_key_padding_mask=ids == 0)
    return x[:, 3:].mean(1).detach().numpy()


def test_tokens_and_vectors_are_those_of_the_published_steps(folder: Path, data: AnnData) -> None:
    weights = load_file(folder / "model.safetensors")
    torch.manual_seed(1)
    weights = {key: value + 0.1 * torch.randn_like(value) for key, value in weights.items()}
    # What the checkpoint holds beside: the head, the template of the layers, the buffer of places.
    weights |= {"classifier_head.bias": torch.zeros(3), "nicheformer.encoder_layer.norm1.bias": torch.zeros(32)}
    save_file(weights | {"nicheformer.pos": torch.arange(LENGTH)}, folder / "model.safetensors")
    expected = _published_tokens(data, folder)
    assert (expected == 0).any(1).any() and (expected != 0).all(1).any()
    loaded = Nicheformer().load(folder)
    tokens = loaded.tokens(loaded.cells(data))
    assert np.array_equal(tokens.genes_T.numpy().reshape(-1, LENGTH), expected)
    theirs = _published_vectors(torch.from_numpy(expected), folder)
    assert np.abs(Nicheformer.at(folder)().embed(data, Context()) - theirs).max() < 1e-5


def test_a_dataset_without_technologies_is_one_of_unknown_ones(folder: Path, data: AnnData) -> None:
    data.obs["assay"] = "a new one"
    unknown = Nicheformer.at(folder)().embed(data, Context())
    del data.obs["assay"]
    assert np.array_equal(Nicheformer.at(folder)().embed(data, Context()), unknown)
    assert np.isfinite(unknown).all() and unknown.shape == (12, 32)


def test_missing_and_unknown_keys_are_listed(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["nicheformer.encoder.layers.1.norm2.bias"]
    save_file(weights | {"something.else": torch.zeros(2)}, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"lacks .*\.1\.norm2\.bias; has unknown something\.else"):
        Nicheformer().load(folder)


def test_a_vocabulary_or_means_of_another_model_are_refused(folder: Path) -> None:
    means = np.load(folder / "dissociated_mean_script.npy")
    np.save(folder / "dissociated_mean_script.npy", means[1:])
    with pytest.raises(ModelError, match=r"\(399,\) means for 400 genes"):
        Nicheformer().load(folder)
    vocabulary = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(json.dumps({**vocabulary, "ENSG99999999998": 435}))
    with pytest.raises(ModelError, match="token 435 for 435 vectors"):
        Nicheformer().load(folder)


def test_means_are_never_unpickled(folder: Path) -> None:
    np.save(folder / "dissociated_mean_script.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(ModelError, match="no array"):
        Nicheformer().load(folder)
