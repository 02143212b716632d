import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError, ModelError
from scarena.models.foundation.checkpoint import save
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.shuffled import with_shuffled_weights
from scarena.models.foundation.weighted import Weighted, weights_in, weights_of

GENES = [f"ENSG{i:011d}" for i in range(6)]
SIZES = {"n_genes": 6, "n_groups": 1, "gene_width": 4, "width": 8, "embedding": 4, "kind": "bag"}


def model_of(*, gene_weights):
    model = initialised(FoundationConfig(**SIZES, gene_weights=gene_weights), 0)
    if gene_weights:
        with torch.no_grad():
            model.encoder.bag.log_weight.copy_(torch.arange(6) - 3.0)
    return model


def test_values_are_weighted_logs_of_one_length_and_unknown_genes_are_left_out():
    weighted = Weighted(np.array([1, 2, 3, 4, 5, 6.0]), GENES, [GENES[4], "ENSG99999999999", GENES[1]])
    found = weighted(csr_matrix(np.array([[1, 8, 1], [0, 5, 0], [0, 0, 3]])))
    expected = np.log1p(1e4 / 10) * np.array([5, 2])
    np.testing.assert_allclose(found.toarray()[0], 16 * expected / np.linalg.norm(expected), rtol=1e-6)
    assert not found.toarray()[1].any()
    np.testing.assert_allclose(found.toarray()[2], [0, 16], rtol=1e-6)
    with pytest.raises(ModelError):
        Weighted(np.ones(6), GENES, ["ENSMUSG1"])


def test_components_are_orthonormal_and_there_are_no_more_than_the_cells_have():
    weighted = Weighted(np.ones(6), GENES, GENES)
    values = weighted(csr_matrix(np.random.default_rng(0).poisson(3, (4, 6))))
    found = weighted.components(values, 0)
    assert found.shape == (6, 3)
    np.testing.assert_allclose(found.T @ found, np.eye(3), atol=1e-5)
    with pytest.raises(DataError, match="no components"):
        weighted.components(values[:1], 0)


def test_weights_are_read_from_a_checkpoint_that_has_some(tmp_path):
    for gene_weights, folder in ((True, tmp_path / "with"), (False, tmp_path / "without")):
        save(folder, model_of(gene_weights=gene_weights), GENES, {"state": "ok", "reason": ""})
    genes, weights = weights_in(tmp_path / "with")
    assert genes == GENES
    np.testing.assert_allclose(weights, np.exp(np.arange(6) - 3.0), rtol=1e-3)
    with pytest.raises(ModelError, match="no weights"):
        weights_in(tmp_path / "without")
    np.testing.assert_array_equal(weights_of(model_of(gene_weights=False)), np.ones(6))


def test_shuffled_weights_are_the_same_at_other_genes_by_the_seed():
    model = model_of(gene_weights=True)
    first, again, other = (weights_of(with_shuffled_weights(model, seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other) and not np.array_equal(first, weights_of(model))
    np.testing.assert_allclose(np.sort(first), np.exp(np.arange(6) - 3.0), rtol=1e-6)
    with pytest.raises(ModelError, match="no weights"):
        with_shuffled_weights(model_of(gene_weights=False), 0)
