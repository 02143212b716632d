"""The parts that all adapters share, each against something that says the same in another way."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from anndata import AnnData
from torch import nn

from scarena.base.errors import ConfigError, ModelError, NotApplicable, NotAvailable
from scarena.models.adapters.scgpt import ScGPT
from scarena.models.adapters.shared.cells import cells_over, highest, joined_genes, uniforms
from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig, cell_means
from scarena.models.adapters.shared.hub import folder_of
from scarena.models.adapters.shared.tokens import between, packed
from scarena.models.adapters.shared.weights import load_public, read_tensors, to_public, torch_layers
from scarena.models.base import Context
from scarena.models.foundation.tokenize import Cells
from scarena.models.registry import find_model, fingerprint

pytestmark = pytest.mark.usefixtures("one_thread")
_SIZES = np.array([5, 1, 9, 3])


def _tokens() -> tuple[torch.Tensor, object]:
    torch.manual_seed(0)
    cells = packed(np.arange(_SIZES.sum()), np.zeros(_SIZES.sum()), _SIZES)
    return torch.randn(int(_SIZES.sum()), 16), cells


def _padded(x_TD: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    mask = torch.arange(_SIZES.max())[None] >= torch.from_numpy(_SIZES)[:, None]
    out = torch.zeros(len(_SIZES), int(_SIZES.max()), x_TD.shape[1])
    out[~mask] = x_TD
    return out, mask


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_encoder_is_torchs_on_padded_cells(norm: str, activation: str) -> None:
    x_TD, cells = _tokens()
    theirs = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(16, 2, 24, 0.0, activation, batch_first=True, norm_first=norm == "pre"), 3,
        enable_nested_tensor=False,
    ).eval()  # fmt: skip
    ours = Encoder(EncoderConfig(16, 2, 3, 24, activation, norm)).eval()  # type: ignore[arg-type]
    load_public(ours, theirs.state_dict(), torch_layers(3, "layers.{}"), (), Path("there"))
    x_BLD, mask = _padded(x_TD)
    expected = theirs(x_BLD, src_key_padding_mask=mask)
    assert torch.allclose(ours(x_TD, cells), expected[~mask], atol=1e-5)  # type: ignore[arg-type]
    with torch.inference_mode():
        assert torch.allclose(ours(x_TD, cells), expected[~mask], atol=1e-5)  # type: ignore[arg-type]
    assert torch.allclose(ours(x_TD, cells, first=True), expected[:, 0], atol=1e-5)  # type: ignore[arg-type]


def test_a_number_for_each_key_is_added_to_its_scores() -> None:
    x_TD, cells = _tokens()
    bias_T = torch.randn(len(x_TD))
    ours = Encoder(EncoderConfig(16, 2, 1, 24)).eval()
    layer = ours.layers[0]
    found = ours(x_TD, cells, bias_T=bias_T)  # type: ignore[arg-type]
    first = 0
    for size in _SIZES.tolist():
        x_LD, bias_L = x_TD[first : first + size], bias_T[first : first + size]
        q, k, v = (each.view(size, 2, 8).transpose(0, 1) for each in layer.qkv(x_LD).split(16, -1))
        mixed = torch.softmax(q @ k.transpose(1, 2) / 8**0.5 + bias_L, -1) @ v
        y_LD = layer.norm_attention(x_LD + layer.out(mixed.transpose(0, 1).reshape(size, 16)))
        y_LD = layer.norm_ff(y_LD + layer.down(layer.up(y_LD).relu()))
        assert torch.allclose(found[first : first + size], y_LD, atol=1e-5)
        first += size


def test_a_normed_residual_adds_to_what_was_normalised() -> None:
    x_TD, cells = _tokens()
    ours = Encoder(EncoderConfig(16, 2, 1, 24, "gelu", "normed residual")).eval()
    layer = ours.layers[0]
    nn.init.zeros_(layer.out.weight), nn.init.zeros_(layer.out.bias)
    nn.init.zeros_(layer.down.weight), nn.init.zeros_(layer.down.bias)
    assert torch.allclose(ours(x_TD, cells), layer.norm_ff(layer.norm_attention(x_TD)), atol=1e-6)  # type: ignore[arg-type]


def test_means_are_over_each_cells_own_tokens() -> None:
    x_TD, cells = _tokens()
    expected = torch.stack([part.mean(0) for part in x_TD.split(_SIZES.tolist())])
    assert torch.allclose(cell_means(x_TD, cells), expected, atol=1e-6)  # type: ignore[arg-type]


def test_a_checkpoint_goes_out_and_in_again_unchanged() -> None:
    one, other = (Encoder(EncoderConfig(16, 2, 2, 24)) for _ in range(2))
    keys = torch_layers(2, "model.{}", "self_attn.Wqkv.{}")
    load_public(other, to_public(one, keys), keys, (), Path("there"))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_what_is_drawn_for_a_cell_depends_on_that_cell_alone(human_cells: Callable[..., AnnData]) -> None:
    data = human_cells()
    place = {gene: number for number, gene in enumerate(data.var_names)}
    cells = cells_over(data, place, "ensembl", "m")
    order = np.arange(data.n_obs)[::-1]
    drawn, again = uniforms(cells, 0), uniforms(cells.rows(order), 0)
    split = lambda values, c: np.split(values, c.starts_B1[1:-1])  # noqa: E731
    for cell, other in zip(split(drawn, cells), reversed(split(again, cells.rows(order))), strict=True):
        assert np.array_equal(cell, other)
    assert not np.array_equal(drawn, uniforms(cells, 1))
    assert abs(drawn.mean() - 0.5) < 4 / np.sqrt(12 * len(drawn)) and drawn.min() >= 0 and drawn.max() < 1


def test_the_highest_are_those_of_a_sort() -> None:
    rng = np.random.default_rng(0)
    key, starts = rng.permutation(18).astype(float), np.concatenate([[0], np.cumsum(_SIZES)])
    rows = highest(key, starts, 4)
    expected = [first + np.argsort(-key[first:last])[:4] for first, last in itertools.pairwise(starts)]
    assert rows.tolist() == np.concatenate(expected).tolist()


def test_counts_of_one_place_are_added_up() -> None:
    cells = Cells(
        np.array([0, 3, 3, 5]), np.array([1, 1, 4, 1, 1], np.int32), np.array([1, 2, 3, 4, 5], np.float32),
        np.array([6, 0, 9], np.float32),
    )  # fmt: skip
    joined = joined_genes(cells)
    assert joined.starts_B1.tolist() == [0, 2, 2, 3] and joined.genes_N.tolist() == [1, 4, 1]
    assert joined.counts_N.tolist() == [3, 3, 9]


def test_what_stands_before_and_after_is_put_into_every_cell() -> None:
    tokens = between(np.array([7, 8, 9]), np.array([1.0, 2.0, 3.0]), np.array([2, 0, 1]), [(1, -2.0)], [(2, 0.0)])
    assert tokens.genes_T.tolist() == [1, 7, 8, 2, 1, 2, 1, 9, 2] and tokens.starts_B1.tolist() == [0, 4, 6, 9]
    assert tokens.values_T.tolist() == [-2, 1, 2, 0, -2, 0, -2, 3, 0] and tokens.longest == 4


def test_genes_of_another_species_are_not_applicable(human_cells: Callable[..., AnnData]) -> None:
    data = human_cells()
    data.var_names = [name.replace("ENSG", "ENSMUSG") for name in data.var_names]
    with pytest.raises(NotApplicable, match="another species"):
        cells_over(data, {"ENSMUSG99999999999": 0}, "ensembl", "m")


def test_a_dataset_without_a_gene_of_the_vocabulary_is_refused(human_cells: Callable[..., AnnData]) -> None:
    with pytest.raises(ModelError, match="no gene of the dataset"):
        cells_over(human_cells(), {"OTHER": 0}, "symbol", "m")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(4000)}, tmp_path / "whole.pt")
    (tmp_path / "part.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:9000])
    (tmp_path / "part.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{not json       ")
    for name in ("part.pt", "part.safetensors", "absent.pt"):
        with pytest.raises(ModelError, match=name):
            read_tensors(tmp_path / name)


def test_a_checkpoint_is_found_by_its_name_and_makes_runs_stale(tmp_path: Path) -> None:
    ScGPT.write_example(tmp_path / "one", seed=0)
    ScGPT.write_example(tmp_path / "two", seed=1)
    found = [find_model("scgpt@mine", {"mine": tmp_path / name}) for name in ("one", "two", "one")]
    assert found[0].card.name == "scgpt@mine" and "mine" in found[0].card.title
    assert fingerprint(found[0]) == fingerprint(found[2]) != fingerprint(found[1])
    assert find_model("scgpt", {"scgpt": tmp_path / "one"}).lacks() == ""


def test_a_checkpoint_that_is_not_there_is_said_to_be_missing(
    tmp_path: Path, human_cells: Callable[..., AnnData]
) -> None:
    with pytest.raises(ConfigError, match="no checkpoint called 'mine'"):
        find_model("scgpt@mine", {})
    absent = find_model("scgpt", {"scgpt": tmp_path / "absent"})
    with pytest.raises(NotAvailable, match="absent is not a folder"):
        absent().embed(human_cells(), Context())


def test_a_name_of_the_hub_is_a_folder_of_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    at = tmp_path / "models--owner--name"
    (at / "refs").mkdir(parents=True)
    (at / "refs" / "main").write_text("abc\n")
    assert folder_of("hf:owner/name/inside/it") == at / "snapshots" / "abc" / "inside/it"
    assert folder_of("hf:owner/name@v2") == at / "snapshots" / "v2"
    assert folder_of("some/path") == Path("some/path")
