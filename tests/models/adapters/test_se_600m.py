from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import ModelError
from scarena.models.adapters.se_600m import SE600M
from scarena.models.adapters.shared.weights import read_tensors, save_torch
from scarena.models.base import Context

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    SE600M.write_example(tmp_path)
    return tmp_path


def _longer(folder: Path, length: int) -> None:
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["dataset"]["pad_length"] = length
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def _with_deep_cells(data: AnnData) -> AnnData:
    """Some cells that are taken for counts, by one above 35 or by the sum, and some that are not; one is empty."""
    counts = data.X.toarray()
    counts[::3] *= 20
    counts[1, 5:10] = 15
    counts[0] = 0
    data.X = csr_matrix(counts)
    return data


@pytest.mark.upstream
@pytest.mark.parametrize("length", [64, 512])
def test_tokens_and_vectors_are_those_of_upstream(
    length: int, folder: Path, human_cells: Callable[..., AnnData], upstream: Callable[..., dict[str, np.ndarray]]
) -> None:
    _longer(folder, length)  # fewer places than genes, and more
    data = _with_deep_cells(human_cells()[:, ::-1].copy())
    names = data.var["symbol"].to_numpy(str)
    np.savez(folder / "given.npz", counts=data.X.toarray().astype(np.float32), names=names)
    theirs = upstream(
        "se_600m", folder, "arc-state==0.11.1", "omegaconf==2.3.0", "antlr4-python3-runtime==4.9.3"
    )  # it writes a checkpoint of a later epoch, with the settings of its training

    loaded = SE600M().load(folder)
    cells = loaded.cells(data)
    tokens = loaded.tokens(cells, theirs["key"], theirs["uniform"])
    ids, values = (part.numpy().reshape(12, length + 1) for part in (tokens.genes_T, tokens.values_T))
    assert (ids[:, 1:-1] == theirs["sentences"][:, 1:]).all()
    np.testing.assert_allclose(values[:, :-1], theirs["values"], rtol=1e-5)
    with torch.inference_mode():
        assert np.abs(loaded.net(tokens).numpy() - theirs["vectors"]).max() < 1e-5


@pytest.mark.parametrize("length", [64, 512])
def test_every_cell_is_embedded_and_alone_as_in_company(
    length: int, folder: Path, human_cells: Callable[..., AnnData]
) -> None:
    _longer(folder, length)
    data = _with_deep_cells(human_cells())
    vectors = SE600M.at(folder)().embed(data, Context())
    assert vectors.shape == (12, 26) and np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors[:, :16], axis=1), 1, atol=1e-5)
    assert np.allclose(SE600M.at(folder)().embed(data[5:6].copy(), Context()), vectors[5:6], atol=1e-5)
    assert np.allclose(SE600M.at(folder)().embed(data[::-1].copy(), Context()), vectors[::-1], atol=1e-5)


def test_where_all_measured_genes_are_expressed_none_is_drawn(
    folder: Path, human_cells: Callable[..., AnnData]
) -> None:
    data = human_cells()[:, :10].copy()
    data.X = csr_matrix(np.arange(1, 121, dtype=np.int32).reshape(12, 10))
    loaded = SE600M().load(folder)
    tokens = loaded.tokens(loaded.cells(data))
    assert tokens.starts_B1.diff().tolist() == [12] * 12
    assert tokens.genes_T[:12].tolist() == [400, *range(9, -1, -1), 401]


def test_missing_and_unknown_keys_are_listed(folder: Path) -> None:
    weights = read_tensors(folder / "se600m_epoch1.ckpt", "state_dict")
    del weights["dataset_embedder.bias"]
    weights["something.else"] = torch.zeros(2)
    save_torch(folder / "se600m_epoch1.ckpt", {"state_dict": weights})
    with pytest.raises(ModelError, match=r"lacks dataset_embedder\.bias; has unknown something\.else"):
        SE600M().load(folder)


def test_vectors_of_another_width_are_refused(folder: Path) -> None:
    vectors = read_tensors(folder / "protein_embeddings.pt")
    save_torch(folder / "protein_embeddings.pt", {name: vector[:5] for name, vector in vectors.items()})
    with pytest.raises(ModelError, match=r"protein_embeddings\.pt: vectors of width 5, and the model reads 8"):
        SE600M().load(folder)


def test_settings_without_what_is_needed_are_refused(folder: Path) -> None:
    (folder / "config.yaml").write_text("model: {nhead: 4}\n")
    with pytest.raises(ModelError, match=r"config\.yaml: has no dataset\.pad_length"):
        SE600M().load(folder)


def test_the_latest_epoch_is_read(folder: Path) -> None:
    (folder / "se600m_epoch4.ckpt").write_bytes((folder / "se600m_epoch1.ckpt").read_bytes())
    (folder / "se600m_epoch16.ckpt").write_bytes(b"broken")
    with pytest.raises(ModelError, match=r"se600m_epoch16\.ckpt"):
        SE600M().load(folder)


def test_a_checkpoint_that_asks_for_anything_else_is_refused(folder: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(folder / "ran"),))  # type: ignore[return-value]

    torch.save({"state_dict": {}, "hyper_parameters": Bomb()}, folder / "se600m_epoch1.ckpt")
    with pytest.raises(ModelError, match="could run code"):
        SE600M().load(folder)
    assert not (folder / "ran").exists()
