"""Models whose cards say that they read counts from disk give there what they give in memory."""

import numpy as np
import pytest
import scanpy as sc
from anndata import AnnData

from scarena.datasets import stored
from scarena.models import expression_stored
from scarena.models.base import Context
from scarena.models.embedding import hand_over
from scarena.models.expression import principal_components, select_hvg
from scarena.models.registry import all_models

OUT_OF_CORE = sorted(name for name, model in all_models().items() if model.card.out_of_core)


@pytest.fixture(scope="module")
def real(cache):
    """A published dataset of three batches, 1,937 cells and about 15,000 genes."""
    from scarena.datasets.card import load_card
    from scarena.datasets.prepare import prepare

    return prepare(load_card("baron_h1"), cache=cache)


@pytest.fixture
def on_disk(real, tmp_path, monkeypatch):
    """The same with its counts on disk, which are read some hundred cells at a time."""
    monkeypatch.setattr(stored, "STORED_ABOVE", 0)
    monkeypatch.setattr(stored, "BLOCK", 300)
    real.write_h5ad(tmp_path / "d.h5ad")
    return AnnData(stored.stored_matrix(tmp_path / "d.h5ad"), obs=real.obs, var=real.var)


def test_means_and_variances_are_those_of_the_normalised_counts(real, on_disk):
    mean, variance, sizes = expression_stored.moments(on_disk)
    data = real.copy()
    data.X = data.X.astype(np.float32)
    sc.pp.normalize_total(data, target_sum=1e4)
    batch = data.obs["batch"].astype(str).to_numpy()
    for row, name in enumerate(np.unique(batch)):
        part = data.X[batch == name].toarray().astype(np.float64)
        assert sizes[row] == len(part)
        assert np.allclose(mean[row], part.mean(axis=0), rtol=1e-5)
        assert np.allclose(variance[row], part.var(axis=0, ddof=1), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("n_batches", [3, 1])
def test_the_highly_variable_genes_are_scanpys(real, on_disk, n_batches):
    if n_batches == 1:
        real = real.copy()
        real.obs["batch"] = "one"
        on_disk.obs["batch"] = "one"
    wanted = set(select_hvg(real).var_names)
    found = set(on_disk.var_names[expression_stored.variable_genes(on_disk, 2000)])
    assert found == wanted


def test_the_components_are_those_of_arpack_but_for_sign(real, on_disk):
    wanted, found = principal_components(real, seed=0), principal_components(on_disk, seed=0)
    sign = np.sign((wanted * found).sum(axis=0))
    assert np.abs(found * sign - wanted).max() < 1e-3 * wanted.std()
    assert np.array_equal(found, principal_components(on_disk, seed=1))


def test_a_batch_too_small_to_have_a_dispersion_does_not_choose(real, on_disk):
    real = real.copy()
    for data in (real, on_disk):
        data.obs["batch"] = data.obs["batch"].astype(str)
        data.obs.loc[data.obs_names[:2], "batch"] = "two cells"
    wanted = set(select_hvg(real).var_names)
    assert set(on_disk.var_names[expression_stored.variable_genes(on_disk, 2000)]) == wanted


@pytest.mark.parametrize("name", OUT_OF_CORE)
def test_a_model_gives_the_same_vectors_wherever_the_counts_lie(real, on_disk, name, one_thread):
    model = all_models()[name]
    # Of all batches: a control of batches has nothing to say of one.
    cells = slice(None, None, 5)
    part = real[cells].copy()
    part.write_h5ad(on_disk.X.group.file.filename + ".part")
    far = AnnData(
        stored.stored_matrix(on_disk.X.group.file.filename + ".part"), obs=part.obs.copy(), var=part.var.copy()
    )
    assert stored.is_stored(hand_over(far, model.card).X)
    near, there = (model().embed(hand_over(data, model.card), Context()) for data in (part, far))
    assert near.shape == there.shape and near.dtype == there.dtype
    if name == "harmony":
        # Its clusters start from other signs of the components, and end elsewhere.
        return
    sign = np.sign((near * there).sum(axis=0)) if name in ("pca", "shuffled") else 1
    assert np.abs(there * sign - near).max() < 2e-3 * near.std()


def test_other_models_are_handed_counts_in_memory(on_disk):
    assert not stored.is_stored(hand_over(on_disk, all_models()["scvi"].card).X)


def test_each_that_reads_from_disk_says_so():
    assert {"hvg", "pca", "harmony", "scarena-fm", "scarena-fm-student", "random-2", "labels"} <= set(OUT_OF_CORE)
