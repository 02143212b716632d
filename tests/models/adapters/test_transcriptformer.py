import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import ModelError
from scarena.models.adapters.shared.capped import capped_attention
from scarena.models.adapters.shared.weights import read_tensors, save_torch
from scarena.models.adapters.transcriptformer import TranscriptFormer
from scarena.models.base import Context

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    TranscriptFormer.write_example(tmp_path)
    return tmp_path


def _cells(human_cells: Callable[..., AnnData]) -> AnnData:
    """Cells of which some have more genes than there are places, some a count that is clipped, one nothing."""
    data = human_cells()
    counts = data.X.toarray()
    counts[7, np.flatnonzero(counts[7])[3]] = 1000
    counts[2] = 0
    data.X = csr_matrix(counts)
    data.obs["assay"] = ["10x 3' v2", "10x 3' v3", "SMART-Seq v17"] * 4
    # Not in the order of the vocabulary.
    return data[:, np.random.default_rng(3).permutation(data.n_vars)].copy()


@pytest.mark.upstream
@pytest.mark.parametrize("changed", [{}, {"softcap": 0, "attn_bias": True, "fw_bias": True, "activation": "silu"}])
def test_tokens_and_vectors_are_those_of_upstream(
    changed: dict[str, object], folder: Path, human_cells: Callable[..., AnnData],
    upstream: Callable[..., dict[str, np.ndarray]],
) -> None:  # fmt: skip
    config = json.loads((folder / "config.json").read_text())
    config["model"]["model_config"] |= changed
    (folder / "config.json").write_text(json.dumps(config))
    data = _cells(human_cells)
    data.var["ensembl_id"] = data.var_names.to_numpy()
    data.write_h5ad(folder / "given.h5ad")
    (folder / "model_weights.pt").unlink()  # upstream writes one of its own
    theirs = upstream("transcriptformer", folder, "transcriptformer==0.6.1")
    loaded = TranscriptFormer().load(folder)
    assert list(loaded.genes) == theirs["names"].tolist()
    tokens = loaded.tokens(loaded.cells(data))
    for cell in range(data.n_obs):
        first, last = tokens.starts_B1[cell : cell + 2].tolist()
        ids, assay = tokens.genes_T[first:last].tolist(), int(theirs["assays"][cell, 0])
        expected = [len(loaded.genes) + assay] if assay else []
        kept = theirs["genes"][cell, :-1] != theirs["pad"]
        expected += [loaded.genes["[START]"], *theirs["genes"][cell, :-1][kept].tolist()]
        assert ids == expected
        counts = np.expm1(tokens.values_T[first:last].numpy())[-kept.sum() :] if kept.any() else []
        assert np.allclose(counts, theirs["counts"][cell, :-1][kept], atol=1e-4)
    vectors = TranscriptFormer.at(folder)().embed(data, Context())
    assert theirs["counts"].max() == 30 and (theirs["genes"][:, -1] != theirs["pad"]).any()
    assert np.abs(vectors - theirs["vectors"]).max() < 1e-5


def test_a_checkpoint_of_its_own_layout_embeds_every_cell(folder: Path, human_cells: Callable[..., AnnData]) -> None:
    vectors = TranscriptFormer.at(folder)().embed(_cells(human_cells), Context())
    assert vectors.shape == (12, 32) and np.isfinite(vectors).all() and (np.abs(vectors).sum(1) > 0).all()


def test_a_dataset_without_assays_is_one_of_unknown_assays(folder: Path, human_cells: Callable[..., AnnData]) -> None:
    data, model = _cells(human_cells), TranscriptFormer.at(folder)()
    known = model.embed(data, Context())
    data.obs["assay"] = "unknown"
    unknown = model.embed(data, Context())
    del data.obs["assay"]
    assert np.array_equal(model.embed(data, Context()), unknown)
    assert (np.abs(unknown - known).max(1) > 0).tolist() == [True, True, False] * 4


def test_a_checkpoint_without_assays_and_one_with_other_columns(
    folder: Path, human_cells: Callable[..., AnnData]
) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["model"]["data_config"]["aux_cols"] = None
    (folder / "config.json").write_text(json.dumps(config))
    weights = read_tensors(folder / "model_weights.pt")
    del weights["aux_embeddings.assay.weight"]
    save_torch(folder / "model_weights.pt", weights)
    data, model = _cells(human_cells), TranscriptFormer.at(folder)()
    vectors = model.embed(data, Context())
    data.obs["assay"] = "10x 3' v3"
    assert np.array_equal(model.embed(data, Context()), vectors) and np.isfinite(vectors).all()
    config["model"]["data_config"]["aux_cols"] = "assay,tissue"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="aux_cols is 'assay,tissue'"):
        TranscriptFormer().load(folder)
    del config["model"]["model_config"]["softcap"]
    (folder / "config.json").write_text(json.dumps(config).replace(",tissue", ""))
    with pytest.raises(ModelError, match="lacks softcap"):
        TranscriptFormer().load(folder)


@pytest.mark.parametrize("longest", [3, 600])
def test_capped_attention_is_that_of_one_row_after_the_other(longest: int) -> None:
    torch.manual_seed(0)
    sizes = torch.tensor([1, longest, 0, 5])
    starts = torch.cat([torch.zeros(1, dtype=torch.long), sizes.cumsum(0)])
    q, k, v = (3 * torch.randn(int(starts[-1]), 2, 8) for _ in range(3))
    bias = torch.rand(int(starts[-1]))
    found = capped_attention(q, k, v, starts, bias, 2.0)
    for first, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        for row in {first, (first + end) // 2, end - 1} if end > first else ():
            scores = torch.einsum("hk,shk->hs", q[row], k[first : row + 1]) / 8**0.5 + bias[first : row + 1]
            weights = (2 * torch.tanh(scores / 2)).softmax(-1)
            expected = torch.einsum("hs,shk->hk", weights, v[first : row + 1])
            assert torch.allclose(found[row], expected, atol=1e-5)


def test_missing_and_unknown_keys_are_listed(folder: Path) -> None:
    weights = read_tensors(folder / "model_weights.pt")
    del weights["transformer_encoder.encoder_layers.1.self_attn.linears.2.weight"]
    weights["something.else"] = torch.zeros(2)
    save_torch(folder / "model_weights.pt", weights)
    with pytest.raises(ModelError, match=r"lacks .*\.1\.self_attn\.linears\.2\.weight; has unknown something\.else"):
        TranscriptFormer().load(folder)


def test_a_vocabulary_of_another_model_is_refused(folder: Path) -> None:
    assays = json.loads((folder / "vocabs" / "assay_vocab.json").read_text())
    (folder / "vocabs" / "assay_vocab.json").write_text(json.dumps({**assays, "one more": 3}))
    with pytest.raises(ModelError, match=r"aux_embeddings\.assay\.weight \[3, 32\] for \[4, 32\]"):
        TranscriptFormer().load(folder)
    (folder / "vocabs" / "homo_sapiens_gene.h5").unlink()
    with pytest.raises(ModelError, match="no HDF5 file with `keys`"):
        TranscriptFormer().load(folder)
