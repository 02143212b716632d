"""A gene's vector is what the model does with the gene, and near is what the cosine says."""

import numpy as np
import pandas as pd
import pytest
import torch

from scarena.base.errors import DataError, ModelError
from scarena.models.foundation.gene_vectors import gene_vectors, nearest_genes
from scarena.models.foundation.model import FoundationConfig, initialised

TINY = {"n_genes": 30, "n_groups": 2, "gene_width": 8, "width": 32, "layers": 1, "feed_forward": 48, "embedding": 12}
GENES = [f"ENSG{i:02d}" for i in range(30)]


def model_of(kind):
    return initialised(FoundationConfig(kind=kind, **TINY), 0).eval()


@pytest.mark.parametrize("kind", ["bag", "transformer"])
@torch.no_grad()
def test_a_bag_vector_is_what_a_cell_of_one_gene_adds_up_to(kind, make_packed):
    model = model_of(kind)
    found = gene_vectors(model, GENES, "bag")
    alone = model.encoder.bag(make_packed([([7], [2.0])]))[0] / model.encoder.bag.SCALE
    np.testing.assert_allclose(found.loc["ENSG07"], alone, atol=1e-6)
    assert list(found.index) == GENES


@torch.no_grad()
def test_an_encoder_vector_is_what_tells_a_token_from_one_of_another_gene():
    model = model_of("transformer")
    found = gene_vectors(model, GENES, "encoder")
    assert found.shape == (30, 32)
    expected = model.encoder.gene_up(model.encoder.genes(torch.tensor([4])))[0]
    np.testing.assert_allclose(found.loc["ENSG04"], expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["bag", "transformer"])
@torch.no_grad()
def test_a_decoder_vector_is_where_a_cell_must_go_for_more_of_the_gene(kind):
    model = model_of(kind)
    found = gene_vectors(model, GENES, "decoder")
    cell = torch.randn(1, 8, generator=torch.Generator().manual_seed(0))
    logit = cell @ model.decoder.genes.weight.T
    np.testing.assert_allclose(found.to_numpy() @ cell[0].numpy(), logit[0], atol=1e-5)


def test_changing_a_table_leaves_the_model_as_it_was():
    model = model_of("bag")
    before = model.decoder.genes.weight.detach().clone()
    gene_vectors(model, GENES, "decoder").iloc[:] = 0
    assert torch.equal(model.decoder.genes.weight, before)


def test_tables_that_a_model_does_not_have_are_refused():
    with pytest.raises(ModelError, match="a bag reads no tokens"):
        gene_vectors(model_of("bag"), GENES, "encoder")
    with pytest.raises(ModelError, match="unknown table 'enc'"):
        gene_vectors(model_of("bag"), GENES, "enc")
    with pytest.raises(ModelError, match="29 genes for a model of 30"):
        gene_vectors(model_of("bag"), GENES[1:], "bag")


def test_the_nearest_are_those_that_a_search_of_all_finds():
    vectors = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 5)), index=GENES)
    found = nearest_genes(vectors, "ENSG03", 6)
    others = {
        gene: np.dot(vectors.loc["ENSG03"], row) / np.linalg.norm(vectors.loc["ENSG03"]) / np.linalg.norm(row)
        for gene, row in vectors.iterrows()
        if gene != "ENSG03"
    }
    assert list(found.index) == sorted(others, key=others.get, reverse=True)[:6]
    np.testing.assert_allclose(found["cosine"], [others[gene] for gene in found.index])


def test_only_genes_that_may_be_chosen_are_and_of_equals_the_lower_id():
    vectors = pd.DataFrame(np.tile([1.0, 2.0], (30, 1)), index=GENES[::-1])
    assert list(nearest_genes(vectors, "ENSG03", 3).index) == ["ENSG00", "ENSG01", "ENSG02"]
    assert list(nearest_genes(vectors, "ENSG03", 3, among=["ENSG09", "ENSG03", "x"]).index) == ["ENSG09"]
    with pytest.raises(DataError, match="no vector for 'INS'"):
        nearest_genes(vectors, "INS")
