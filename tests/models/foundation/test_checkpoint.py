"""A checkpoint comes back as it was saved, or says what is wrong with it."""

import json

import pytest
import torch

from scarena.base.errors import ModelError
from scarena.base.files import sha256_of
from scarena.models.foundation import checkpoint as module
from scarena.models.foundation.checkpoint import (
    PART_BYTES,
    load,
    read_config,
    read_genes,
    read_manifest,
    save,
    weights_digest,
)
from scarena.models.foundation.model import FoundationConfig, initialised

SIZES = FoundationConfig(n_genes=3, n_groups=1, gene_width=4, width=32, heads=2, layers=1, feed_forward=8, embedding=4)
GENES = ["ENSG1", "ENSG2", "ENSG3"]
PART = "weights-00.safetensors"


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "small", initialised(SIZES, 0), GENES, {"name": "small"})
    return tmp_path / "small"


def rewritten(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_is_loaded_is_what_was_saved_within_half_precision(folder):
    saved, loaded = initialised(SIZES, 0).state_dict(), load(folder).state_dict()
    assert saved.keys() == loaded.keys()
    for name, value in saved.items():
        assert loaded[name].dtype == torch.float32
        assert torch.equal(loaded[name], value.half().float())
    assert not load(folder).training
    assert read_config(folder) == SIZES
    assert read_genes(folder) == GENES
    assert read_manifest(folder)["name"] == "small"
    assert read_manifest(folder)["parameters"] == sum(value.numel() for value in saved.values())


def test_saving_and_loading_leave_the_global_generator_alone(folder):
    before = torch.random.get_rng_state()
    load(folder)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_digest_tells_weights_apart_and_nothing_else(folder, tmp_path):
    for name, seed in (("same", 0), ("other", 1)):
        save(tmp_path / name, initialised(SIZES, seed), GENES, {"name": name})
    assert weights_digest(tmp_path / "same") == weights_digest(folder)
    assert weights_digest(tmp_path / "other") != weights_digest(folder)


def test_parts_fit_into_fifteen_mebibytes_and_a_larger_tensor_comes_back_whole(tmp_path):
    # One table of 38 and one of 9.5 MiB in half precision; rows of 320 bytes do not fill a part evenly.
    sizes = FoundationConfig(
        n_genes=62_000, n_groups=1, kind="bag", gene_width=80, width=320, heads=2, embedding=4
    )  # fmt: skip
    model = initialised(sizes, 0)
    save(tmp_path, model, [f"G{i}" for i in range(62_000)], {})
    parts = sorted(tmp_path.glob("*.safetensors"))
    assert len(parts) >= 4
    assert max(path.stat().st_size for path in parts) <= PART_BYTES == 15 * 2**20
    assert sorted(read_manifest(tmp_path)["weights_sha256"]) == [path.name for path in parts]
    found = load(tmp_path).state_dict()
    assert all(torch.equal(found[name], value.half().float()) for name, value in model.state_dict().items())


def test_more_than_ten_pieces_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PART_BYTES", module._HEADER + 64)
    save(tmp_path, initialised(SIZES, 0), GENES, {})
    assert len(list(tmp_path.glob("*.safetensors"))) > 100
    saved, found = initialised(SIZES, 0).state_dict(), load(tmp_path).state_dict()
    assert all(torch.equal(found[name], value.half().float()) for name, value in saved.items())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e5])
def test_weights_that_half_precision_cannot_hold_are_refused_and_leave_no_checkpoint(bad, tmp_path):
    model = initialised(SIZES, 0)
    with torch.no_grad():
        model.decoder.log_share[1] = bad
    with pytest.raises(ModelError, match=r"decoder\.log_share"):
        save(tmp_path, model, GENES, {})
    with pytest.raises(ModelError, match="no checkpoint"):
        load(tmp_path)


def test_a_checkpoint_saved_over_another_is_the_new_one_and_a_failed_one_is_none(folder):
    load(folder)
    save(folder, initialised(SIZES, 1), GENES, {"name": "new"})
    assert read_manifest(folder)["name"] == "new"
    expected = initialised(SIZES, 1).decoder.genes.weight.half().float()
    assert torch.equal(load(folder).decoder.genes.weight, expected)
    bad = initialised(SIZES, 2)
    torch.nn.init.constant_(bad.decoder.mix.bias, torch.nan)
    with pytest.raises(ModelError):
        save(folder, bad, GENES, {})
    with pytest.raises(ModelError, match="no checkpoint"):
        load(folder)


def test_altered_missing_and_truncated_parts_are_refused(folder):
    whole = (folder / PART).read_bytes()
    for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-5], b""):
        (folder / PART).write_bytes(damaged)
        with pytest.raises(ModelError, match="not those of its manifest"):
            load(folder)
    (folder / PART).unlink()
    with pytest.raises(ModelError, match="not those of its manifest"):
        load(folder)


def test_a_part_that_is_no_safetensors_is_refused_though_the_manifest_names_it(folder):
    (folder / PART).write_bytes(b"not tensors")
    rewritten(folder / "manifest.json", weights_sha256={PART: sha256_of(folder / PART)})
    with pytest.raises(ModelError, match=PART):
        load(folder)


@pytest.mark.parametrize(
    ("changes", "said"), [({"layers": 2}, "Missing key"), ({"embedding": 5}, "size mismatch"), ({"zz": 1}, "zz: Extra")]
)
def test_weights_of_other_sizes_are_refused(folder, changes, said):
    rewritten(folder / "config.json", **changes)
    with pytest.raises(ModelError, match=said):
        load(folder)


def test_a_tensor_too_few_or_too_many_is_refused(folder):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / PART)
    for changed in ({k: v for k, v in tensors.items() if k != "decoder.log_share"}, {**tensors, "more": torch.ones(1)}):
        other = folder.parent / f"{len(changed)}"
        save(other, initialised(SIZES, 0), GENES, {})
        save_file(changed, other / PART)
        rewritten(other / "manifest.json", weights_sha256={PART: sha256_of(other / PART)})
        with pytest.raises(ModelError, match=r"log_share|more"):
            load(other)


def test_a_vocabulary_of_another_length_is_refused(folder):
    (folder / "genes.txt").write_text("ENSG1\nENSG2\n")
    with pytest.raises(ModelError, match="2 genes for a table of 3"):
        load(folder)


def test_another_format_is_refused(folder):
    rewritten(folder / "manifest.json", format=1)
    with pytest.raises(ModelError, match="format 1; this version reads 2"):
        load(folder)


@pytest.mark.parametrize("name", ["manifest.json", "config.json", "genes.txt"])
def test_files_that_are_missing_or_unreadable_are_named(folder, name):
    (folder / name).write_bytes(b'{"\xff')
    with pytest.raises(ModelError, match=name) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    (folder / name).unlink()
    with pytest.raises(ModelError, match="no checkpoint" if name == "manifest.json" else name):
        load(folder)


def test_genes_in_another_order_are_refused(folder):
    genes = folder / "genes.txt"
    genes.write_text("\n".join(reversed(genes.read_text().split())) + "\n")
    with pytest.raises(ModelError, match="not those of its manifest"):
        load(folder)
