"""Adaptation gives another model, decided by the seed, from counts and batches alone."""

import numpy as np
import pytest
import torch
from anndata import AnnData

from scarena.errors import ModelError, NotApplicable
from scarena.models.foundation import adapt as module
from scarena.models.foundation.adapt import AdaptConfig, adapt, regrouped
from scarena.models.foundation.cell_sources import DatasetSource, expressed_share
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.task import TaskConfig, ViewsTask, Weights
from scarena.models.foundation.views import ViewConfig

SIZES = {"gene_width": 8, "width": 32, "layers": 1, "feed_forward": 32, "embedding": 8, "kind": "bag"}
TASK = TaskConfig(
    cells=24, tokens=16, views=ViewConfig(batch_effect=0.8, targets=0, zeros=0), weights=Weights(unseen=0)
)
QUICK = AdaptConfig(steps=4, task=TASK)


@pytest.fixture
def data(cells):
    """Counts and batches, three of them, and nothing else."""
    bare = AnnData(cells.X.copy(), var=cells.var[[]].copy())
    bare.obs["batch"] = [f"b{i // 3 % 3}" for i in range(cells.n_obs)]
    return bare


@pytest.fixture
def genes(data):
    return sorted(data.var_names)[:300]


@pytest.fixture
def model():
    return initialised(FoundationConfig(n_genes=300, n_groups=1, **SIZES), 0)


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_the_model_and_the_data_stay_as_they_were(model, data, genes):
    before, counts, generator = weights(model), data.X.copy(), torch.random.get_rng_state()
    adapted, report = adapt(model, data, genes, QUICK)
    assert equal(weights(model), before)
    assert (counts != data.X).nnz == 0
    assert list(data.obs) == ["batch"]
    assert torch.equal(torch.random.get_rng_state(), generator)
    assert report.steps == 4
    assert not torch.equal(adapted.encoder.bag.table, model.encoder.bag.table)
    assert all(torch.isfinite(value).all() for value in adapted.state_dict().values())


def test_the_seed_decides(model, data, genes):
    first, again, other = (weights(adapt(model, data, genes, QUICK, seed=seed)[0]) for seed in (1, 1, 2))
    assert equal(first, again)
    assert not equal(first, other)


def test_columns_beside_the_batch_are_not_looked_at(model, data, genes):
    plain = weights(adapt(model, data, genes, QUICK)[0])
    data.obs["cell_type"] = np.arange(data.n_obs).astype(str)
    assert equal(weights(adapt(model, data, genes, QUICK)[0]), plain)


def test_adapted_vectors_find_their_cell_better(model, data, genes):
    source = DatasetSource.of(data, genes)
    task = ViewsTask(source, TASK, regrouped(model, 3), held_out=source)
    adapted, _ = adapt(model, data, genes, AdaptConfig(steps=40, task=TASK))
    assert task.validate(adapted)["contrast"] < 0.9 * task.validate(regrouped(model, 3))["contrast"]


def test_a_dataset_may_have_more_batches_than_the_corpus_and_knows_none_of_them(model, data, genes):
    with torch.no_grad():
        model.decoder.groups.weight[0], model.decoder.groups.weight[1] = 7.0, 2.0
    copied = regrouped(model, 3)
    assert copied.config.n_groups == 3
    assert (copied.decoder.groups.weight == 2.0).all()
    assert copied.decoder.groups.weight.shape[0] == 4
    rest = {name: value for name, value in weights(copied).items() if name != "decoder.groups.weight"}
    assert equal(rest, {name: value for name, value in weights(model).items() if name != "decoder.groups.weight"})
    assert adapt(model, data, genes, QUICK)[0].config.n_groups == 3


def test_decoding_starts_from_what_the_dataset_expresses(model, data, genes):
    task = TASK.model_copy(update={"views": ViewConfig(targets=8, zeros=4), "weights": Weights()})
    adapted, report = adapt(model, data, genes, AdaptConfig(steps=1, learning_rate=1e-6, task=task))
    expected = np.log(expressed_share(DatasetSource.of(data, genes), 512))
    np.testing.assert_allclose(adapted.decoder.log_share.detach().numpy(), expected, atol=1e-4)
    assert sorted(report.losses) == ["contrast", "unseen"]


def test_the_model_before_training_is_the_teacher_where_one_is_asked_for(model, data, genes):
    hard = weights(adapt(model, data, genes, QUICK)[0])
    before = weights(model)
    soft_task = TASK.model_copy(update={"softness": 0.5})
    first, again = (adapt(model, data, genes, AdaptConfig(steps=4, task=soft_task)) for _ in range(2))
    assert equal(weights(first[0]), weights(again[0]))
    assert not equal(weights(first[0]), hard)
    assert equal(weights(model), before)
    other = initialised(model.config, 1)
    source, start = DatasetSource.of(data, genes), regrouped(model, 3)
    losses = [
        ViewsTask(source, soft_task, start, teacher=teacher).losses(start, 0, 0, 1)["contrast"].item()
        for teacher in (model, other, None)
    ]
    assert len(set(losses)) == 3
    assert losses[2] == ViewsTask(source, TASK, start).losses(start, 0, 0, 1)["contrast"].item()


def test_the_teacher_does_not_learn(model, data, genes, monkeypatch):
    tasks = []

    class Noted(ViewsTask):
        def __init__(self, *given, **more):
            super().__init__(*given, **more)
            tasks.append(self)

    monkeypatch.setattr(module, "ViewsTask", Noted)
    adapt(model, data, genes, AdaptConfig(steps=2, task=TASK.model_copy(update={"softness": 0.5})))
    adapt(model, data, genes, QUICK)
    soft, hard = tasks
    assert equal(weights(soft.teacher), weights(model))
    assert not soft.teacher.training
    assert hard.teacher is None


def test_batches_that_are_all_too_small_are_refused(model, data, genes):
    data.obs["batch"] = [f"b{i}" for i in range(data.n_obs)]
    with pytest.raises(NotApplicable, match="no batch has the 8 cells"):
        adapt(model, data, genes, QUICK)
    with pytest.raises(ModelError, match="no gene in common"):
        adapt(model, data, [f"x{i}" for i in range(300)], QUICK)


def test_an_interrupted_adaptation_is_taken_up_again_and_one_of_other_cells_is_not(
    model, data, genes, tmp_path, monkeypatch
):
    config = QUICK.model_copy(update={"steps": 6})
    whole = weights(adapt(model, data, genes, config)[0])
    losses = ViewsTask.losses

    def stopping(self, model, step, rank, world):
        if step == 3:
            raise KeyboardInterrupt
        return losses(self, model, step, rank, world)

    with monkeypatch.context() as patched:
        patched.setattr(ViewsTask, "losses", stopping)
        with pytest.raises(KeyboardInterrupt):
            adapt(model, data, genes, config, folder=tmp_path)
    resumed, report = adapt(model, data, genes, config, folder=tmp_path)
    assert report.resumed_at is not None
    assert equal(weights(resumed), whole)
    data.X.data[0] += 1
    with pytest.raises(ModelError, match="of another run"):
        adapt(model, data, genes, config, folder=tmp_path)
    with pytest.raises(ModelError, match="of another run"):
        adapt(initialised(model.config, 1), data, genes, config, folder=tmp_path)
