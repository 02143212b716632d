"""Fine-tuning learns from labelled cells alone, changes what its mode says, and leaves the model it began with."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.sparse import csr_matrix

from scarena.base.errors import ConfigError, DataError, ModelError
from scarena.models.foundation import finetune as module
from scarena.models.foundation.finetune import best_step, finetune
from scarena.models.foundation.finetune_config import FinetuneConfig
from scarena.models.foundation.label_task import LabelTask
from scarena.models.foundation.lora import LoraConfig
from scarena.models.foundation.model import FoundationConfig, initialised

SIZES = {"gene_width": 8, "width": 32, "layers": 2, "feed_forward": 32, "embedding": 8, "length": 64}
QUICK = {"steps": 12, "cells": 24, "tokens": 32, "validate_every": 4, "lora": LoraConfig(rank=2)}
MODES = ["head", "lora", "full"]


def model_of(kind="bag"):
    return initialised(FoundationConfig(kind=kind, n_genes=300, n_groups=1, **SIZES), 0)


@pytest.fixture
def data(make_cells):
    data = make_cells(n_cells=180)
    data.obs["batch"] = [f"b{i % 5}" for i in range(data.n_obs)]
    return data


@pytest.fixture
def genes(data):
    return sorted(data.var_names)[:300]


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def changed(before, model):
    after = model.state_dict()
    assert before.keys() == after.keys(), "an ordinary model again"
    return {name for name in before if not torch.equal(before[name], after[name])}


def run(model, data, genes, column="cell_type", seed=0, folder=None, **settings):
    return finetune(model, data, genes, column, FinetuneConfig(**{**QUICK, **settings}), seed=seed, folder=folder)


@pytest.mark.parametrize("kind", ["bag", "transformer"])
@pytest.mark.parametrize("mode", MODES)
def test_each_mode_learns_the_types_and_changes_its_own_weights(kind, mode, data, genes):
    model, generator = model_of(kind), torch.random.get_rng_state()
    before, counts = state(model), data.X.copy()
    found = run(model, data, genes, mode=mode, steps=40 if kind == "bag" else 24, validate_every=8)
    predicted = found.predict(data)
    assert (predicted["label"] == data.obs["cell_type"]).mean() > 0.8
    assert found.labels == ["type0", "type1", "type2"]
    assert not changed(before, model)
    assert (counts != data.X).nnz == 0
    assert torch.equal(torch.random.get_rng_state(), generator)
    learned = changed(before, found.model)
    assert not any(name.startswith(("decoder", "heads")) for name in learned)
    tables = {"encoder.bag.table", "encoder.genes.weight"}
    assert not learned & tables
    layers = {
        name for name in before if name.startswith("encoder.") and name.endswith(".weight") and before[name].ndim > 1
    }
    layers -= {*tables, "encoder.gene_up.weight"}
    assert learned >= (layers if mode != "head" else set())
    assert not learned if mode == "head" else True
    assert mode != "lora" or learned == layers, "no bias, no norm, no table"


def test_frozen_blocks_stay_and_tables_learn_where_they_are_told(data, genes):
    model = model_of("transformer")
    for mode in ("lora", "full"):
        learned = changed(state(model), run(model, data, genes, mode=mode, freeze_blocks=1, steps=4).model)
        assert not any(name.startswith("encoder.blocks.0.") for name in learned)
        assert any(name.startswith("encoder.blocks.1.") for name in learned)
    learned = changed(state(model), run(model, data, genes, mode="full", freeze_genes=False, steps=4).model)
    assert {"encoder.bag.table", "encoder.genes.weight"} <= learned


@pytest.mark.parametrize("kind", ["bag", "transformer"])
def test_more_blocks_than_there_are_cannot_be_frozen(kind, data, genes):
    with pytest.raises(ConfigError, match="at most"):
        run(model_of(kind), data, genes, freeze_blocks=3)


@pytest.mark.parametrize("mode", MODES)
def test_the_seed_decides(mode, data, genes):
    model = model_of()
    first, again, other = (run(model, data, genes, mode=mode, seed=seed) for seed in (1, 1, 2))
    assert not changed(state(first.model), again.model)
    assert torch.equal(first.head.weight, again.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)


@pytest.mark.parametrize("mode", MODES)
def test_cells_without_a_label_are_never_used(mode, data, genes):
    labels = data.obs["cell_type"].astype(object)
    labels.iloc[::4] = np.nan
    data.obs["cell_type"] = labels
    whole = run(model_of(), data, genes, mode=mode)
    assert whole.training["unlabelled"] == 45
    assert sum(whole.training["cells"].values()) == 135
    other = data.copy()
    counts = other.X.toarray()
    counts[::4] = 7
    other.X = csr_matrix(counts)
    changed_cells = run(model_of(), other, genes, mode=mode)
    assert torch.equal(whole.head.weight, changed_cells.head.weight)
    assert not changed(state(whole.model), changed_cells.model)


def test_the_number_of_steps_is_that_which_told_held_out_batches_best(data, genes, monkeypatch):
    runs = []

    class Noted(LabelTask):
        def __init__(self, cells, labels, split, *more):
            super().__init__(cells, labels, split, *more)
            runs.append((split, 0))

        def losses(self, model, step, rank, world):
            runs[-1] = (runs[-1][0], step + 1)
            return super().losses(model, step, rank, world)

    monkeypatch.setattr(module, "LabelTask", Noted)
    # Of labels that say nothing there is nothing to learn but noise, so that an early step is the best.
    data.obs["cell_type"] = np.random.default_rng(0).permutation(data.obs["cell_type"])
    found = run(model_of(), data, genes, steps=40, validate_every=4, mode="full", head_learning_rate=0.1)
    (search, most), (final, steps) = runs
    curve = found.training["curve"]
    assert most == 40
    assert [row["step"] for row in curve] == list(range(0, 41, 4))
    assert steps < 40
    assert steps == found.training["steps"] == min(curve[1:], key=lambda row: row["cross_entropy"])["step"]
    batch = data.obs["batch"].to_numpy()
    assert search.batches == tuple(found.training["held_out"]["batches"]) == tuple(sorted(set(batch[search.held])))
    assert len(final.train) == 180, "the last run uses every labelled cell"
    assert curve[0]["cross_entropy"] == pytest.approx(np.log(3), rel=1e-5)


def test_the_best_step_is_the_first_with_the_lowest_loss_after_none():
    curve = [{"step": s, "cross_entropy": c} for s, c in ((0, 0.1), (4, 0.5), (8, 0.3), (12, 0.3), (16, 0.9))]
    assert best_step(curve) == 8


def test_without_held_out_cells_all_steps_are_taken(data, genes):
    found = run(model_of(), data, genes, held_out=0)
    assert (found.training["steps"], found.training["curve"]) == (12, [])
    assert found.training["held_out"] == {"by": "nothing", "batches": [], "cells": 0}


def test_batches_need_not_be_given(data, genes):
    del data.obs["batch"]
    assert run(model_of(), data, genes).training["held_out"]["by"] == "cells"


def test_an_interrupted_run_is_taken_up_again_and_one_on_other_labels_is_not(data, genes, tmp_path, monkeypatch):
    whole = run(model_of(), data, genes)
    losses = LabelTask.losses

    def stopping(self, model, step, rank, world):
        if not len(self._held) and step == 1:
            raise KeyboardInterrupt
        return losses(self, model, step, rank, world)

    with monkeypatch.context() as patched:
        patched.setattr(LabelTask, "losses", stopping)
        with pytest.raises(KeyboardInterrupt):
            run(model_of(), data, genes, folder=tmp_path)
    resumed = run(model_of(), data, genes, folder=tmp_path)
    assert not changed(state(whole.model), resumed.model)
    assert torch.equal(whole.head.weight, resumed.head.weight)
    other = model_of()
    other.encoder.hidden.weight.data[0] += 1
    with pytest.raises(ModelError, match="of another run"):
        run(other, data, genes, folder=tmp_path)
    data.obs["cell_type"] = data.obs["cell_type"].to_numpy()[::-1]
    with pytest.raises(ModelError, match="of another run"):
        run(model_of(), data, genes, folder=tmp_path)


def test_what_cannot_be_done_is_said(data, genes):
    with pytest.raises(ConfigError, match="unknown mode 'all'; one of head, lora, full"):
        FinetuneConfig(mode="all")
    with pytest.raises(ValidationError):
        FinetuneConfig(steps=0)
    with pytest.raises(DataError, match="no column 'kind'"):
        run(model_of(), data, genes, column="kind")
    with pytest.raises(ModelError, match="no gene in common"):
        run(model_of(), data, [f"x{i}" for i in range(300)])
    data.obs["cell_type"] = "type0"
    with pytest.raises(DataError, match="1 label in 180 labelled cells"):
        run(model_of(), data, genes)
