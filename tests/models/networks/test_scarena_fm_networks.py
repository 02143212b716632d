"""The shipped transformer's three networks are of a sample of cells, by name, and pass the check of what is scored."""

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.models.base import Context
from scarena.models.foundation.checkpoint import SHIPPED, read_genes
from scarena.models.network_table import checked_network
from scarena.models.networks.scarena_fm_attention import Attention
from scarena.models.networks.scarena_fm_jacobian import Jacobian
from scarena.models.networks.scarena_fm_knockout import Knockout

MODELS = {model.card.name: model for model in (Attention, Jacobian, Knockout)}


@pytest.mark.parametrize("name", ["scarena-fm-attention", "scarena-fm-jacobian", "scarena-fm-knockout"])
def test_a_network_of_the_shipped_model_is_of_a_sample_of_cells(name, monkeypatch):
    model = MODELS[name]
    genes = read_genes(SHIPPED)[:25]
    data = AnnData(csr_matrix(np.random.default_rng(0).poisson(2, (40, 25)).astype(np.int32)))
    data.var_names = genes
    assert model.card.name == name and model.card.settings["n_cells"] == model.n_cells
    monkeypatch.setattr(model, "n_cells", 20)
    found, same, other = (model().network(data, genes[3:6], Context(seed=s)) for s in (0, 0, 1))
    np.testing.assert_array_equal(found, same)
    assert not np.allclose(found, other, equal_nan=True)
    checked = checked_network(found, genes[3:6], genes, name)
    assert np.isfinite(checked).mean() > 0.5
