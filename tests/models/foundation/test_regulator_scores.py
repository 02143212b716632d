"""Rows of regulators are those of the square of all genes; a knock-out is the change of what the decoder says."""

import numpy as np
import pytest
import torch
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import ModelError, NotApplicable
from scarena.models.foundation.embed import embed
from scarena.models.foundation.gene_network import attention_network, jacobian_network
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.regulator_scores import attention_scores, jacobian_scores, knockout_scores

N_GENES = 40
TINY = {
    "n_genes": N_GENES, "n_groups": 2, "gene_width": 6, "width": 32, "layers": 2, "feed_forward": 48, "embedding": 12,
    "length": 16,
}  # fmt: skip
KINDS = {"bag": {"kind": "bag"}, "masked": {}, "causal": {"family": "causal", "encoding": "rank"}}
GENES = [f"ENSG{i:011d}" for i in range(N_GENES)]
MEASURED = GENES[:30]
REGULATORS = [MEASURED[7], MEASURED[2], MEASURED[20]]


def model_of(kind):
    return initialised(FoundationConfig(**{**TINY, **KINDS[kind]}), 0).eval()


@pytest.fixture
def data(make_types):
    counts = make_types(n_cells=60, n_genes=31, groups=1)
    data = AnnData(csr_matrix(counts.astype(np.int32)))
    data.var_names = [*MEASURED[::-1], "ENSG99999999999"]
    data.obs_names = [f"c{i}" for i in range(60)]
    return data


def square(found, names):
    """Return pairs as rows of some regulators."""
    return found.pivot(index="source", columns="target", values="score").reindex(names)


@pytest.mark.parametrize(
    ("kind", "rows", "pairs"),
    [
        ("masked", attention_scores, attention_network),
        ("causal", attention_scores, attention_network),
        ("masked", jacobian_scores, jacobian_network),
        ("bag", jacobian_scores, jacobian_network),
    ],
)
def test_rows_are_those_of_the_square_of_all_genes(kind, rows, pairs, data):
    model = model_of(kind)
    found = rows(model, data, GENES, REGULATORS)
    whole = square(pairs(model, data, GENES, among=MEASURED, n_pairs=10_000), REGULATORS)
    assert list(found.index) == REGULATORS and list(found.columns) == MEASURED
    assert np.isfinite(whole.to_numpy()).sum() > 20
    for regulator in REGULATORS:
        mine, other = found.loc[regulator].drop(regulator), whole.loc[regulator]
        np.testing.assert_allclose(mine.to_numpy(), other.reindex(mine.index).to_numpy(), rtol=1e-5, atol=1e-9)


def log_shares(model, data, depth):
    """Return the logs of the shares of counts that the decoder gives the measured genes, [n_cells, n_genes]."""
    z = torch.from_numpy(embed(model, data, GENES))
    group = torch.full((len(z),), model.config.n_groups)
    with torch.no_grad():
        cell = model.decoder(z, torch.log1p(torch.from_numpy(depth)) / 10, group)
        return (cell @ model.decoder.genes.weight.T + model.decoder.log_share)[:, :30].numpy()


@pytest.mark.parametrize("kind", ["bag", "masked"])
def test_a_knock_out_is_the_change_of_decoded_log_shares_over_cells_that_express_the_gene(kind, data):
    model, regulator = model_of(kind), REGULATORS[0]
    found = knockout_scores(model, data, GENES, [regulator], n_cells=1000, seed=0).loc[regulator]
    column = data.var_names.get_loc(regulator)
    express = np.flatnonzero(data.X[:, column].toarray().ravel())
    some, without = data[express].copy(), data[express].copy()
    depth = np.asarray(some.X.sum(axis=1), np.float32).ravel()
    counts = without.X.toarray()
    counts[:, column] = 0
    without.X = csr_matrix(counts)
    change = (log_shares(model, without, depth) - log_shares(model, some, depth)).mean(axis=0)
    assert np.abs(change).max() > 1e-4
    np.testing.assert_allclose(found.to_numpy(), change, atol=2e-5)


def test_a_knock_out_reads_a_sample_that_depends_on_the_seed_alone(data):
    model = model_of("bag")
    one, same, other = (knockout_scores(model, data, GENES, REGULATORS, n_cells=12, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other, equal_nan=True)


def test_a_regulator_that_too_few_cells_express_is_not_spoken_of(data):
    counts = data.X.toarray()
    column = data.var_names.get_loc(REGULATORS[1])
    counts[:, column] = 0
    counts[:9, column] = 1
    data.X = csr_matrix(counts)
    for found in (
        attention_scores(model_of("masked"), data, GENES, REGULATORS),
        jacobian_scores(model_of("masked"), data, GENES, REGULATORS),
        knockout_scores(model_of("bag"), data, GENES, REGULATORS, n_cells=50, seed=0),
    ):
        assert found.loc[REGULATORS[1]].isna().all() and found.loc[REGULATORS[0]].notna().any()


def test_a_bag_has_no_attention_and_unknown_regulators_no_row(data):
    with pytest.raises(NotApplicable, match="no attention"):
        attention_scores(model_of("bag"), data, GENES, REGULATORS)
    # In the vocabulary and not measured; measured and not in the vocabulary.
    with pytest.raises(NotApplicable, match="no regulator"):
        jacobian_scores(model_of("bag"), data, GENES, [GENES[35], "ENSG99999999999"])
    found = jacobian_scores(model_of("bag"), data, GENES, [GENES[35], REGULATORS[0]])
    assert list(found.index) == [REGULATORS[0]]
    data.var_names = [f"mouse{i}" for i in range(31)]
    with pytest.raises(ModelError, match="no gene in common"):
        jacobian_scores(model_of("bag"), data, GENES, REGULATORS)
