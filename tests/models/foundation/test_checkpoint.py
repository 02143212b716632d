"""A checkpoint comes back as it was saved, or says what is wrong with it."""

import pytest
import torch

from scarena.errors import ModelError
from scarena.models.foundation.checkpoint import load, read_genes, read_manifest, save
from scarena.models.foundation.model import FoundationConfig, initialised

SIZES = FoundationConfig(n_genes=3, n_groups=1, gene_width=4, width=8, heads=2, layers=1, feed_forward=8, embedding=4)


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "small", initialised(SIZES, 0), ["ENSG1", "ENSG2", "ENSG3"], {"name": "small"})
    return tmp_path / "small"


def test_what_is_loaded_is_what_was_saved(folder):
    saved, loaded = initialised(SIZES, 0).state_dict(), load(folder).state_dict()
    assert saved.keys() == loaded.keys()
    assert all(torch.equal(saved[name], loaded[name]) for name in saved)
    assert read_genes(folder) == ["ENSG1", "ENSG2", "ENSG3"]
    assert read_manifest(folder)["parameters"] == sum(value.numel() for value in saved.values())


def test_altered_weights_are_refused(folder):
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ModelError, match="not those of its manifest"):
        load(folder)


def test_weights_of_other_sizes_are_refused(folder):
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"layers": 1', '"layers": 2'))
    with pytest.raises(ModelError, match="Missing key"):
        load(folder)


def test_a_folder_without_manifest_is_no_checkpoint(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(ModelError, match="no checkpoint"):
        load(folder)
