"""An annotator names cells by what they are, says what it cannot know, and comes back from a folder."""

import json

import numpy as np
import pytest
import torch
from anndata import AnnData
from scipy.sparse import csr_matrix
from torch import nn

from scarena.base.errors import ModelError
from scarena.models.foundation import checkpoint
from scarena.models.foundation.annotator import Annotator, digest_of, load_annotator, save_annotator
from scarena.models.foundation.embed import embed
from scarena.models.foundation.model import FoundationConfig, initialised

SIZES = {"kind": "bag", "gene_width": 8, "width": 32, "layers": 1, "feed_forward": 32, "embedding": 8}
LABELS = ["alpha", "beta", "b/c"]


@pytest.fixture
def annotator(cells):
    genes = sorted(cells.var_names)[:300]
    head = nn.Linear(8, 3)
    generator = torch.Generator().manual_seed(0)
    head.weight.data = 30 * torch.randn(3, 8, generator=generator)
    model = initialised(FoundationConfig(n_genes=300, n_groups=1, **SIZES), 0).eval()
    # About the mean of the cells, so that they differ in what is told of them.
    head.bias.data = -head.weight.data @ torch.from_numpy(embed(model, cells, genes).mean(axis=0))
    measured = np.arange(300) < 200
    return Annotator(model, genes, LABELS, head, measured, {"column": "cell_type", "steps": 7})


@pytest.fixture
def folder(annotator, tmp_path):
    save_annotator(annotator, tmp_path / "a", dataset="blood", manifest={"name": "x", "corpus": []})
    return tmp_path / "a"


@torch.no_grad()
def test_a_prediction_is_the_softmax_of_the_head_over_known_labels_alone(annotator, cells):
    found = annotator.predict(cells, every_label=True)
    z = torch.from_numpy(embed(annotator.model, cells[:, annotator.genes[:200]].copy(), annotator.genes))
    expected = annotator.head(z).softmax(-1).numpy()
    columns = [f"p:{label}" for label in LABELS]
    np.testing.assert_allclose(found[columns].to_numpy(), expected, atol=1e-5)
    assert list(found["label"]) == [LABELS[best] for best in expected.argmax(1)]
    np.testing.assert_allclose(found["probability"], expected.max(1), atol=1e-5)
    assert list(found.columns) == ["label", "probability", *columns]
    assert len(set(found["label"])) > 1


def test_cells_are_known_by_name_in_any_order(annotator, cells):
    order = np.random.default_rng(0).permutation(cells.n_obs)
    mixed = annotator.predict(cells[order].copy())
    plain = annotator.predict(cells)
    assert list(mixed.index) == list(cells.obs_names[order])
    assert (mixed["label"] == plain.loc[mixed.index, "label"]).all()
    np.testing.assert_allclose(mixed["probability"], plain.loc[mixed.index, "probability"], atol=1e-4)


def test_a_cell_without_a_known_gene_gets_no_label(annotator, cells):
    counts = cells.X.toarray()
    counts[3, :300] = 0
    cells.X = csr_matrix(counts)
    assert cells.X[3].sum() > 0, "it has counts, of other genes"
    found = annotator.predict(cells, every_label=True)
    assert found["label"].isna().to_numpy().nonzero()[0].tolist() == [3]
    assert found.iloc[3, 1:].isna().all()
    assert found.drop(index=found.index[3]).notna().all(axis=None)


def test_genes_that_training_did_not_have_are_not_looked_at(annotator, cells):
    plain = annotator.predict(cells)
    counts = cells.X.toarray()
    counts[:, 200:] = np.random.default_rng(0).poisson(5, (240, 200))
    cells.X = csr_matrix(counts)
    assert annotator.predict(cells).equals(plain)
    counts[:, 190:] += 20
    cells.X = csr_matrix(counts)
    assert not annotator.predict(cells).equals(plain)


def test_coverage_is_the_share_of_the_genes_of_training(annotator, cells):
    assert annotator.coverage(cells) == 1
    assert annotator.coverage(cells[:, 150:].copy()) == pytest.approx(50 / 200)
    assert annotator.coverage(cells[:, 200:].copy()) == 0


def test_it_comes_back_and_its_model_is_an_ordinary_checkpoint(annotator, folder, cells):
    found = load_annotator(folder)
    assert (found.labels, found.genes, found.training) == (annotator.labels, annotator.genes, annotator.training)
    assert np.array_equal(found.measured_V, annotator.measured_V)
    before, after = annotator.predict(cells), found.predict(cells)
    assert (before["label"] == after["label"]).mean() > 0.97
    # Weights are kept in half precision.
    np.testing.assert_allclose(before["probability"], after["probability"], atol=0.05)
    z = embed(checkpoint.load(folder), cells, checkpoint.read_genes(folder))
    np.testing.assert_allclose(z, embed(annotator.model, cells, annotator.genes), atol=0.02)


def test_the_manifest_says_whose_labels_it_has_seen(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["seen_labels"] == {"dataset": "blood", "column": "cell_type", "steps": 7}
    assert set(manifest["head_sha256"]) == {"head.safetensors", "labels.json"}
    assert json.loads((folder / "labels.json").read_text()) == LABELS


@pytest.mark.parametrize("name", ["head.safetensors", "labels.json"])
def test_files_that_are_not_those_of_the_manifest_are_refused(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    with pytest.raises(ModelError, match="not the file of its manifest"):
        load_annotator(folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match="not the file of its manifest"):
        load_annotator(folder)


def test_a_checkpoint_that_never_saw_labels_is_no_annotator(annotator, tmp_path):
    checkpoint.save(tmp_path, annotator.model, annotator.genes, {"name": "plain"})
    with pytest.raises(ModelError, match="knows no labels"):
        load_annotator(tmp_path)


def test_writing_that_is_interrupted_leaves_no_annotator(annotator, folder, monkeypatch):
    def full(*given, **more):
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "save", full)
        with pytest.raises(OSError, match="no space"):
            save_annotator(annotator, folder, dataset="blood", manifest={"name": "x"})
    with pytest.raises(ModelError, match="no checkpoint"):
        load_annotator(folder)


def test_data_without_a_known_gene_is_refused(annotator):
    other = AnnData(np.ones((2, 2), np.float32))
    other.var_names = ["a", "b"]
    with pytest.raises(ModelError, match="no gene in common"):
        annotator.predict(other)


def test_a_digest_tells_apart_where_one_part_ends():
    assert digest_of(b"ab", b"c") == digest_of(b"ab", b"c")
    assert len({digest_of(b"ab", b"c"), digest_of(b"a", b"bc"), digest_of(b"abc")}) == 3
