import numpy as np
import pytest
import torch
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.models.foundation.embed import embed
from scarena.models.foundation.guard import guarded, with_directions
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.weighted import N_OWN, Weighted, weights_of

N_GENES = 80
GENES = [f"ENSG{i:011d}" for i in range(N_GENES)]
DIFFER = slice(0, 12)
SIZES = {"n_genes": N_GENES, "n_groups": 1, "gene_width": 4, "width": 64, "embedding": 60, "kind": "bag"}


@pytest.fixture
def data():
    """Four types that differ in twelve genes; columns in another order than the vocabulary, and some unknown."""
    rng = np.random.default_rng(0)
    rates = np.full((4, N_GENES), 2.0)
    rates[:, DIFFER] *= rng.choice([0.2, 4.0], (4, 12))
    counts = rng.poisson(rates[np.arange(500) % 4])
    order = rng.permutation(N_GENES)[:70]
    found = AnnData(csr_matrix(np.hstack([counts[:, order], rng.poisson(1.0, (500, 5))]).astype(np.int32)))
    found.var_names = [*(GENES[at] for at in order), *(f"ENSG9{i:010d}" for i in range(5))]
    found.obs["batch"] = "one"
    return found


def model_of(directions, **more):
    """Return a model before its first step that places cells along some genes."""
    model = initialised(FoundationConfig(**SIZES, gene_weights=True, **more), 0)
    features = torch.zeros(N_GENES, 60)
    for number, gene in enumerate(range(*directions.indices(N_GENES))):
        features[gene, number] = N_GENES**0.5
    with torch.no_grad():
        model.encoder.bag.log_weight.copy_(torch.linspace(0, -2, N_GENES))
    model.know_genes(features)
    return model.eval()


def test_values_along_the_table_are_the_models_vectors_before_its_first_step(data):
    model = model_of(DIFFER)
    weighted = Weighted(weights_of(model), GENES, list(data.var_names))
    table = model.encoder.bag.table.detach().numpy()[:, :60]
    placed = np.asarray(weighted(csr_matrix(data.X)) @ table[weighted.place_G])
    np.testing.assert_allclose(placed, embed(model, data, GENES), atol=1e-4)


def test_a_model_whose_directions_hold_the_signal_is_left_as_it_is(data):
    model = model_of(DIFFER)
    found, said = guarded(model, data, GENES)
    assert said.model and found is model


def test_one_whose_directions_hold_noise_gets_the_datasets_own_components_and_keeps_its_weights(data):
    model = model_of(slice(40, 52))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found, said = guarded(model, data, GENES)
    assert not said.model and said.of_model < 0.2 < said.of_own
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(found.encoder.bag.log_weight, model.encoder.bag.log_weight)
    z = embed(found, data, GENES)
    weighted = Weighted(weights_of(model), GENES, list(data.var_names))
    values = weighted(csr_matrix(data.X))
    expected = np.asarray(values @ weighted.components(values, 0, N_OWN))
    # The same up to one factor: distances are what counts.
    ratio = np.linalg.norm(z - z.mean(0)) / np.linalg.norm(expected - expected.mean(0))
    np.testing.assert_allclose(z[:, :50] - z[:, :50].mean(0), ratio * (expected - expected.mean(0)), atol=0.05)
    assert (z[:, 50:] == 0).all()


def test_the_order_of_cells_and_genes_and_labels_do_not_decide(data):
    rng = np.random.default_rng(1)
    mixed = data[:, rng.permutation(data.n_vars)].copy()
    mixed.obs["cell_type"] = rng.choice(["a", "b"], data.n_obs)
    one, other = (guarded(model_of(slice(40, 52)), each, GENES)[1] for each in (data, mixed))
    assert one.of_own == pytest.approx(other.of_own, abs=0.02) and one.model == other.model


def test_a_transformer_without_trust_adds_nothing_to_its_bag_either(data):
    model = initialised(
        FoundationConfig(**{**SIZES, "kind": "transformer"}, heads=2, layers=1, feed_forward=16, gene_weights=True), 0
    )
    directions = np.linalg.qr(np.random.default_rng(0).normal(size=(N_GENES, 5)))[0].astype(np.float32)
    found = with_directions(model, np.arange(N_GENES), directions)
    assert found.only_adds_up() and not model.only_adds_up()
    assert (embed(found, data, GENES)[:, 5:] == 0).all()
