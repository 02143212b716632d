"""The shipped transformer's three networks are of a sample of cells, by name, and pass the check of what is scored."""

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.models.base import Context
from scarena.models.foundation.checkpoint import SHIPPED, read_genes
from scarena.models.network_table import checked_network
from scarena.models.networks import scarena_fm_attention, scarena_fm_jacobian, scarena_fm_knockout

MODULES = {
    "scarena-fm-attention": (scarena_fm_attention, scarena_fm_attention.Attention),
    "scarena-fm-jacobian": (scarena_fm_jacobian, scarena_fm_jacobian.Jacobian),
    "scarena-fm-knockout": (scarena_fm_knockout, scarena_fm_knockout.Knockout),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_network_of_the_shipped_model_is_of_a_sample_of_cells(name, monkeypatch):
    module, model = MODULES[name]
    genes = read_genes(SHIPPED)[:25]
    data = AnnData(csr_matrix(np.random.default_rng(0).poisson(2, (40, 25)).astype(np.int32)))
    data.var_names = genes
    assert model.card.name == name and model.card.settings["n_cells"] == module.N_CELLS
    monkeypatch.setattr(module, "N_CELLS", 20)
    found, same, other = (model().network(data, genes[3:6], Context(seed=s)) for s in (0, 0, 1))
    np.testing.assert_array_equal(found, same)
    assert not np.allclose(found, other, equal_nan=True)
    checked = checked_network(found, genes[3:6], genes, name)
    assert np.isfinite(checked).mean() > 0.5
