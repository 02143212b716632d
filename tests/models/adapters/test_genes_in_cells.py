"""A published encoder's vector of a gene is the mean of its token after the last layer, over the cells that read it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from anndata import AnnData

from scarena.base.errors import NotApplicable, NotAvailable
from scarena.models.adapters.genes_in_cells import GeneformerInCells, ScGPTInCells
from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.adapters.shared.in_cells import FEWEST, last_layer_means
from scarena.models.base import Context
from scarena.models.genes import corpus
from scarena.models.registry import find_model

pytestmark = pytest.mark.usefixtures("one_thread")
KINDS = [ScGPTInCells, GeneformerInCells]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.card.name)
def model(request: pytest.FixtureRequest, tmp_path: Path) -> type[Adapter]:
    (tmp_path / "checkpoint").mkdir()
    return request.param.example(tmp_path / "checkpoint")


@torch.inference_mode()
def _one_by_one(loaded: Any, data: AnnData) -> dict[int, list[np.ndarray]]:
    seen = defaultdict(list)
    for row in range(data.n_obs):
        tokens = loaded.tokens(loaded.cells(data[row].copy()))
        hidden = loaded.net.encoder(loaded.net.inputs(tokens), tokens)
        for gene, vector in zip(tokens.genes_T.tolist(), hidden.numpy(), strict=True):
            seen[gene].append(vector)
    return seen


def test_means_are_those_of_every_cell_by_itself(model: type[Adapter], human_cells: Callable[..., AnnData]) -> None:
    assert model.checkpoint is not None
    data, loaded = human_cells(14), model().load(model.checkpoint)
    means, cells = last_layer_means(loaded, data, piece=5)
    seen = _one_by_one(loaded, data)
    assert np.flatnonzero(cells).tolist() == sorted(seen)
    for gene, vectors in seen.items():
        assert cells[gene] == len(vectors)
        np.testing.assert_allclose(means[gene], np.mean(vectors, axis=0), atol=2e-5)


def test_the_first_token_after_the_last_layer_is_the_cells_vector(
    model: type[Adapter], human_cells: Callable[..., AnnData]
) -> None:
    assert model.checkpoint is not None
    loaded: Any = model().load(model.checkpoint)
    tokens = loaded.tokens(loaded.cells(human_cells(6)))
    with torch.inference_mode():
        hidden = loaded.net.encoder(loaded.net.inputs(tokens), tokens)[tokens.starts_B1[:-1].long()]
        whole = loaded.net(tokens, True) if model.__bases__[0] is GeneformerInCells else loaded.net(tokens)
    np.testing.assert_allclose(hidden.numpy(), whole.numpy(), atol=1e-5)


def test_vectors_are_of_genes_that_five_cells_read_and_made_once(
    model: type[Adapter], human_cells: Callable[..., AnnData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, made = human_cells(20, seed=3), []
    monkeypatch.setattr(corpus, "parts", lambda cache: made.append(1) or [data])
    asked = pd.DataFrame({"symbol": data.var["symbol"]}, index=data.var_names)
    context = Context(cache=tmp_path / "cache")
    whole, some = model().gene_vectors(asked, context), model().gene_vectors(asked.iloc[40:0:-3], context)
    assert len(made) == 1 and 10 < len(whole) < len(asked)
    pd.testing.assert_frame_equal(whole.loc[some.index], some)
    loaded: Any = model().load(model.checkpoint)  # type: ignore[arg-type]
    means, cells = last_layer_means(loaded, data)
    rows = loaded.gene_rows()
    names = asked["symbol"] if rows.by == "symbol" else pd.Series(asked.index, asked.index)
    assert set(whole.index) == {
        g for g in asked.index if names[g] in rows.place and cells[rows.place[names[g]]] >= FEWEST
    }
    for gene in whole.index[:5]:
        np.testing.assert_allclose(whole.loc[gene], means[rows.place[names[gene]]], atol=1e-6)


def test_it_has_no_vectors_of_cells_and_needs_a_checkpoint_of_its_own(
    model: type[Adapter], cells: AnnData, tmp_path: Path
) -> None:
    with pytest.raises(NotApplicable, match="none of cells"):
        model().embed(cells, Context())
    bare = find_model(model.card.name)
    with pytest.raises(NotAvailable, match=f"as {model.card.name}: FOLDER"):
        bare().gene_vectors(pd.DataFrame({"symbol": ["a"]}, index=["b"]), Context(cache=tmp_path))
    assert find_model(model.card.name, {model.card.name: model.checkpoint}).checkpoint == model.checkpoint
