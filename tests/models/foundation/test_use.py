"""From file to file: each verb does what its function does, and what a model has seen stays with it."""

import json

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import ConfigError, DataError, ModelError
from scarena.models.foundation import adapt as adapt_module
from scarena.models.foundation import checkpoint
from scarena.models.foundation.adapt import AdaptConfig
from scarena.models.foundation.annotator import load_annotator
from scarena.models.foundation.corpus.lookup import find_corpus
from scarena.models.foundation.embed import embed
from scarena.models.foundation.model import SIZES as MODEL_SIZES
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.use import (
    Source,
    adapt_file,
    annotate_file,
    embed_file,
    finetune_file,
    knock_out_file,
    model_sizes,
    near_genes,
    network_of_file,
    open_checkpoint,
    probe_file,
)
from scarena.models.scarena_fm import adapting

SIZES = {"gene_width": 8, "width": 32, "layers": 1, "feed_forward": 32, "embedding": 8, "length": 300}
QUICK = {"steps": 8, "validate_every": 4}
CORPUS = [{"dataset": "pool", "study": ["GSE0"], "cells": 9}]


def written(folder, kind="bag"):
    model = initialised(FoundationConfig(kind=kind, n_genes=300, n_groups=1, **SIZES), 0)
    checkpoint.save(folder, model, [f"ENSG{i:011d}" for i in range(300)], {"name": "tiny", "corpus": CORPUS})
    return open_checkpoint(folder)


@pytest.fixture
def loaded(tmp_path):
    return written(tmp_path / "tiny")


@pytest.fixture
def source(cells, tmp_path, cache):
    cells.write_h5ad(tmp_path / "some.h5ad")
    return Source(tmp_path / "some.h5ad", None, "batch", "cell_type", cache)


def vectors(path):
    with np.load(path, allow_pickle=False) as file:
        return file["embedding"]


def test_checkpoints_are_found_by_folder_and_shipped_ones_by_name(loaded, tmp_path, monkeypatch):
    monkeypatch.setattr("scarena.models.foundation.use.CHECKPOINTS", tmp_path)
    monkeypatch.setattr("scarena.models.foundation.use.STUDENT", tmp_path / "tiny")
    assert open_checkpoint().folder == loaded.folder == open_checkpoint(type(tmp_path)("tiny")).folder
    for name in (tmp_path / "none", type(tmp_path)("none"), type(tmp_path)("x/tiny")):
        with pytest.raises(ModelError, match="no checkpoint"):
            open_checkpoint(name)


def test_a_file_is_embedded(source, loaded, cells, tmp_path):
    assert embed_file(source, tmp_path / "z.npz", loaded) == (240, 8)
    np.testing.assert_allclose(vectors(tmp_path / "z.npz"), embed(loaded.model, cells, loaded.genes), atol=1e-6)
    with pytest.raises(ConfigError, match="end it in"):
        embed_file(Source(tmp_path / "none"), tmp_path / "z.csv", loaded)


def test_an_adapted_model_can_be_kept_and_gives_the_vectors_that_were_written(source, loaded, cells, tmp_path):
    adapt_file(source, tmp_path / "z.npz", loaded, keep=tmp_path / "adapted", steps=2, seed=3)
    adapted = open_checkpoint(tmp_path / "adapted")
    again = embed(adapted.model, cells, adapted.genes)
    np.testing.assert_allclose(vectors(tmp_path / "z.npz"), again, atol=0.05)
    assert np.abs(embed(loaded.model, cells, loaded.genes) - again).max() > 1e-3
    manifest = checkpoint.read_manifest(tmp_path / "adapted")
    said = manifest["adapted"].pop("guard")
    assert manifest["adapted"] == {"dataset": "some", "batch": "batch", "steps": 2, "seed": 3}
    assert said.startswith("signal share ")
    assert [row["dataset"] for row in manifest["corpus"]] == ["pool", "some"]
    assert manifest["from"]["name"] == "tiny"
    with pytest.raises(ModelError, match="knows no labels"):
        load_annotator(tmp_path / "adapted")


@pytest.mark.parametrize(("kind", "most"), [("bag", 200), ("transformer", 50)])
def test_each_kind_of_model_is_adapted_in_its_own_way_but_for_steps_that_are_given(
    kind, most, source, tmp_path, monkeypatch
):
    loaded, asked, real = written(tmp_path / kind, kind), [], adapt_module.adapt

    def one_step(model, data, genes, config, **more):
        asked.append(config)
        return real(model, data, genes, config.model_copy(update={"steps": 1}), **more)

    monkeypatch.setattr(adapt_module, "adapt", one_step)
    adapt_file(source, tmp_path / "z.npz", loaded)
    adapt_file(source, tmp_path / "z.npz", loaded, steps=7)
    usual = adapting(loaded.folder)
    assert asked == [usual, usual.model_copy(update={"steps": 7})]
    assert (usual.steps, usual.passes, usual.most_steps) == (None, 2, most)
    assert (usual.task.cells < AdaptConfig().task.cells) == (kind == "transformer")
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        adapt_file(source, tmp_path / "z.npz", loaded, steps=0)


def test_sizes_count_the_parameters_of_the_shipped_models_and_those_that_do_not_grow_with_genes():
    table = model_sizes()
    assert list(table.index) == list(MODEL_SIZES)
    for folder in (checkpoint.STUDENT, checkpoint.SHIPPED):
        assert table.loc[folder.name, "parameters"] == checkpoint.read_manifest(folder)["parameters"]
    assert table.loc["student", ["layers", "genes_one_by_one"]].isna().all()
    assert table.loc["nano", ["width", "layers", "genes_one_by_one"]].tolist() == [128, 3, 512]
    # A straight line through two vocabularies meets that of no gene at what has no row for one.
    groups = checkpoint.read_config(checkpoint.STUDENT).n_groups
    for name in ("student", "nano"):
        sizes = MODEL_SIZES[name].model_dump()
        models = [initialised(FoundationConfig(**sizes, n_genes=n, n_groups=groups), 0) for n in (7, 14)]
        few, many = (sum(value.numel() for value in model.parameters()) for model in models)
        assert table.loc[name, "without_gene_tables"] == 2 * few - many


def test_an_annotator_is_written_used_and_says_what_it_has_seen(source, loaded, cells, tmp_path):
    said = finetune_file(source, tmp_path / "a", loaded, {"mode": "full", **QUICK, "steps": 24})
    assert said["column"] == "cell_type"
    found, share = annotate_file(tmp_path / "a", source, tmp_path / "p.csv", every_label=True)
    assert share == 1
    assert (found["label"] == cells.obs["cell_type"]).mean() > 0.8
    read = pd.read_csv(tmp_path / "p.csv", index_col="cell")
    assert list(read["label"]) == list(found["label"])
    assert list(read.columns) == ["label", "probability", "p:type0", "p:type1", "p:type2"]
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert manifest["seen_labels"]["dataset"] == "some"
    assert manifest["seen_labels"]["column"] == "cell_type"
    assert manifest["labels_seen_before"] == []
    # An audit that has no fingerprints goes by the corpus of the manifest.
    assert {"pool", "GSE0", "some"} <= set(find_corpus(str(tmp_path / "a")).training_corpus)


def test_what_was_seen_before_stays_said_over_several_generations(source, loaded, tmp_path):
    finetune_file(source, tmp_path / "a", loaded, {"mode": "head", **QUICK})
    finetune_file(source, tmp_path / "b", open_checkpoint(tmp_path / "a"), {"mode": "head", **QUICK})
    adapt_file(source, tmp_path / "z.npz", open_checkpoint(tmp_path / "b"), keep=tmp_path / "c", steps=1)
    manifest = checkpoint.read_manifest(tmp_path / "c")
    assert manifest["labels_seen_before"] == [{"dataset": "some", "column": "cell_type"}] * 2
    assert "seen_labels" not in manifest
    assert manifest["name"] == "tiny-finetuned-finetuned-adapted"


def test_genes_that_the_cells_to_annotate_lack_are_left_out_of_training(source, loaded, cells, tmp_path):
    cells[:, 100:250].copy().write_h5ad(tmp_path / "few.h5ad")
    few = Source(tmp_path / "few.h5ad", cache=source.cache)
    finetune_file(source, tmp_path / "a", loaded, {"mode": "head", **QUICK}, among=few)
    annotator = load_annotator(tmp_path / "a")
    assert np.flatnonzero(annotator.measured_V).tolist() == list(range(100, 250))
    assert annotate_file(tmp_path / "a", few, tmp_path / "p.csv")[1] == 1
    whole = annotator.predict(source.read())
    np.testing.assert_allclose(whole["probability"], annotator.predict(few.read())["probability"], atol=1e-6)


def test_a_folder_is_not_written_over_with_what_was_made_from_it(source, loaded, tmp_path):
    with pytest.raises(ConfigError, match="the folder of the model itself"):
        finetune_file(source, tmp_path / "tiny", loaded, {"mode": "head"})
    with pytest.raises(ConfigError, match="the folder of the model itself"):
        adapt_file(source, tmp_path / "z.npz", loaded, keep=tmp_path / "x" / ".." / "tiny")


@pytest.mark.parametrize("settings", [{"mode": "x"}, {"steps": 0}, {"balance": "x"}, {"speed": 1}])
def test_settings_that_there_are_not_are_one_line(source, loaded, tmp_path, settings):
    with pytest.raises(ConfigError, match="finetune"):
        finetune_file(source, tmp_path / "a", loaded, settings)
    assert not (tmp_path / "a").exists()


def test_a_probe_goes_by_batch_where_there_is_one(source, loaded):
    assert list(probe_file(source, loaded).folds.index) == ["batch0", "batch1"]
    assert probe_file(Source(source.path, label="cell_type", cache=source.cache), loaded).by == "cells"


def test_the_neighbours_of_a_gene_have_symbols_and_may_be_those_of_a_file(source, tmp_path, cache):
    folder, genes = tmp_path / "named", ["ENSG00000254647", "ENSG00000115263", "ENSG00000157005"]
    model = initialised(FoundationConfig(kind="bag", n_genes=3, n_groups=1, **SIZES), 0)
    checkpoint.save(folder, model, genes, {"name": "tiny"})
    named = open_checkpoint(folder)
    found = near_genes("INS", named, "bag", 5, cache, None)
    assert sorted(found["symbol"]) == ["GCG", "SST"]
    assert found.equals(near_genes("ENSG00000254647", named, "bag", 5, cache, None))
    assert near_genes("INS", named, "bag", 5, cache, source).empty
    with pytest.raises(DataError, match="unknown gene 'INSS'"):
        near_genes("INSS", named, "bag", 5, cache, None)


@pytest.mark.parametrize("by", ["jacobian", "attention"])
def test_pairs_have_symbols_and_come_from_the_genes_that_are_named(by, source, tmp_path):
    loaded = written(tmp_path / "attends", "transformer")
    genes = [f"ENSG{i:011d}" for i in (1, 5, 7)]
    options = {"by": by, "top": 6, "n_pairs": 50, "block": None, "n_cells": 60}
    found = network_of_file(source, loaded, genes=genes, **options)
    assert set(found["source"]) | set(found["target"]) <= set(genes)
    assert len(found)
    assert set(zip(found["source"], found["source_symbol"], strict=True)) >= {("ENSG00000000005", "TNMD")}
    assert found["cells"].max() <= 60
    assert len(set(network_of_file(source, loaded, genes=[], **options)["source"])) <= 6
    with pytest.raises(ConfigError, match="attention or jacobian"):
        network_of_file(source, loaded, genes=genes, **{**options, "by": "x"})


def test_a_knock_out_may_have_a_group_to_go_to(source, loaded):
    genes = [f"ENSG{i:011d}" for i in (1, 5)]
    plain = knock_out_file(source, loaded, genes, factor=0, toward=None, n_cells=None)
    assert list(plain.genes.columns) == ["symbol", "shift", "cells"]
    towards = knock_out_file(source, loaded, genes, factor=0, toward="type1", n_cells=20)
    assert list(towards.genes.columns) == ["symbol", "shift", "cells", "towards", "outside"]
    unlabelled = Source(source.path, cache=source.cache)
    with pytest.raises(ConfigError, match="--label"):
        knock_out_file(unlabelled, loaded, genes, factor=0, toward="type1", n_cells=None)
    with pytest.raises(DataError, match="no cell is in the target group"):
        knock_out_file(source, loaded, genes, factor=0, toward="type9", n_cells=None)
