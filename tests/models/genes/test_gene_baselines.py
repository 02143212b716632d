"""Baselines and controls of genes: noise is noise of one's own name, tables say what they hold, facts stay facts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from scarena.base.errors import NotApplicable
from scarena.datasets import gene_facts
from scarena.datasets.gene_facts import FACTS
from scarena.models.adapters.shared.in_cells import InCells
from scarena.models.base import Context
from scarena.models.genes.bias import GeneBias, GeneExpression
from scarena.models.genes.cell_types import GeneCellTypes
from scarena.models.genes.random import GeneRandom
from scarena.models.genes.shuffled import GeneShuffled
from scarena.models.genes.tissues import GeneTissues
from scarena.models.of_genes import GeneModel
from scarena.models.registry import all_models

IDS = [f"ENSG{n:011d}" for n in range(40)]


def _asked(ids: list[str] = IDS) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    facts = pd.DataFrame(rng.uniform(0, 5, (len(IDS), 4)), index=IDS, columns=list(FACTS))
    return facts.assign(symbol=[f"G{n}" for n in range(len(IDS))]).loc[ids]


@pytest.fixture
def tissues(monkeypatch: pytest.MonkeyPatch) -> Iterator[pd.DataFrame]:
    """Three tissues of the first thirty genes and of five others; two genes were not measured in all of them."""
    index = [*IDS[:30], *(f"ENSG9{n:010d}" for n in range(5))]
    table = pd.DataFrame(np.random.default_rng(1).gamma(1, 1, (35, 3)), index=index, columns=list("abc"))
    table.iloc[7, 1] = np.nan
    table.iloc[8, 1:] = np.nan
    monkeypatch.setattr(gene_facts, "tissue_profiles", lambda *, cache, mirror=None: table.copy(), raising=False)
    yield table


@pytest.mark.parametrize("model", [GeneRandom, GeneShuffled, GeneTissues, GeneBias, GeneExpression])
def test_a_genes_vector_does_not_depend_on_what_else_is_asked_for(model: type, tissues: pd.DataFrame) -> None:
    whole = model().gene_vectors(_asked(), Context(seed=3))
    some = model().gene_vectors(_asked(IDS[25:3:-2]), Context(seed=3))
    assert len(some) and set(some.index) <= set(IDS)
    pd.testing.assert_frame_equal(whole.loc[some.index], some)


def test_noise_is_standard_normal_and_its_own_for_every_gene_and_seed() -> None:
    found = GeneRandom().gene_vectors(_asked(), Context(seed=0)).to_numpy()
    assert found.shape == (40, 512)
    assert abs(found.mean()) < 4 / np.sqrt(found.size) and abs(found.std() - 1) < 0.02
    assert np.abs(np.corrcoef(found)[np.triu_indices(40, 1)]).max() < 0.25
    assert not np.array_equal(found, GeneRandom().gene_vectors(_asked(), Context(seed=1)).to_numpy())


def test_tissues_are_those_of_the_table_and_a_gap_is_the_genes_own_mean(tissues: pd.DataFrame) -> None:
    found = GeneTissues().gene_vectors(_asked(), Context())
    np.testing.assert_array_equal(found.loc[IDS[3]], tissues.loc[IDS[3]])
    a, c = tissues.loc[IDS[7], ["a", "c"]]
    np.testing.assert_allclose(found.loc[IDS[7]], [a, (a + c) / 2, c])


def test_a_gene_that_most_tissues_did_not_measure_has_no_profile(tissues: pd.DataFrame) -> None:
    assert set(GeneTissues().gene_vectors(_asked(), Context()).index) == set(IDS[:30]) - {IDS[8]}


def test_shuffled_profiles_are_the_same_profiles_of_other_genes(tissues: pd.DataFrame) -> None:
    there = tissues.index.drop(IDS[8]).tolist()
    asked = pd.DataFrame({"symbol": "x"}, index=there)
    own = GeneTissues().gene_vectors(asked, Context())
    found = GeneShuffled().gene_vectors(asked, Context(seed=0))
    assert sorted(found.index) == sorted(own.index)
    assert sorted(map(tuple, found.to_numpy())) == sorted(map(tuple, own.to_numpy()))
    assert (found.loc[own.index].to_numpy() == own.to_numpy()).all(axis=1).sum() < 5
    assert not found.equals(GeneShuffled().gene_vectors(asked, Context(seed=1)))


def test_a_fact_that_nobody_knows_is_the_mean_of_those_known() -> None:
    asked = _asked()
    asked.loc[IDS[0], "length"] = np.nan
    asked["tau"] = np.nan
    found = GeneBias().gene_vectors(asked, Context())
    assert found.shape == (40, 4) and np.isfinite(found.to_numpy()).all()
    assert found.loc[IDS[0], "length"] == pytest.approx(found["length"].iloc[1:].mean())
    assert (found["tau"] == 0).all()
    assert found["mean_expression"].tolist() == asked["mean_expression"].tolist()


def test_expression_alone_is_one_number_of_the_genes_that_have_it() -> None:
    asked = _asked()
    asked.loc[IDS[2], "mean_expression"] = np.nan
    found = GeneExpression().gene_vectors(asked, Context())
    assert IDS[2] not in found.index and found.shape == (39, 1)
    assert found["mean_expression"].tolist() == asked["mean_expression"].drop(IDS[2]).tolist()


def test_cell_types_are_the_atlas_by_gene(monkeypatch: pytest.MonkeyPatch) -> None:
    from scarena.models.foundation.atlas import hpa
    from scarena.models.foundation.atlas.published import Published, Row

    values = np.array([[0.0, 1.0, 3.0], [7.0, 0.0, 1.0]])
    rows = tuple(Row(name=name, label=name, study=()) for name in "ab")
    table = Published("hpa", "hpa", values, np.array([IDS[1], IDS[0], "ENSG9"]), rows, "tpm", "", "", ())
    monkeypatch.setattr(hpa, "published", lambda cache, mirror=None: table)
    found = GeneCellTypes().gene_vectors(_asked(), Context())
    assert sorted(found.index) == IDS[:2]
    np.testing.assert_allclose(found.loc[IDS[1]], np.log1p(values[:, 0]))


def test_models_of_genes_have_no_vectors_of_cells(cells: AnnData, tmp_path: Path) -> None:
    with pytest.raises(NotApplicable, match="none of cells"):
        GeneRandom().embed(cells, Context(cache=tmp_path))


def test_cards_of_models_that_have_vectors_of_genes_alone_say_so() -> None:
    said = {name for name, model in all_models().items() if model.card.offers == "genes"}
    assert said == {name for name, model in all_models().items() if issubclass(model, GeneModel | InCells)}
    assert len(said) >= 14


def test_what_a_card_does_not_say_of_genes_it_leaves_out() -> None:
    assert "gene_knowledge" not in GeneRandom.card.model_dump()
    assert GeneTissues.card.model_dump(mode="json")["gene_knowledge"] == ["HPA tissues"]
