"""scArena-FM's vectors of genes: static ones of all its frozen kinds, and those of the last block, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from scarena.base.errors import NotApplicable
from scarena.models.base import Context
from scarena.models.foundation.checkpoint import SHIPPED, read_genes
from scarena.models.gene_table import checked_gene_vectors
from scarena.models.genes import corpus
from scarena.models.registry import find_model

STATIC = {"scarena-fm": 328, "scarena-fm-student": 256, "scarena-fm-random": 328}
pytestmark = pytest.mark.usefixtures("one_thread")


def _asked(ids: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"symbol": "x"}, index=ids)


@pytest.mark.parametrize(("name", "width"), STATIC.items())
def test_static_vectors_are_those_of_the_genes_it_knows_in_any_order(name: str, width: int) -> None:
    known = read_genes(SHIPPED)[:200:7]
    model = find_model(name)()
    whole = model.gene_vectors(_asked([*known, "ENSG99999999999"]), Context())
    some = model.gene_vectors(_asked(known[::-2]), Context())
    vectors, names = checked_gene_vectors(whole, known, name)
    assert vectors.shape == (len(known), width) and names.tolist() == known
    pd.testing.assert_frame_equal(whole.loc[some.index], some)


def test_the_twins_vectors_are_of_the_seed() -> None:
    one, again, other = (
        find_model("scarena-fm-random")().gene_vectors(_asked(read_genes(SHIPPED)[:9]), Context(seed=seed))
        for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(one, again)
    assert not np.allclose(one, other)


@pytest.mark.parametrize("name", ["scarena-fm-adapted", "scarena-fm-adapted-harmony"])
def test_a_model_that_becomes_another_on_every_dataset_has_none(name: str) -> None:
    with pytest.raises(NotApplicable):
        find_model(name)().gene_vectors(_asked(read_genes(SHIPPED)[:9]), Context())


@pytest.mark.parametrize("name", ["scarena-fm-gene-context", "scarena-fm-random-gene-context"])
def test_vectors_in_cells_are_made_once_for_a_checkpoint(
    name: str, make_cells: Callable[..., AnnData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genes, made = read_genes(SHIPPED)[:300], []
    data = make_cells(40, 300)
    data.var_names = genes
    monkeypatch.setattr(corpus, "parts", lambda cache: made.append(1) or [data])
    model = find_model(name)
    first = model().gene_vectors(_asked([*genes, "ENSG99999999999"]), Context(cache=tmp_path))
    again = model().gene_vectors(_asked(genes[::-3]), Context(cache=tmp_path))
    assert len(made) == 1 and 100 < len(first) <= 300 and first.shape[1] == 128
    pd.testing.assert_frame_equal(first.loc[again.index], again)
    other = model().gene_vectors(_asked(genes), Context(seed=1, cache=tmp_path))
    assert first.equals(other) is (name == "scarena-fm-gene-context")
