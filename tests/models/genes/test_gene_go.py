"""The control that holds the answer: components of memberships, and nothing that stands for a baseline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from scarena.models.base import Context
from scarena.models.genes import ontology
from scarena.models.genes.ontology import GeneGO, components


def _sets(n_genes: int = 60, n_sets: int = 25) -> csr_matrix:
    share = np.random.default_rng(0).beta(1, 4, n_sets)
    return csr_matrix((np.random.default_rng(1).random((n_genes, n_sets)) < share).astype(np.float32))


def test_components_are_those_of_the_centred_table() -> None:
    sets = _sets()
    found = components(sets, 6)
    dense = sets.toarray().astype(float)
    left, lengths, _ = np.linalg.svd(dense - dense.mean(axis=0), full_matrices=False)
    expected = left[:, :6] * lengths[:6]
    expected *= np.sign(expected[np.abs(expected).argmax(axis=0), np.arange(6)])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.array_equal(found, components(sets, 6))


def test_vectors_are_of_the_genes_in_any_set_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, made = [f"ENSG{n:011d}" for n in range(60)], []
    monkeypatch.setattr(ontology, "_N_COMPONENTS", 5)
    monkeypatch.setattr(ontology, "_memberships", lambda ctx: made.append(1) or (ids, _sets()))
    asked = pd.DataFrame({"symbol": "x"}, index=["ENSG99999999999", *ids[:20]])
    first = GeneGO().gene_vectors(asked, Context(cache=tmp_path))
    assert first.index.tolist() == ids[:20] and first.shape[1] == 5
    pd.testing.assert_frame_equal(first, GeneGO().gene_vectors(asked, Context(cache=tmp_path)))
    assert len(made) == 1


def test_it_is_a_control_that_says_what_it_holds() -> None:
    card = GeneGO.card
    assert (card.family, card.control, card.holds) == ("control", "positive", ())
    assert "holds the answer" in card.description and card.gene_knowledge == ("GO", "Reactome")
