"""A model that has vectors of genes predicts responses by them, and the mean where they say nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from scarena.base.errors import NotApplicable
from scarena.datasets.gene_facts import FACTS
from scarena.models.base import Context
from scarena.models.baselines.depth import Depth
from scarena.models.gene_response import N_AXES
from scarena.models.genes.random import GeneRandom
from scarena.models.of_genes import GeneModel
from scarena.models.perturbations.inner import inner_folds
from scarena.models.perturbations.penalised import PENALTIES
from scarena.models.responses import Seen

CTX, GENES = Context(), [f"ENSG{i:011d}" for i in range(50)]
LATENT = np.random.default_rng(0).normal(size=(50, 3))


class Knowing(GeneModel):
    """What the effects are made of, for all genes but one."""

    card = GeneRandom.card.model_copy(update={"name": "knowing"})

    def __init__(self):
        self.asked = []

    def gene_vectors(self, genes, ctx):
        self.asked.append(list(genes.index))
        return pd.DataFrame(LATENT, index=GENES).drop(index=GENES[-1])


@pytest.fixture
def told():
    """Forty single perturbations to learn from, and ten to be asked about."""
    rng = np.random.default_rng(1)
    control = rng.gamma(2, 0.5, 50) + 1
    values = control + 0.3 + LATENT @ rng.normal(0, 0.1, (3, 50)) + rng.normal(0, 0.1, (50, 50))
    items = pd.DataFrame({"perturbation": GENES, "context": "x", "targets": GENES}, index=[f"p{g}" for g in GENES])
    profiles = pd.DataFrame(values, index=items.index, columns=GENES)
    genes = pd.DataFrame(0.0, index=GENES, columns=list(FACTS)).assign(symbol="s")
    controls = pd.DataFrame(control[None], index=["x"], columns=GENES)
    return Seen("gene", profiles[:40], items[:40], controls, genes), items[40:], profiles[40:]


def literally(seen, ask):
    """Return what is predicted, by scikit-learn: ridge on ten principal components of the effects."""
    effects = seen.profiles.to_numpy() - seen.controls.to_numpy()
    vectors = pd.DataFrame(LATENT, index=GENES)
    x = vectors.loc[seen.items["targets"]].to_numpy()
    unit = lambda rows: ((rows - rows.mean(axis=0)) ** 2).sum() / len(rows)  # noqa: E731

    def fitted(learn, asked, penalty):
        pca = PCA(N_AXES, svd_solver="full").fit(effects[learn])
        model = Ridge(alpha=penalty * unit(x[learn])).fit(x[learn], pca.transform(effects[learn]))
        return pca.inverse_transform(model.predict(asked))

    folds = list(inner_folds(seen.items["perturbation"].to_numpy(), 0))
    errors = [sum(((fitted(a, x[b], each) - effects[b]) ** 2).sum() for a, b in folds) for each in PENALTIES]
    every = np.arange(len(x))
    return fitted(every, vectors.loc[ask["targets"]].to_numpy(), PENALTIES[int(np.argmin(errors))])


def test_it_is_ridge_on_principal_components_of_the_effects_with_the_penalty_of_inner_folds(told):
    seen, ask, _ = told
    found = Knowing().predict(seen, ask[:9], CTX)
    np.testing.assert_allclose(found - seen.controls.loc["x"], literally(seen, ask[:9]), atol=1e-6)


def test_what_a_model_knows_is_predicted_and_noise_gives_the_mean(told):
    seen, ask, true = told
    mean = seen.profiles.mean()
    error = {model: ((model().predict(seen, ask, CTX) - true) ** 2).mean().mean() for model in (Knowing, GeneRandom)}
    of_mean = ((true - mean) ** 2).mean().mean()
    assert error[Knowing] < 0.7 * of_mean and error[GeneRandom] < 1.1 * of_mean
    found = GeneRandom().predict(seen, ask, CTX)
    assert np.abs(found - mean).max().max() < 0.1


def test_a_gene_that_the_model_does_not_know_has_no_row(told):
    seen, ask, _ = told
    found = Knowing().predict(seen, ask, CTX)
    assert list(found.index) == list(ask.index[:-1]) and list(found.columns) == list(seen.measured)


def test_a_model_is_asked_for_vectors_once_a_run_and_for_all_genes(told):
    seen, ask, _ = told
    model = Knowing()
    for first in range(3):
        model.predict(seen, ask[first:], CTX)
    assert model.asked == [GENES]
    model.predict(replace(seen, genes=seen.genes[:45]), ask, CTX)
    assert model.asked == [GENES, GENES[:45]]


def test_with_nothing_to_learn_from_it_is_the_control(told):
    seen, ask, _ = told
    found = Knowing().predict(replace(seen, profiles=seen.profiles[:0], items=seen.items[:0]), ask, CTX)
    np.testing.assert_array_equal(found, np.tile(seen.controls, (9, 1)))


def test_the_vector_of_a_pair_is_the_sum_of_two_so_that_linear_effects_add_up(told):
    seen, _, _ = told
    pairs = pd.DataFrame({"perturbation": ["ab"], "context": "x", "targets": "+".join(GENES[:2])}, index=["ab"])
    paired = replace(seen, setting="pair")
    both = Knowing().predict(paired, pairs, CTX).loc["ab"]
    singles = pd.DataFrame({"perturbation": GENES[:3], "context": "x", "targets": GENES[:3]}, index=GENES[:3])
    one, other, third = (Knowing().predict(paired, singles, CTX).loc[gene] for gene in GENES[:3])
    more = pairs.assign(targets="+".join(GENES[1:3]))
    np.testing.assert_allclose(both - Knowing().predict(paired, more, CTX).loc["ab"], one - third, atol=1e-9)
    assert np.abs(both - one).max() > 1e-3 and np.abs(both - other).max() > 1e-3


def test_compounds_and_models_without_vectors_have_no_answer(told):
    seen, ask, _ = told
    with pytest.raises(NotApplicable, match="no perturbed gene"):
        Knowing().predict(seen, ask.assign(targets=""), CTX)
    with pytest.raises(NotApplicable, match="no vectors of genes"):
        Depth().predict(seen, ask, CTX)


def test_vectors_of_no_gene_that_is_asked_about_are_no_answer(told):
    class Elsewhere(Knowing):
        def gene_vectors(self, genes, ctx):
            return pd.DataFrame(np.zeros((0, 4)))

    with pytest.raises(NotApplicable, match="no vector of any"):
        Elsewhere().predict(*told[:2], CTX)
