import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import ModelError
from scarena.models.adapters.shared.weights import read_tensors, save_torch
from scarena.models.adapters.uce import UCE
from scarena.models.base import Context

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uce")
    UCE.write_example(folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    for path in sorted(path for path in written.rglob("*") if path.is_file()):
        (tmp_path / path.relative_to(written)).parent.mkdir(exist_ok=True)
        (tmp_path / path.relative_to(written)).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.upstream
def test_tokens_and_vectors_are_those_of_upstream(
    folder: Path, human_cells: Callable[..., AnnData], upstream: Callable[..., dict[str, np.ndarray]]
) -> None:
    data = human_cells()
    data.var["symbol"] = data.var["symbol"].str.lower()  # upstream takes names in any letters
    known = ~data.var["symbol"].str.startswith("notagene").to_numpy()
    np.savez(folder / "given.npz", counts=data.X.toarray()[:, known], names=data.var["symbol"][known].to_numpy(str))
    (folder / "4layer_model.torch").unlink()  # upstream writes one of its own
    theirs = upstream("uce", folder, "uce-model==0.1.4")

    loaded = UCE().load(folder)
    tokens = loaded.tokens(loaded.cells(data), theirs["drawn"], theirs["key"])
    rows_T = loaded.genome.rows()[tokens.genes_T.numpy()]
    for cell in range(data.n_obs):
        first, last = tokens.starts_B1[cell : cell + 2].tolist()
        assert rows_T[first:last].tolist() == theirs["tokens"][cell][theirs["tokens"][cell] > 0].tolist()
    with torch.inference_mode():
        assert np.abs(loaded.net(tokens).numpy() - theirs["vectors"]).max() < 1e-5


def test_every_cell_is_embedded_and_alone_as_in_company(folder: Path, human_cells: Callable[..., AnnData]) -> None:
    data = human_cells()
    data.X = csr_matrix(data.X.toarray() * (np.arange(12) > 0)[:, None])
    vectors = UCE.at(folder)().embed(data, Context())
    assert vectors.shape == (12, 32) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    # A cell alone, and all cells the other way round: what is drawn for a cell is the cell's own.
    assert np.allclose(UCE.at(folder)().embed(data[5:6].copy(), Context()), vectors[5:6], atol=1e-5)
    assert np.allclose(UCE.at(folder)().embed(data[::-1].copy(), Context()), vectors[::-1], atol=1e-5)


def test_genes_are_drawn_in_proportion_to_the_logarithm_of_their_counts(
    folder: Path, human_cells: Callable[..., AnnData]
) -> None:
    data = human_cells(n_cells=1)
    counts = np.zeros((200, data.n_vars), np.int32)
    counts[:, :3] = [1, 3, 7]
    counts[:, 3] = np.arange(200) + 1  # no two cells are the same
    data = AnnData(csr_matrix(counts), var=data.var)
    loaded = UCE().load(folder)
    tokens = loaded.tokens(loaded.cells(data))
    seen = [int((tokens.genes_T == gene).sum()) for gene in range(3)]
    total = (np.log1p([1, 3, 7])[:, None] / np.log1p(counts).sum(1)).sum(1) * 1024
    assert np.abs(seen - total).max() < 4 * np.sqrt(total.max())


def test_offsets_are_read_from_the_published_pickle(folder: Path) -> None:
    offsets = json.loads((folder / "species_offsets.json").read_text())
    before = UCE().load(folder).genome.row_G
    (folder / "species_offsets.json").unlink()
    (folder / "species_offsets.pkl").write_bytes(pickle.dumps({**offsets, "human": offsets["human"] + 5}))
    assert (UCE().load(folder).genome.row_G == before + 5).all()


def test_missing_and_unknown_keys_are_listed(folder: Path) -> None:
    weights = read_tensors(folder / "4layer_model.torch")
    del weights["decoder.1.0.bias"]
    weights["something.else"] = torch.zeros(2)
    save_torch(folder / "4layer_model.torch", weights)
    with pytest.raises(ModelError, match=r"lacks decoder\.1\.0\.bias; has unknown something\.else"):
        UCE().load(folder)


def test_a_table_of_other_tokens_is_refused(folder: Path) -> None:
    weights = read_tensors(folder / "4layer_model.torch")
    save_torch(folder / "4layer_model.torch", {**weights, "pe_embedding.weight": torch.zeros(100, 8)})
    with pytest.raises(ModelError, match=r"pe_embedding\.weight \[100, 8\] for"):
        UCE().load(folder)


def test_offsets_beyond_the_table_are_refused(folder: Path) -> None:
    (folder / "species_offsets.json").write_text(json.dumps({"human": 143_500}))
    with pytest.raises(ModelError, match="do not fit a table of 145469 tokens"):
        UCE().load(folder)


def test_two_models_in_a_folder_are_refused(folder: Path) -> None:
    (folder / "33l_8ep_1024t_1280.torch").write_bytes(b"")
    with pytest.raises(ModelError, match=r"2 models: 33l_8ep_1024t_1280\.torch, 4layer_model\.torch"):
        UCE().load(folder)
