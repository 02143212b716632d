"""A gene's vector in its cells is the mean of its token after the last block, over the cells that read it."""

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
import torch
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import ModelError, NotApplicable
from scarena.models.foundation.gene_context import context_vectors
from scarena.models.foundation.gene_inputs import input_vectors
from scarena.models.foundation.gene_vectors import gene_vectors
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.packed import encoded
from scarena.models.foundation.tokenize import over_vocabulary, tokens_of

GENES = [f"ENSG{i:02d}" for i in range(40)]
TINY = {"n_genes": 40, "n_groups": 2, "gene_width": 8, "width": 32, "layers": 2, "feed_forward": 48, "embedding": 12}


def model_of(kind: str = "transformer", **more: object):
    model = initialised(FoundationConfig.model_validate({"kind": kind, **TINY, **more}), 0).eval()
    if model.encoder.bag.log_weight is not None:
        with torch.no_grad():
            model.encoder.bag.log_weight.copy_(torch.linspace(-2, 2, 40))
    return model


def cells_of(n_cells: int = 70, seed: int = 0) -> AnnData:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(0.4, 2.0, 45) * rng.lognormal(0, 0.5, (n_cells, 1))).astype(np.int32)
    names = [*GENES, *(f"OTHER{i}" for i in range(5))]
    data = AnnData(csr_matrix(counts), var=pd.DataFrame(index=names))
    return data[:, rng.permutation(45)].copy()


@pytest.mark.parametrize("weights", [False, True])
@torch.no_grad()
def test_means_are_those_of_every_cell_by_itself(weights):
    model, data = model_of(length=12, gene_weights=weights), cells_of()
    found = context_vectors(model, data, GENES)
    seen = defaultdict(list)
    for row in range(data.n_obs):
        cell = tokens_of(over_vocabulary(data[row], GENES), 40, "continuous")
        tokens = encoded(model.encoder.highest(cell), "continuous")
        for gene, vector in zip(tokens.genes_T.tolist(), model.encoder.embedded(tokens).numpy(), strict=True):
            seen[GENES[gene]].append(vector)
    expected = {gene: np.mean(vectors, axis=0) for gene, vectors in seen.items() if len(vectors) >= 5}
    assert 5 < len(expected) < 40 and sorted(found.index) == sorted(expected)
    np.testing.assert_allclose(found.to_numpy(), [expected[gene] for gene in found.index], atol=2e-5)


def test_a_gene_that_too_few_cells_read_has_none():
    data = cells_of()
    counts = data.X.toarray()
    counts[4:, data.var_names.get_loc("ENSG03")] = 0
    data.X = csr_matrix(counts)
    model = model_of()
    assert "ENSG03" not in context_vectors(model, data, GENES).index
    assert set(context_vectors(model, data, GENES, fewest=1).index) - set(context_vectors(model, data, GENES).index)


def test_a_bag_has_no_layer_in_which_a_gene_knows_its_cell():
    with pytest.raises(NotApplicable, match="a bag"):
        context_vectors(model_of("bag"), cells_of(), GENES)


def test_cells_of_other_genes_are_refused():
    with pytest.raises(ModelError, match="no gene in common"):
        context_vectors(model_of(), AnnData(csr_matrix(np.ones((2, 2))), var=pd.DataFrame(index=["a", "b"])), GENES)


def test_static_vectors_of_a_bag_are_its_table_and_of_a_transformer_both_of_its_tables():
    bag, model = model_of("bag"), model_of()
    pd.testing.assert_frame_equal(input_vectors(bag, GENES), gene_vectors(bag, GENES, "bag"))
    found = input_vectors(model, GENES).to_numpy()
    parts = [gene_vectors(model, GENES, table).to_numpy() for table in ("encoder", "bag")]
    assert found.shape == (40, 32 + 12)
    for part, own in zip(parts, (found[:, :32], found[:, 32:]), strict=True):
        np.testing.assert_allclose(own, part / np.sqrt((part**2).mean()), rtol=1e-5)
