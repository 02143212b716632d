"""Rows of networks are what NumPy, SciPy and scikit-learn compute; cells say nothing of unmeasured regulators."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge as SklearnRidge

from scarena.base.errors import NotApplicable
from scarena.models.base import Context
from scarena.models.baselines.depth import Depth
from scarena.models.genes.bias import GeneBias, GeneExpression
from scarena.models.network_table import checked_network
from scarena.models.networks import ridge, spearman
from scarena.models.networks.pearson import Pearson
from scarena.models.networks.random_network import RandomNetwork
from scarena.models.networks.ridge import Ridge
from scarena.models.networks.spearman import Spearman
from scarena.models.networks.target_mean import TargetMean
from scarena.models.normalised import log_normalised
from scarena.models.of_genes import GeneModel
from scarena.models.registry import all_models

MODELS = [Pearson, Spearman, Ridge, TargetMean, RandomNetwork]
OF_CELLS = [Pearson, Spearman, Ridge]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.gamma(2, 1, 40), (120, 40))
    counts[:, 1] = counts[:, 0] + rng.poisson(0.5, 120)
    counts[:, 39] = 0
    cells = AnnData(csr_matrix(counts.astype(np.int32)))
    cells.var_names = [f"ENSG{i:011d}" for i in range(40)]
    cells.var["symbol"] = [f"GENE{i}" for i in range(40)]
    return cells


@pytest.fixture(scope="module")
def log(data):
    return log_normalised(data.X).toarray().astype(np.float64)


def regulators(data, *places):
    return [data.var_names[i] for i in places]


def test_pearson_is_numpys(data, log):
    found = Pearson().network(data, regulators(data, 5, 0, 3), Context())
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.corrcoef(log.T)[[5, 0, 3]]
    np.testing.assert_allclose(found.to_numpy(), expected, atol=1e-6)
    assert list(found.index) == regulators(data, 5, 0, 3) and list(found.columns) == list(data.var_names)


def test_spearman_is_scipys_ties_included(data, log):
    found = Spearman().network(data, regulators(data, 5, 0), Context()).to_numpy()
    for row, place in enumerate((5, 0)):
        for gene in range(39):
            expected = spearmanr(log[:, place], log[:, gene])[0]
            # Sums of float32, as of Pearson's above.
            assert found[row, gene] == pytest.approx(expected, abs=1e-6)
    assert np.isnan(found[:, 39]).all()


def test_spearman_in_parts_is_the_same_as_at_once(data, monkeypatch):
    whole = Spearman().network(data, regulators(data, 5, 0), Context())
    monkeypatch.setattr(spearman, "_GENES", 7)
    np.testing.assert_allclose(whole, Spearman().network(data, regulators(data, 5, 0), Context()), atol=1e-12)


def test_spearman_reads_a_sample_that_depends_on_the_seed_alone(data, monkeypatch):
    monkeypatch.setattr(spearman, "MOST_CELLS", 50)
    one, same, other = (Spearman().network(data, regulators(data, 5), Context(seed=s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other, equal_nan=True)


@pytest.mark.parametrize("gene", [20, 3, 0])
def test_ridge_weights_are_scikit_learns_without_the_gene_itself(data, log, gene):
    places = [0, 3, 8, 12]
    found = Ridge().network(data, regulators(data, *places), Context())[data.var_names[gene]].to_numpy()
    z = (log[:, :39] - log[:, :39].mean(axis=0)) / log[:, :39].std(axis=0)
    others = [place for place in places if place != gene]
    fitted = SklearnRidge(alpha=ridge.PENALTY * len(z), fit_intercept=False).fit(z[:, others], z[:, gene])
    np.testing.assert_allclose(found[[place != gene for place in places]], fitted.coef_, atol=1e-6)
    assert np.isnan(found[[place == gene for place in places]]).all()


def test_a_regulator_that_does_not_vary_has_no_weights_and_spoils_no_others(data):
    with_constant = Ridge().network(data, regulators(data, 0, 39, 3), Context())
    without = Ridge().network(data, regulators(data, 0, 3), Context())
    assert with_constant.loc[data.var_names[39]].isna().all()
    np.testing.assert_array_equal(with_constant.loc[without.index], without)


def test_the_mean_of_the_target_is_the_same_for_all_regulators_measured_or_not(data, log):
    found = TargetMean().network(data, [data.var_names[0], "ENSG99999999999"], Context())
    np.testing.assert_allclose(found.to_numpy(), np.tile(log.mean(axis=0), (2, 1)), atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_every_row_passes_the_check_and_is_the_same_again(model, data):
    asked = regulators(data, 2, 0, 7)
    one, same = (model().network(data, asked, Context(seed=3)) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    genes = list(data.var_names[:20])
    assert checked_network(one, asked, genes, "m").shape == (3, 20)


@pytest.mark.parametrize("model", OF_CELLS)
def test_cells_say_nothing_of_a_regulator_that_they_do_not_measure(model, data):
    found = model().network(data, [data.var_names[0], "ENSG99999999999"], Context())
    assert list(found.index) == [data.var_names[0]]
    with pytest.raises(NotApplicable, match="no regulator is measured"):
        model().network(data, ["ENSG99999999999"], Context())


@pytest.mark.parametrize("model", OF_CELLS)
def test_genes_in_another_order_change_nothing(model, data):
    asked = regulators(data, 2, 0, 7)
    turned = data[:, ::-1].copy()
    one, other = (model().network(each, asked, Context()) for each in (data, turned))
    np.testing.assert_allclose(one, other[one.columns], atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_models_of_networks_have_no_vectors(model, data):
    assert all_models()[model.card.name] is model and model.card.offers == "network"
    with pytest.raises(NotApplicable, match="no vectors"):
        model().embed(data, Context())


def test_random_is_another_with_another_seed(data):
    one, other = (RandomNetwork().network(data, regulators(data, 0), Context(seed=s)) for s in (0, 1))
    assert not np.array_equal(one, other)


class WithVectors(GeneModel):
    """A vector for each gene with an even number, unmeasured ones included."""

    card = Pearson.card.model_copy(update={"name": "with-vectors"})

    def gene_vectors(self, genes, ctx):
        known = [gene for gene in genes.index if int(gene[-2:]) % 2 == 0]
        rows = [np.random.default_rng(int(gene[-2:])).normal(size=5) for gene in known]
        return pd.DataFrame(rows, index=known)


def test_a_model_with_vectors_of_genes_has_their_cosines_of_unmeasured_regulators_too(data):
    unmeasured = f"ENSG{50:011d}"
    found = WithVectors().network(data, [*regulators(data, 4, 3), unmeasured], Context())
    assert list(found.index) == [*regulators(data, 4), unmeasured]
    assert list(found.columns) == [gene for gene in data.var_names if int(gene[-2:]) % 2 == 0]
    one, other = (np.random.default_rng(number).normal(size=5) for number in (50, 8))
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert found.loc[unmeasured, data.var_names[8]] == pytest.approx(cosine)


def test_a_model_without_vectors_of_genes_has_no_cosines(data):
    with pytest.raises(NotApplicable, match="vectors"):
        Depth().network(data, regulators(data, 0), Context())


@pytest.mark.parametrize("model", [GeneBias, GeneExpression])
def test_facts_of_genes_that_are_asked_by_name_alone_have_no_cosines(model, data):
    with pytest.raises(NotApplicable, match="by name alone"):
        model().network(data, regulators(data, 0), Context())
