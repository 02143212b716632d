import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from anndata import AnnData

from scarena.base.errors import ModelError
from scarena.models.adapters import geneformer
from scarena.models.adapters.geneformer import Geneformer
from scarena.models.adapters.shared.ranked import bert_network
from scarena.models.base import Context

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Geneformer.write_example(tmp_path)
    return tmp_path


def _ranked(data: AnnData, tokens: dict[str, int], medians: dict[str, float]) -> list[list[int]]:
    """The published tokeniser, step by step: normalise by the total, divide by medians, sort downwards."""
    known = [gene for gene in data.var_names if gene in medians]
    counts = data.X.toarray().astype(float)
    total = counts.sum(1, keepdims=True)
    inside = counts[:, [data.var_names.get_loc(gene) for gene in known]]
    relative = inside / total * 10_000 / np.array([medians[gene] for gene in known])
    ids = np.array([tokens[gene] for gene in known])
    return [ids[np.argsort(-row)][: int((row > 0).sum())].tolist() for row in relative]


@pytest.mark.upstream
@pytest.mark.parametrize("version", [1, 2])
def test_vectors_are_those_of_transformers_bert(
    version: int, folder: Path, human_cells: Callable[..., AnnData], upstream: Callable[..., dict[str, np.ndarray]],
    bert_packages: tuple[str, ...],
) -> None:  # fmt: skip
    if version == 1:
        _make_v1(folder)
    data = human_cells(distinct=True)
    tokens = Geneformer().load(folder).tokens(Geneformer().load(folder).cells(data))
    sizes = tokens.starts_B1.diff().numpy()
    ids = np.zeros((data.n_obs, sizes.max()), np.int64)
    for cell, size in enumerate(sizes):
        first = int(tokens.starts_B1[cell])
        ids[cell, :size] = tokens.genes_T[first : first + size]
    np.savez(folder / "given.npz", ids=ids, sizes=sizes, heads=True)
    theirs = upstream("bert", folder, *bert_packages)
    ours = Geneformer.at(folder)().embed(data, Context())
    assert np.abs(ours - theirs["first_before" if version == 2 else "means_before"]).max() < 1e-5


def _make_v1(folder: Path) -> None:
    tokens = json.loads((folder / "token_dictionary.json").read_text())
    genes = [gene for gene in tokens if not gene.startswith("<")]
    old = {name: number for number, name in enumerate(["<pad>", "<mask>", *genes])}
    (folder / "token_dictionary.json").unlink()
    (folder / "token_dictionary_gc30M.pkl").write_bytes(pickle.dumps(old))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": len(old)}))
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["bert.embeddings.word_embeddings.weight"] = torch.randn(len(old), 32)
    save_file(weights, folder / "model.safetensors")


@pytest.mark.parametrize("version", [1, 2])
def test_tokens_are_those_of_the_published_steps(
    version: int, folder: Path, human_cells: Callable[..., AnnData]
) -> None:
    if version == 1:
        _make_v1(folder)
    data, loaded = human_cells(distinct=True), Geneformer().load(folder)
    medians = json.loads((folder / "gene_median_dictionary.json").read_text())
    tokens = loaded.tokens(loaded.cells(data))
    for cell, ranked in enumerate(_ranked(data, loaded.tokens_of, medians)):
        first, last = tokens.starts_B1[cell : cell + 2].tolist()
        expected = ranked[:128] if version == 1 else [2, *ranked[:126], 3]
        assert tokens.genes_T[first:last].tolist() == expected


def test_counts_of_a_genes_older_ids_are_added_up(folder: Path, human_cells: Callable[..., AnnData]) -> None:
    data = human_cells()
    genes = json.loads((folder / "gene_median_dictionary.json").read_text())
    mapping = {gene: gene for gene in genes} | {"ENSG99999999998": data.var_names[0]}
    (folder / "ensembl_mapping_dict_gc104M.pkl").write_bytes(pickle.dumps(mapping))
    cells = Geneformer().load(folder).cells(data)
    together = data.X[:, [0, -2]].toarray().sum(1)
    token = json.loads((folder / "token_dictionary.json").read_text())[data.var_names[0]]
    own = [
        cells.counts_N[first:last][cells.genes_N[first:last] == token].sum()
        for first, last in zip(cells.starts_B1[:-1], cells.starts_B1[1:], strict=True)
    ]
    assert own == together.tolist()


def test_a_dictionary_that_could_run_code_is_refused(folder: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            return print, ("it ran",)

    (folder / "token_dictionary.json").unlink()
    (folder / "token_dictionary_gc104M.pkl").write_bytes(pickle.dumps({"<pad>": Bomb()}))
    with pytest.raises(ModelError, match=r"it asks for builtins\.print"):
        Geneformer().load(folder)


def test_a_dictionary_of_another_version_is_refused(folder: Path) -> None:
    tokens = json.loads((folder / "token_dictionary.json").read_text())
    (folder / "token_dictionary.json").write_text(json.dumps(dict(list(tokens.items())[:-1])))
    with pytest.raises(ModelError, match=r"no token_dictionary\* with 404 entries; there is .* \(403 entries\)"):
        Geneformer().load(folder)


def test_the_card_counts_the_parameters_of_the_published_sizes() -> None:
    sizes = geneformer._PUBLISHED
    with torch.device("meta"):
        net = bert_network(sizes, sizes["num_hidden_layers"])
    assert sum(parameter.numel() for parameter in net.parameters()) == Geneformer.card.parameters
