"""Static vectors of genes: a gene's row is the checkpoint's under its name there, and an unknown gene has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from scarena.base.errors import ModelError, NotAvailable
from scarena.models.adapters.cellplm import CellPLM
from scarena.models.adapters.geneformer import Geneformer
from scarena.models.adapters.langcell import LangCell
from scarena.models.adapters.nicheformer import Nicheformer
from scarena.models.adapters.scbert import ScBERT
from scarena.models.adapters.sccello import ScCello
from scarena.models.adapters.scfoundation import ScFoundation
from scarena.models.adapters.scgpt import ScGPT
from scarena.models.adapters.se_600m import SE600M
from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.adapters.shared.example import genes as example_genes
from scarena.models.adapters.shared.gene_rows import GeneRows, table_by_gene
from scarena.models.adapters.shared.genome import CHROMOSOMES
from scarena.models.adapters.shared.weights import read_tensors
from scarena.models.adapters.tahoe_x1 import TahoeX1
from scarena.models.adapters.transcriptformer import _SPECIAL, TranscriptFormer
from scarena.models.adapters.uce import UCE
from scarena.models.base import Context
from scarena.models.gene_table import checked_gene_vectors

pytestmark = pytest.mark.usefixtures("one_thread")

# The file with the table, the keys that lead to it, its name there, and the row of the first gene.
TABLES: dict[type[Adapter], tuple[str, tuple[str, ...], str, int]] = {
    CellPLM: ("example.best.ckpt", ("model_state_dict",), "embedder.feat_enc.emb", 0),
    Geneformer: ("model.safetensors", (), "bert.embeddings.word_embeddings.weight", 4),
    LangCell: ("cell_bert/model.safetensors", (), "embeddings.word_embeddings.weight", 2),
    Nicheformer: ("model.safetensors", (), "nicheformer.embeddings.weight", 30),
    ScBERT: ("panglao_pretrained.pth", ("model_state_dict",), "pos_emb.emb.weight", 0),
    ScCello: ("model.safetensors", (), "bert.embeddings.word_embeddings.weight", 2),
    ScFoundation: ("models/models.ckpt", ("cell", "state_dict"), "model.pos_emb.weight", 0),
    ScGPT: ("best_model.pt", (), "encoder.embedding.weight", 0),
    TahoeX1: ("model.safetensors", (), "model.gene_encoder.embedding.weight", 0),
    TranscriptFormer: ("model_weights.pt", (), "gene_embeddings.embedding.weight", len(_SPECIAL)),
    UCE: ("4layer_model.torch", (), "pe_embedding.weight", 1000),
}
UNKNOWN = "ENSG99999999999"


def _asked() -> pd.DataFrame:
    named = {**example_genes(), UNKNOWN: "NOTAGENE1", "ENSMUSG00000000001": "Gnai3"}
    return pd.DataFrame({"symbol": list(named.values())}, index=list(named))


@pytest.fixture
def model(request: pytest.FixtureRequest, tmp_path: Path) -> type[Adapter]:
    kind: type[Adapter] = request.param
    kind.write_example(tmp_path)
    return kind.at(tmp_path)


@pytest.mark.parametrize("model", TABLES, indirect=True, ids=lambda kind: kind.card.name)
def test_a_known_genes_row_is_the_checkpoints_and_an_unknown_gene_has_none(model: type[Adapter]) -> None:
    assert model.checkpoint is not None
    file, inside, key, first = TABLES[model.__bases__[0]]
    table = read_tensors(model.checkpoint / file, *inside)[key].float().numpy()
    known = list(example_genes())
    found = model().gene_vectors(_asked(), Context())
    assert set(found.index) <= set(known) and len(found) > 0.9 * len(known)
    # The examples number genes in this order; what two Ensembl ids share is under the first's number.
    symbols = list(dict.fromkeys(example_genes().values()))
    by_symbol = model.__bases__[0] in (ScGPT, ScFoundation, ScBERT, UCE)
    for gene in [*found.index[:3], found.index[len(found) // 2], found.index[-1]]:
        number = symbols.index(example_genes()[gene]) if by_symbol else known.index(gene)
        np.testing.assert_array_equal(found.loc[gene], table[first + number])


@pytest.mark.parametrize("model", [*TABLES, SE600M], indirect=True, ids=lambda kind: kind.card.name)
def test_vectors_are_the_same_whatever_else_is_asked_for_and_pass_the_check(model: type[Adapter]) -> None:
    asked = _asked()
    whole = model().gene_vectors(asked, Context())
    some = model().gene_vectors(asked.iloc[40:10:-3], Context())
    pd.testing.assert_frame_equal(whole.loc[some.index], some)
    vectors, names = checked_gene_vectors(whole, list(asked.index), model.card.name)
    assert vectors.shape == whole.shape and UNKNOWN not in names


@pytest.mark.parametrize("model", [SE600M], indirect=True)
def test_a_gene_of_se_600m_has_its_protein_vector(model: type[Adapter]) -> None:
    assert model.checkpoint is not None
    proteins = read_tensors(model.checkpoint / "protein_embeddings.pt")
    found = model().gene_vectors(_asked(), Context())
    for gene in found.index[::50]:
        np.testing.assert_array_equal(found.loc[gene], proteins[example_genes()[gene]].numpy())


@pytest.mark.parametrize("model", [Geneformer], indirect=True)
def test_a_gene_that_geneformer_knows_by_another_id_has_the_row_of_that(model: type[Adapter]) -> None:
    assert model.checkpoint is not None
    new, known = next(iter(example_genes())), list(example_genes())
    mapping = {gene: gene for gene in known} | {UNKNOWN: new}
    (model.checkpoint / "ensembl_mapping_dict.json").write_text(json.dumps(mapping))
    found = model().gene_vectors(_asked(), Context())
    np.testing.assert_array_equal(found.loc[UNKNOWN], found.loc[new])


@pytest.mark.parametrize("model", [UCE], indirect=True)
def test_rows_of_uces_chromosomes_are_no_genes(model: type[Adapter]) -> None:
    assert model.checkpoint is not None
    rows = model().gene_rows(model.checkpoint)
    table = read_tensors(model.checkpoint / "4layer_model.torch")["pe_embedding.weight"]
    assert len(rows.table) == len(rows.place) < CHROMOSOMES
    assert torch.equal(rows.table[0], table[1000])


def test_without_a_checkpoint_there_are_none() -> None:
    with pytest.raises(NotAvailable, match="checkpoint"):
        ScGPT().gene_vectors(_asked(), Context())


@pytest.mark.parametrize("model", [UCE], indirect=True)
def test_a_folder_that_lacks_the_table_is_an_error_of_one_line(model: type[Adapter]) -> None:
    from scarena.models.adapters.shared.weights import save_torch

    assert model.checkpoint is not None
    save_torch(model.checkpoint / "4layer_model.torch", {"pos_encoder.pe": torch.zeros(1)})
    with pytest.raises(ModelError, match="has no pe_embedding") as told:
        model().gene_vectors(_asked(), Context())
    assert "\n" not in str(told.value)


def _rows(by: Any) -> GeneRows:
    return GeneRows(torch.arange(8.0).reshape(4, 2), {"A": 1, "B": 3}, by)


def test_symbols_join_in_capitals_where_the_vocabulary_has_them_so_and_else_as_they_are() -> None:
    asked = pd.DataFrame({"symbol": ["a", "B", "C", "B"]}, index=["E1", "E2", "E3", "E4"])
    assert table_by_gene(_rows("symbol"), asked).to_dict("index") == {"E2": {0: 6, 1: 7}, "E4": {0: 6, 1: 7}}
    assert list(table_by_gene(_rows("capitals"), asked).index) == ["E1", "E2", "E4"]
    assert list(table_by_gene(_rows("ensembl"), asked.set_index("symbol", drop=False)).index) == ["B", "B"]
