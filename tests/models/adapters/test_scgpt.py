import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import ModelError
from scarena.models.adapters import scgpt
from scarena.models.adapters.scgpt import ScGPT, binned
from scarena.models.adapters.shared.weights import read_tensors, save_torch
from scarena.models.base import Context
from scarena.models.foundation.tokenize import Cells

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ScGPT.write_example(tmp_path)
    return tmp_path


@pytest.mark.upstream
def test_tokens_and_vectors_are_those_of_upstream(
    tmp_path: Path, folder: Path, human_cells: Callable[..., AnnData], upstream: Callable[..., dict[str, np.ndarray]]
) -> None:
    data = human_cells()
    (folder / "best_model.pt").unlink()  # upstream writes one of its own
    args = json.loads((folder / "args.json").read_text())
    vocabulary = json.loads((folder / "vocab.json").read_text())
    known = np.array([symbol in vocabulary for symbol in data.var["symbol"]])
    ids = np.array([vocabulary.get(symbol, -1) for symbol in data.var["symbol"]])[known]
    counts = data.X.toarray()[:, known]
    np.savez(folder / "given.npz", counts=counts, ids=ids)
    theirs = upstream("scgpt", folder, "scgpt==0.2.4")

    loaded = ScGPT().load(folder)
    cells = loaded.cells(data)
    # The numbers that upstream draws, gene by gene in the order of its columns.
    uniform_N = np.random.RandomState(0).random_sample(len(cells.counts_N))
    tokens = loaded.tokens(cells, uniform_N)
    for cell in range(data.n_obs):
        first, last = tokens.starts_B1[cell : cell + 2].tolist()
        ours = sorted(zip(tokens.genes_T[first:last].tolist(), tokens.values_T[first:last].tolist(), strict=True))
        kept = theirs["genes"][cell] != vocabulary["<pad>"]
        assert ours == sorted(zip(theirs["genes"][cell][kept], theirs["values"][cell][kept], strict=True))
    assert args["pad_value"] == -2
    vectors = torch.nn.functional.normalize(loaded.net(tokens), dim=-1).detach().numpy()
    assert np.abs(vectors - theirs["vectors"]).max() < 1e-5


def test_a_checkpoint_of_its_own_layout_embeds_every_cell(folder: Path, human_cells: Callable[..., AnnData]) -> None:
    data = human_cells()
    data.X = csr_matrix(data.X.toarray() * (np.arange(12) > 0)[:, None])  # upstream fails on a cell without counts
    vectors = ScGPT.at(folder)().embed(data, Context())
    assert vectors.shape == (12, 32) and np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_bins_are_those_of_distinct_counts_by_rank() -> None:
    counts = np.arange(1, 51, dtype=np.float32)
    cells = Cells(np.array([0, 50]), np.arange(50, dtype=np.int32), counts, np.array([counts.sum()], np.float32))
    assert binned(cells, np.full(50, 0.5)).tolist() == list(range(1, 51))


def test_a_count_that_is_every_quantile_goes_to_the_bin_that_chance_says() -> None:
    counts = np.ones(4, np.float32)
    cells = Cells(np.array([0, 4]), np.arange(4, dtype=np.int32), counts, np.array([4], np.float32))
    assert binned(cells, np.array([0.0, 0.021, 0.5, 0.9999])).tolist() == [50, 49, 25, 1]


def test_missing_and_unknown_keys_are_listed(folder: Path) -> None:
    weights = read_tensors(folder / "best_model.pt")
    del weights["encoder.enc_norm.bias"]
    weights["something.else"] = torch.zeros(2)
    save_torch(folder / "best_model.pt", weights)
    with pytest.raises(ModelError, match=r"lacks encoder\.enc_norm\.bias; has unknown something\.else"):
        ScGPT().load(folder)


def test_a_vocabulary_of_another_model_is_refused(folder: Path) -> None:
    vocabulary = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(json.dumps({**vocabulary, "ONE_MORE": len(vocabulary)}))
    with pytest.raises(ModelError, match=r"encoder\.embedding\.weight \[403, 32\] for \[404, 32\]"):
        ScGPT().load(folder)


def test_a_pickle_that_could_run_code_is_refused(folder: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(folder / "ran"),))  # type: ignore[return-value]

    torch.save({"encoder.embedding.weight": Bomb()}, folder / "best_model.pt")
    with pytest.raises(ModelError, match="could run code"):
        ScGPT().load(folder)
    assert not (folder / "ran").exists()


def test_the_card_counts_the_parameters_of_the_published_sizes() -> None:
    with torch.device("meta"):
        net = scgpt._network(scgpt._PUBLISHED, scgpt._PUBLISHED["n_tokens"])
    assert sum(parameter.numel() for parameter in net.parameters()) == ScGPT.card.parameters
