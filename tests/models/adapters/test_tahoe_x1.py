import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from anndata import AnnData
from safetensors.torch import load_file, save_file
from scipy.sparse import csr_matrix

from scarena.base.errors import ModelError
from scarena.models.adapters import tahoe_x1
from scarena.models.adapters.tahoe_x1 import TahoeX1
from scarena.models.base import Context

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    TahoeX1.write_example(tmp_path)
    return tmp_path


def _changed(path: Path, **values: Any) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **values}))


@pytest.mark.upstream
@pytest.mark.parametrize(
    ("kept", "model"),
    [
        (1, {"transformer_activation": "relu", "norm_scheme": "post"}),
        (2, {"use_glu": True, "transformer_activation": "silu", "gene_encoder": {"use_norm": False}}),
    ],
    ids=["as the smallest", "as the largest"],
)
def test_tokens_and_vectors_are_those_of_upstream(
    kept: int, model: dict[str, Any], folder: Path, human_cells: Callable[..., AnnData],
    upstream: Callable[..., dict[str, np.ndarray]], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    _changed(folder / "collator_config.yml", keep_first_n_tokens=kept)
    _changed(folder / "model_config.yml", **model)
    monkeypatch.setattr(tahoe_x1, "_LENGTH", 100)  # so that some cells are longer
    data = human_cells()[:, ::-1].copy()
    names = data.var_names.to_numpy(str)
    np.savez(folder / "given.npz", counts=data.X.toarray(), names=names, length=100)
    (folder / "model.safetensors").unlink()  # upstream writes one of its own
    packages = ("tahoe-x1==1.0.0", "llm-foundry==0.17.1", "einops==0.8.1")
    theirs = upstream("tahoe_x1", folder, *packages, "omegaconf==2.3.0", "antlr4-python3-runtime==4.9.3")

    loaded = TahoeX1().load(folder)
    cells = loaded.cells(data)
    cell_N = np.repeat(np.arange(12), np.diff(cells.starts_B1))
    tokens = loaded.tokens(cells, theirs["key"][cell_N, cells.genes_N])
    starts = np.concatenate([[0], np.cumsum(theirs["sizes"])])
    assert tokens.starts_B1.tolist() == starts.tolist() and max(theirs["sizes"]) == 100
    for first, last in pairwise(starts.tolist()):
        ours = sorted(zip(tokens.genes_T[first:last].tolist(), tokens.values_T[first:last].tolist(), strict=True))
        assert ours == sorted(zip(theirs["genes"][first:last], theirs["values"][first:last], strict=True))
    with torch.inference_mode():
        assert np.abs(loaded.net(tokens).numpy() - theirs["vectors"]).max() < 1e-5


@pytest.mark.parametrize("kept", [1, 2])
def test_every_cell_is_embedded_and_alone_as_in_company(
    kept: int, folder: Path, human_cells: Callable[..., AnnData]
) -> None:
    _changed(folder / "collator_config.yml", keep_first_n_tokens=kept)
    data = human_cells()
    counts = data.X.toarray() * (np.arange(12) > 1)[:, None]
    counts[1, 3] = 7  # no counts, and those of one gene: upstream fails on the first, or on both
    data.X = csr_matrix(counts)
    vectors = TahoeX1.at(folder)().embed(data, Context())
    assert vectors.shape == (12, 32) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(TahoeX1.at(folder)().embed(data[5:6].copy(), Context()), vectors[5:6], atol=1e-5)


def test_equal_counts_are_in_the_first_bin_and_distinct_ones_in_order(folder: Path) -> None:
    genes = list(json.loads((folder / "vocab.json").read_text()))[:50]
    data = AnnData(csr_matrix(np.array([np.ones(50), np.arange(1, 51)], np.int32)))
    data.var_names = genes
    loaded = TahoeX1().load(folder)
    tokens = loaded.tokens(loaded.cells(data))
    values = dict(zip(tokens.genes_T[52:].tolist(), tokens.values_T[52:].tolist(), strict=True))
    assert tokens.values_T[:51].tolist() == [-2.0, *[1.0] * 50]
    found = [values[gene] for gene in range(50)]
    assert found == sorted(found) and found[0] == 1 and found[-1] == 50


def test_the_drugs_of_the_largest_are_not_needed(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, "model.chem_encoder.fc.bias": torch.zeros(2)}, folder / "model.safetensors")
    TahoeX1().load(folder)


def test_missing_and_unknown_keys_are_listed(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.transformer_encoder.norm.bias"]
    weights["model.gene_encoder.project.weight"] = torch.zeros(2)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(
        ModelError,
        match=r"lacks model\.transformer_encoder\.norm\.bias; has unknown model\.gene_encoder\.project\.weight",
    ):
        TahoeX1().load(folder)


def test_a_vocabulary_of_another_model_is_refused(folder: Path) -> None:
    vocabulary = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(json.dumps({**vocabulary, "ENSG1": len(vocabulary)}))
    with pytest.raises(ModelError, match=r"404 tokens of vocab\.json do not go with 403 of the model"):
        TahoeX1().load(folder)
    _changed(folder / "model_config.yml", vocab_size=404)
    with pytest.raises(ModelError, match=r"gene_encoder\.embedding\.weight \[403, 32\] for \[404, 32\]"):
        TahoeX1().load(folder)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"cell_emb_style": "avg-pool"}, "cell_emb_style: not one that is known"),
        ({"attn_config": {"kv_n_heads": 2}}, r"attn_config\.kv_n_heads: not one that is known"),
        ({"transformer_activation": "mish"}, "activation: not one that is known"),
    ],
)
def test_what_no_published_model_does_is_refused(values: dict[str, Any], said: str, folder: Path) -> None:
    _changed(folder / "model_config.yml", **values)
    with pytest.raises(ModelError, match=said):
        TahoeX1().load(folder)


def test_settings_that_could_run_code_are_refused(folder: Path) -> None:
    (folder / "model_config.yml").write_text(f"d_model: !!python/object/apply:os.mkdir [{folder}/ran]\n")
    with pytest.raises(ModelError, match="not a YAML file"):
        TahoeX1().load(folder)
    assert not (folder / "ran").exists()
