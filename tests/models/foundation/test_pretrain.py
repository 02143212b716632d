"""Pretraining, from a configuration to a checkpoint, on a small made-up corpus."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from scarena.base.errors import ConfigError
from scarena.datasets.card import load_card
from scarena.models.foundation import gene_features
from scarena.models.foundation import pretrain as module
from scarena.models.foundation.checkpoint import load, read_genes, read_manifest
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.task import ViewsTask

CONFIG = Path(__file__).parents[3] / "config" / "pretrain.yaml"
SMALL = {
    "name": "small",
    "gene_features": 0,
    "model": {"gene_width": 8, "width": 32, "heads": 2, "layers": 1, "feed_forward": 16, "embedding": 8},
    "task": {"cells": 16, "tokens": 16, "views": {"targets": 8, "zeros": 4}},
    "engine": {"steps": 6, "validate_every": 3, "checkpoint_every": 2},
    "threads": 1,
}


@pytest.fixture
def config(make_cells, tmp_path):
    """Return the writer of a configuration whose corpus is two h5ad files; the second measures other genes too."""
    sources = []
    for seed, (name, genes) in enumerate((("one", slice(0, 60)), ("two", slice(10, 80)))):
        data = make_cells(n_cells=160, n_genes=80, seed=seed)[:, genes].copy()
        data.obs_names = [f"{name}-{i}" for i in range(160)]
        data.write_h5ad(tmp_path / f"{name}.h5ad")
        path = str(tmp_path / f"{name}.h5ad")
        sources.append({"name": name, "path": path, "batch": "batch", "study": [f"study of {name}"]})
    corpus = {"name": "c", "h5ad": sources, "min_cells": 1, "chunk_cells": 16, "shard_cells": 64}

    def write(**changes):
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump({**SMALL, "corpus": corpus, **changes}))
        return path

    return write


def weights(folder):
    return load(folder).state_dict()


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_a_checkpoint_says_what_it_was_made_from(config, tmp_path):
    out = tmp_path / "out"
    module.pretrain(config(), out, tmp_path / "cache")
    manifest, model = read_manifest(out), load(out)
    assert [row["dataset"] for row in manifest["corpus"]] == ["one", "two"]
    assert [row["study"] for row in manifest["corpus"]] == [["study of one"], ["study of two"]]
    assert [row["cells"] for row in manifest["corpus"]] == [160, 160]
    assert manifest["gene_features"] == []
    assert manifest["report"]["steps"] == 6
    assert manifest["config"]["task"]["cells"] == 16
    assert sorted(manifest["validation"]) == ["contrast", "unseen"] == sorted(manifest["validation_without_cells"])
    assert read_genes(out) == [f"ENSG{i:011d}" for i in range(80)]
    assert (model.config.n_genes, model.config.n_groups) == (80, 4)
    rows = [json.loads(line) for line in (out / "losses.jsonl").read_text().splitlines()]
    assert [row["validation"] for row in rows if "validation" in row][-1] == manifest["validation"]
    assert sorted(path.name for path in out.iterdir()) == [
        "config.json", "fingerprints.npz", "genes.txt", "losses.jsonl", "manifest.json", "weights-00.safetensors",
    ]  # fmt: skip


def test_nothing_is_in_the_folder_before_the_end_and_a_resumed_run_ends_in_the_same_weights(
    config, tmp_path, monkeypatch
):
    out, losses = tmp_path / "out", ViewsTask.losses

    def stopping(self, model, step, rank, world):
        assert not out.exists()
        if step == 5:
            raise KeyboardInterrupt
        return losses(self, model, step, rank, world)

    with monkeypatch.context() as patched:
        patched.setattr(ViewsTask, "losses", stopping)
        with pytest.raises(KeyboardInterrupt):
            module.pretrain(config(), out, tmp_path / "cache")
    assert not out.exists()
    module.pretrain(config(), out, tmp_path / "cache")
    module.pretrain(config(), tmp_path / "whole", tmp_path / "cache", work=tmp_path / "work")
    assert read_manifest(out)["report"]["resumed_at"] == 4
    assert read_manifest(tmp_path / "whole")["report"]["resumed_at"] is None
    assert equal(weights(out), weights(tmp_path / "whole"))
    assert (out / "losses.jsonl").read_bytes() == (tmp_path / "whole" / "losses.jsonl").read_bytes()


def test_no_cell_that_is_trained_on_is_validated_on(config, tmp_path, monkeypatch):
    tasks = []

    class Noted(ViewsTask):
        def __init__(self, *given, **more):
            super().__init__(*given, **more)
            tasks.append(self)

    monkeypatch.setattr(module, "ViewsTask", Noted)
    module.pretrain(config(), tmp_path / "out", tmp_path / "cache")
    (task,) = tasks
    n_cells = 0
    for group in range(4):
        parts = [each.draw(group, 1000, np.random.default_rng(0)) for each in (task.source, task.held_out)]
        trained, held = ({part.rows(np.array([row])).counts_N.tobytes() for row in range(len(part))} for part in parts)
        assert not trained & held
        n_cells += len(trained) + len(held)
    assert n_cells == 320


def test_the_corpus_is_built_once_and_the_seed_decides_the_weights(config, tmp_path, monkeypatch):
    module.pretrain(config(), tmp_path / "first", tmp_path / "cache")
    monkeypatch.setattr(module, "build", lambda *given: pytest.fail("built again"))
    again = {**SMALL["engine"], "seed": 1}
    module.pretrain(config(engine=again), tmp_path / "other", tmp_path / "cache")
    assert not equal(weights(tmp_path / "first"), weights(tmp_path / "other"))


def test_training_may_start_from_bulk_profiles_whose_genes_are_then_the_vocabulary(config, tmp_path, monkeypatch):
    genes = [f"ENSG{i:011d}" for i in reversed(range(20, 120))]
    table = np.random.default_rng(0).normal(size=(100, 12))
    for where in (module, gene_features):
        monkeypatch.setattr(where, "profiles", lambda cache, mirror: (genes, table))
    checked = module.read_config(config(gene_features=5))
    corpus = module.corpus_of(checked.corpus, tmp_path / "cache", bulk=True)
    assert corpus.genes == sorted(genes)
    model = module.start(checked, corpus, tmp_path / "cache")
    expected = gene_features.whitened(table, 5)[::-1] / 16
    np.testing.assert_allclose(model.encoder.bag.table.detach()[:, :5], expected, rtol=1e-5)
    # What no dataset measures starts as a gene that is hardly expressed.
    shares = model.decoder.log_share.detach().exp()
    assert shares[60:].max() < shares[:60].min()
    module.pretrain(config(gene_features=5), tmp_path / "out", tmp_path / "cache")
    (source,) = read_manifest(tmp_path / "out")["gene_features"]
    assert source["name"] == "protein_atlas"
    assert source["licence"]
    assert {len(digest) for digest in source["files"].values()} == {64}


def test_without_cells_every_cell_is_decoded_alike_and_the_model_stays():
    config = FoundationConfig(n_genes=9, n_groups=2, gene_width=4, width=32, embedding=3, kind="bag")
    model, depth = initialised(config, 0), torch.ones(4)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    generator = torch.random.get_rng_state()
    blind = module.without_cells(model)
    assert torch.equal(torch.random.get_rng_state(), generator)
    assert equal(before, model.state_dict())
    cells = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    assert (blind.decoder(cells, depth, torch.arange(4) % 3) == 0).all()
    assert torch.equal(blind.decoder.log_share, model.decoder.log_share)


@pytest.mark.parametrize(
    "changes",
    [
        {"stepz": 1}, {"engine": {"steps": 1, "stepz": 1}}, {"model": {"n_genes": 3}}, {"corpus": {"name": "c"}},
        {"task": {"weights": {"unseeen": 1}}}, {"engine": {}}, {"name": "No Name"}, {"threads": 0},
    ],
)  # fmt: skip
def test_unknown_keys_and_bad_values_are_refused_in_one_line(changes, config):
    with pytest.raises(ConfigError, match=r"config\.yaml") as caught:
        module.read_config(config(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe", b"", None])
def test_a_file_that_is_no_configuration_is_refused(content, tmp_path):
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        module.read_config(path)


def test_a_benchmark_set_is_refused(config, tmp_path):
    with pytest.raises(ConfigError, match="benchmark"):
        module.pretrain(config(corpus={"name": "c", "cards": ["baron_h1"]}), tmp_path / "out", tmp_path / "cache")
    assert not (tmp_path / "out").exists()


def test_the_shipped_configuration_names_pretraining_cards_only():
    config = module.read_config(CONFIG)
    assert {load_card(name).role for name in config.corpus.cards} == {"pretraining"}
    # These share cells, or may share a donor, with a benchmark set: see the comment of the configuration.
    assert not {"frozen_pbmc_a", "pbmc_10x_chem", "pbmc3k"} & set(config.corpus.cards)


TERMS = ["CL:0000084", "CL:0000236", "CL:0000576", "CL:0000623"]


@pytest.fixture
def atlas(tmp_path):
    """Return the configuration of an atlas of two studies that have the same four types; one has fewer genes."""
    rng = np.random.default_rng(5)
    types = rng.lognormal(1, 2, (80, 4))
    tables = []
    for name, n_genes in (("first", 80), ("second", 60)):
        values = pd.DataFrame(types[:n_genes] * rng.lognormal(0, 0.2, (n_genes, 4)), columns=list("abcd"))
        values.index = [f"ENSG{i:011d}" for i in range(n_genes)]
        values.to_csv(tmp_path / f"{name}.csv")
        labels = dict(zip("abcd", TERMS, strict=True))
        tables.append(
            {"name": name, "path": str(tmp_path / f"{name}.csv"), "units": "cpm", "study": [f"profiles of {name}"],
             "labels": labels, "licence": "CC0-1.0"}
        )  # fmt: skip
    path = tmp_path / "atlas.yaml"
    path.write_text(yaml.safe_dump({"name": "made", "tables": tables}))
    return str(path)


def with_atlas(atlas, **task):
    views = {"targets": 8, "zeros": 4, "technology": 0.5}
    weights = {"contrast": 1.0, "across": 1.0, **task}
    return {
        "atlas": atlas, "gene_features": 4, "simulated": {"deepest": 1000},
        "model": {**SMALL["model"], "gene_weights": True},
        "task": {"cells": 16, "tokens": 16, "views": views, "weights": weights},
    }  # fmt: skip


def test_a_model_starts_from_an_atlas_learns_from_its_cells_and_names_its_studies(config, atlas, tmp_path):
    out = tmp_path / "out"
    module.pretrain(config(**with_atlas(atlas)), out, tmp_path / "cache")
    manifest, model = read_manifest(out), load(out)
    assert [row["kind"] for row in manifest["corpus"]] == ["h5ad", "h5ad", "atlas"]
    assert manifest["corpus"][-1]["study"] == ["profiles of first", "profiles of second"]
    assert sorted(manifest["validation"]) == ["across", "contrast", "unseen"]
    assert {"contrast", "unseen", "across"} <= set(
        json.loads((out / "losses.jsonl").read_text().splitlines()[1])["losses"]
    )
    # Four batches of the corpus and two studies.
    assert (model.config.n_groups, model.config.gene_weights) == (6, True)
    assert len(read_genes(out)) == 80


def test_what_needs_an_atlas_says_so(config, atlas, tmp_path):
    asked = with_atlas(atlas)
    for part, what in (("simulated", "simulated from an atlas"), ("task", "across needs cells made")):
        changes = {key: asked[key] for key in ("model", part)}
        if part == "task":
            changes["task"] = {**asked["task"], "views": {"technology": 0}}
        with pytest.raises(ConfigError, match=what):
            module.pretrain(config(**changes), tmp_path / "out", tmp_path / "cache")
    views = {"task": {**SMALL["task"], "views": {"technology": 1.0}}}
    with pytest.raises(ConfigError, match="estimated from an atlas"):
        module.pretrain(config(**views), tmp_path / "out", tmp_path / "cache")
