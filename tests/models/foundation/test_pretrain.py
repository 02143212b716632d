"""Pretraining, from a configuration to a checkpoint, on a small made-up corpus."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from scarena.datasets.card import load_card
from scarena.errors import ConfigError
from scarena.models.foundation import pretrain as module
from scarena.models.foundation.checkpoint import load, read_genes, read_manifest

CONFIG = Path(__file__).parents[3] / "config" / "pretrain.yaml"
SMALL = {
    "name": "small",
    "corpus": ["one", "two"],
    "min_cells": 5,
    "model": {"gene_width": 8, "width": 16, "heads": 2, "layers": 1, "feed_forward": 16, "embedding": 8},
    "train": {"threads": 1, "steps": 4, "cells": 16, "panel": 16, "validate_every": 2},
}


@pytest.fixture
def corpus(make_cells):
    found = {name: make_cells(n_cells=80, n_genes=60, seed=seed) for seed, name in enumerate(("one", "two"))}
    for name, data in found.items():
        data.uns = {"card": json.dumps({"study": [f"study of {name}"]}), "sources": json.dumps({"file": "0" * 64})}
    found["two"] = found["two"][:, :50].copy()
    return found


def write(path, **changes):
    path.write_text(yaml.safe_dump({**SMALL, **changes}))
    return path


def test_a_checkpoint_says_what_it_was_made_from(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_corpus", lambda names, cache, mirror: {name: corpus[name] for name in names})
    out = tmp_path / "out"
    module.pretrain(write(tmp_path / "config.yaml"), out, tmp_path)
    manifest, model = read_manifest(out), load(out)
    assert [row["card"] for row in manifest["corpus"]] == ["one", "two"]
    assert [row["study"] for row in manifest["corpus"]] == [["study of one"], ["study of two"]]
    assert [(row["cells"], row["cells_held_out"]) for row in manifest["corpus"]] == [(80, 4), (80, 4)]
    assert manifest["train"]["steps"] == 4
    assert set(manifest["losses"]) == {"training", "validation"}
    assert model.config.n_genes == len(read_genes(out)) == manifest["vocabulary"]
    assert model.config.n_groups == 4
    assert (out / "train_log.jsonl").read_text().count("\n") == 3


def test_the_vocabulary_holds_the_genes_seen_in_most_cells_in_the_order_of_their_ids(corpus):
    seen = sum(np.asarray((data.X > 0).sum(axis=0)).ravel()[:50] for data in corpus.values())
    genes = module.vocabulary(corpus, 1, 10)
    assert genes == sorted(genes)
    places = [corpus["two"].var_names.get_loc(gene) for gene in genes]
    assert seen[places].min() >= np.sort(seen)[-10]
    assert module.vocabulary(corpus, 1000, 10) == []


def test_no_cell_is_in_both_parts_and_zeros_are_known_of_measured_genes_only(corpus):
    genes = module.vocabulary(corpus, 1, 100)
    kept, held = module.split(corpus, genes, 0.1, 0)
    assert [group.name for group in kept] == [group.name for group in held]
    for name in corpus:
        rows = [g.cells.values.shape[0] for part in (kept, held) for g in part if g.name.startswith(name)]
        assert sum(rows) == 80
    assert [len(group.measured) for group in kept] == [60, 60, 50, 50]


@pytest.mark.parametrize(
    "changes", [{"stepz": 1}, {"train": {"stepz": 1}}, {"model": {"n_genes": 3}}, {"corpus": []}, {"held_out": 0.7}]
)
def test_unknown_keys_and_bad_values_are_refused_in_one_line(changes, tmp_path):
    with pytest.raises(ConfigError, match=r"config\.yaml") as caught:
        module.read_config(write(tmp_path / "config.yaml", **changes))
    assert "\n" not in str(caught.value)


def test_a_benchmark_set_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="benchmark"):
        module.pretrain(write(tmp_path / "config.yaml", corpus=["baron_h1"]), tmp_path / "out", tmp_path)


def test_the_shipped_configuration_names_pretraining_cards_only():
    config = module.read_config(CONFIG)
    assert {load_card(name).role for name in config.corpus} == {"pretraining"}
    # These share cells, or may share a donor, with a benchmark set: see the comment of the configuration.
    assert not {"frozen_pbmc_a", "pbmc_10x_chem", "pbmc3k"} & set(config.corpus)
