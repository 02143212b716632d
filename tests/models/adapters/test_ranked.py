"""Models that begin as Geneformer's V1 does and read a CLS token: LangCell and scCello."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from anndata import AnnData
from safetensors.torch import load_file, save_file
from scipy.sparse import csr_matrix

from scarena.base.errors import ModelError
from scarena.models.adapters.langcell import LangCell
from scarena.models.adapters.sccello import ScCello
from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.adapters.shared.weights import read_tensors, save_torch
from scarena.models.base import Context

pytestmark = pytest.mark.usefixtures("one_thread")

BOTH = pytest.mark.parametrize(("model", "inside"), [(LangCell, "cell_bert"), (ScCello, ".")])


@pytest.fixture
def data(human_cells: Callable[..., AnnData]) -> AnnData:
    """Cells of more and of fewer genes than places, one without any."""
    data = human_cells(distinct=True)
    data.X = csr_matrix(data.X.toarray() * (np.arange(12) != 2)[:, None])
    return data


def _published_tokens(data: AnnData, folder: Path) -> list[list[int]]:
    """The published steps: 10,000 a cell over medians, sorted downwards behind the token after the last, cut."""
    tokens, medians = (json.loads((folder / f"{n}_dictionary.json").read_text()) for n in ("token", "gene_median"))
    known = [gene for gene in data.var_names if gene in medians]
    counts = data.X.toarray().astype(float)
    counts = counts[:, [data.var_names.get_loc(gene) for gene in known]] / np.maximum(counts.sum(1, keepdims=True), 1)
    relative = counts * 10_000 / np.array([medians[gene] for gene in known])
    ids = np.array([tokens[gene] for gene in known])
    return [[len(tokens), *ids[np.argsort(-row)][: int((row > 0).sum())]][:128] for row in relative]


@BOTH
@pytest.mark.upstream
def test_tokens_are_those_of_the_published_steps_and_vectors_those_of_transformers_bert(
    model: type[Adapter], inside: str, tmp_path: Path, data: AnnData, upstream: Callable[..., dict[str, np.ndarray]],
    bert_packages: tuple[str, ...],
) -> None:  # fmt: skip
    model.write_example(tmp_path)
    expected = _published_tokens(data, tmp_path)
    sizes = np.array([len(row) for row in expected])
    assert sizes.max() == 128 and sizes.min() == 1
    bert, ids = tmp_path / inside, np.zeros((12, 128), np.int64)
    for row, tokens in zip(ids, expected, strict=True):
        row[: len(tokens)] = tokens
    np.savez(bert / "given.npz", ids=ids, sizes=sizes, heads=False)
    theirs = torch.from_numpy(upstream("bert", bert, *bert_packages)["first"])
    if model is LangCell:
        projection = read_tensors(tmp_path / "cell_proj.bin")
        theirs = F.normalize(theirs @ projection["weight"].T + projection["bias"], dim=-1)
    else:
        _with_constants(bert / "model.safetensors")
    loaded = model().load(tmp_path)
    tokens = loaded.tokens(loaded.cells(data))  # type: ignore[attr-defined]
    starts = tokens.starts_B1.tolist()
    assert [tokens.genes_T[a:b].tolist() for a, b in zip(starts[:-1], starts[1:], strict=True)] == expected  # noqa: RUF007
    assert np.abs(model.at(tmp_path)().embed(data, Context()) - theirs.numpy()).max() < 1e-5


def _with_constants(path: Path) -> None:
    """Turn a BERT's checkpoint into scCello's: the kind of token as a sum of three rows, heads beside."""
    found = {f"bert.{name}": value for name, value in load_file(path).items()}
    kind = found.pop("bert.embeddings.token_type_embeddings.weight")[:1]
    rows = [kind / 2, kind / 4, kind / 4]
    names = ("tf_class", "tf_superclass", "expbin")
    found |= {f"bert.embeddings.{n}_embeddings.weight": row.clone() for n, row in zip(names, rows, strict=True)}
    save_file(found | {"cell_cls.predictions.bias": torch.zeros(32), "ctgraph_sim": torch.zeros(2, 2)}, path)


@BOTH
def test_a_checkpoint_of_its_own_layout_embeds_every_cell(
    model: type[Adapter], inside: str, tmp_path: Path, data: AnnData
) -> None:
    vectors = model.example(tmp_path)().embed(data, Context())
    assert len(vectors) == 12 and np.isfinite(vectors).all()


@BOTH
def test_missing_and_unknown_keys_are_listed(model: type[Adapter], inside: str, tmp_path: Path) -> None:
    model.write_example(tmp_path)
    path = tmp_path / inside / "model.safetensors"
    weights = load_file(path)
    (lost,) = (key for key in weights if key.endswith("encoder.layer.1.output.dense.bias"))
    del weights[lost]
    save_file(weights | {"something.else": torch.zeros(2)}, path)
    with pytest.raises(ModelError, match=r"lacks .*layer\.1\.output\.dense\.bias; has unknown .*something\.else"):
        model().load(tmp_path)


@BOTH
def test_a_dictionary_of_another_model_is_refused(model: type[Adapter], inside: str, tmp_path: Path) -> None:
    model.write_example(tmp_path)
    tokens = json.loads((tmp_path / "token_dictionary.json").read_text())
    (tmp_path / "token_dictionary.json").write_text(json.dumps(dict(list(tokens.items())[:-1])))
    with pytest.raises(ModelError, match=r"no token_dictionary\* with 402 or 403 entries; there is .* \(401 entries\)"):
        model().load(tmp_path)


def test_a_projection_of_another_width_and_a_lost_constant_are_refused(tmp_path: Path) -> None:
    LangCell.write_example(tmp_path / "langcell")
    save_torch(tmp_path / "langcell" / "cell_proj.bin", {"weight": torch.zeros(16, 30), "bias": torch.zeros(16)})
    with pytest.raises(ModelError, match=r"weight \[16, 30\] for \[16, 32\]"):
        LangCell().load(tmp_path / "langcell")
    ScCello.write_example(tmp_path / "sccello")
    path = tmp_path / "sccello" / "model.safetensors"
    weights = load_file(path)
    del weights["bert.embeddings.expbin_embeddings.weight"]
    save_file(weights, path)
    with pytest.raises(ModelError, match=r"lacks bert\.embeddings\.expbin_embeddings\.weight"):
        ScCello().load(tmp_path / "sccello")
