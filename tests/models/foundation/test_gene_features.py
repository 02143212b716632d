"""Features of genes: principal components of bulk profiles, one length, one sign, blind to how much is expressed."""

import os
from pathlib import Path

import numpy as np
import pytest

from scarena.models.foundation import gene_features as module
from scarena.models.foundation.gene_features import features_of, profiles, whitened

INS, GCG, CD3D = "ENSG00000254647", "ENSG00000115263", "ENSG00000167286"


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return rng.normal(size=(50, 3)) @ rng.normal(size=(3, 12)) * 3 + rng.normal(size=(50, 12))


def test_columns_have_mean_zero_mean_square_one_and_are_uncorrelated(table):
    found = whitened(table, 6)
    assert found.shape == (50, 6)
    np.testing.assert_allclose(found.T @ found / 50, np.eye(6), atol=1e-10)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-10)


def test_columns_are_the_eigenvectors_of_the_genes_covariance_largest_first(table):
    centred = table - table.mean(axis=1, keepdims=True)
    centred = centred - centred.mean(axis=0)
    _, vectors = np.linalg.eigh(centred @ centred.T)
    expected = vectors[:, ::-1][:, :6] * np.sqrt(50)
    found = whitened(table, 6)
    np.testing.assert_allclose(np.abs((found * expected).mean(axis=0)), 1, atol=1e-8)


def test_how_much_a_gene_is_expressed_everywhere_does_not_matter(table):
    level = np.random.default_rng(1).normal(size=(50, 1)) * 10
    np.testing.assert_allclose(whitened(table + level, 5), whitened(table, 5), atol=1e-8)


def test_the_largest_entry_of_a_column_is_positive_whatever_the_sign_of_the_profiles(table):
    for profile in (table, -table):
        found = whitened(profile, 5)
        assert (found[np.abs(found).argmax(axis=0), np.arange(5)] > 0).all()
    np.testing.assert_allclose(whitened(-table, 5), whitened(table, 5), atol=1e-8)


def test_a_missing_value_counts_as_the_genes_own_mean(table):
    missing, filled = table.copy(), table.copy()
    missing[3, [2, 5]] = np.nan
    filled[3, [2, 5]] = np.delete(table[3], [2, 5]).mean()
    found = whitened(missing, 5)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, whitened(filled, 5), atol=1e-10)


def test_no_more_columns_come_out_than_the_profiles_hold(table):
    flat = np.repeat(table[:, :2], 4, axis=1)
    # Two different columns, of which centring a gene's profile takes one away.
    assert whitened(flat, 20).shape == (50, 1)


def test_features_are_joined_by_name_and_a_gene_that_is_not_known_has_none(table, tmp_path, monkeypatch):
    known = [f"G{i}" for i in range(50)]
    monkeypatch.setattr(module, "profiles", lambda cache, mirror: (known, table))
    found = features_of(["G7", "unknown", "G0"], tmp_path, n_features=4)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[[0, 2]], whitened(table, 4)[[7, 0]], rtol=1e-6)
    assert (found[1] == 0).all()


@pytest.mark.skipif("SCARENA_MIRROR" not in os.environ, reason="needs SCARENA_MIRROR, a folder of published files")
def test_the_published_tables_know_that_islet_hormones_are_alike_and_no_t_cell_receptor(tmp_path):
    mirror = Path(os.environ["SCARENA_MIRROR"])
    genes, values = profiles(tmp_path, mirror)
    assert values.shape == (19_670, 80)
    assert len(set(genes)) == len(genes)
    ins, gcg, cd3d, unknown = features_of([INS, GCG, CD3D, "ENSG0"], tmp_path, mirror).astype(float)
    assert (unknown == 0).all()
    islets = ins @ gcg / np.linalg.norm(ins) / np.linalg.norm(gcg)
    assert islets > 0.5
    for hormone in (ins, gcg):
        assert hormone @ cd3d / np.linalg.norm(hormone) / np.linalg.norm(cd3d) < islets - 0.3
