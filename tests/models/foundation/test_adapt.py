"""Adaptation gives another model, decided by the seed, from counts and batches alone."""

import numpy as np
import pytest
import torch
from anndata import AnnData

from scarena.base.errors import ModelError, NotApplicable
from scarena.models.foundation import adapt as module
from scarena.models.foundation.adapt import AdaptConfig, adapt, pooled, regrouped
from scarena.models.foundation.cell_sources import DatasetSource, expressed_share
from scarena.models.foundation.embed import embed, encode
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.part_of_genes import over_genes, put_back
from scarena.models.foundation.task import TaskConfig, ViewsTask, Weights
from scarena.models.foundation.teacher import teacher_of
from scarena.models.foundation.tokenize import over_vocabulary
from scarena.models.foundation.views import ViewConfig

SIZES = {"gene_width": 8, "width": 32, "layers": 1, "feed_forward": 32, "embedding": 8, "kind": "bag"}
TASK = TaskConfig(
    cells=24, tokens=16, views=ViewConfig(batch_effect=0.8, targets=0, zeros=0), weights=Weights(unseen=0)
)
QUICK = AdaptConfig(steps=4, task=TASK, smallest_batch=8)


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
    adapted, _ = adapt(model, data, genes, AdaptConfig(steps=40, task=TASK, smallest_batch=8))
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
    adapted, report = adapt(model, data, genes, AdaptConfig(steps=1, learning_rate=1e-6, task=task, smallest_batch=8))
    expected = np.log(expressed_share(DatasetSource.of(data, genes), 512))
    np.testing.assert_allclose(adapted.decoder.log_share.detach().numpy(), expected, atol=1e-4)
    assert sorted(report.losses) == ["contrast", "unseen"]


def test_cells_of_other_batches_are_told_apart_by_the_model_before_training(model, data, genes, monkeypatch):
    tasks = []

    class Noted(ViewsTask):
        def __init__(self, *given, **more):
            super().__init__(*given, **more)
            tasks.append(self)

    monkeypatch.setattr(module, "ViewsTask", Noted)
    before = weights(model)
    more = QUICK.model_copy(update={"task": TASK.model_copy(update={"others": 12, "sure": 0.9})})
    first, again = (weights(adapt(model, data, genes, more)[0]) for _ in range(2))
    assert equal(first, again)
    assert not equal(first, weights(adapt(model, data, genes, QUICK)[0]))
    assert equal(weights(model), before)
    with_others, _, without = tasks
    assert equal(weights(with_others.teacher.model), before)
    assert not with_others.teacher.model.training
    assert without.teacher is None


@pytest.mark.parametrize("kind", ["bag", "transformer"])
@pytest.mark.parametrize("trained", [True, False])
def test_the_teachers_vectors_are_the_models_less_their_mean(kind, trained, data, genes):
    model = initialised(FoundationConfig(n_genes=300, n_groups=1, **{**SIZES, "kind": kind}), 0)
    if not trained:
        model.know_genes(torch.randn(300, 5, generator=torch.Generator().manual_seed(1)))
    assert model.only_adds_up() is not trained
    source = DatasetSource.of(data, genes)
    cells = over_vocabulary(data, genes)
    expected = encode(model, cells)
    np.testing.assert_allclose(teacher_of(model, source)(cells).numpy(), expected - expected.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("kind", ["bag", "transformer"])
def test_a_model_over_the_genes_of_a_dataset_makes_the_same_vectors_of_it(kind, data, genes):
    model = initialised(FoundationConfig(n_genes=300, n_groups=1, **{**SIZES, "kind": kind}), 0)
    rows = np.arange(0, 300, 3)
    data, kept = (
        data[:, [gene for gene in data.var_names if gene in set(np.array(genes)[rows])]],
        [genes[n] for n in rows],
    )
    part = over_genes(model, rows)
    np.testing.assert_allclose(embed(part, data, kept), embed(model, data, genes), atol=1e-5)
    with torch.no_grad():
        for value in part.parameters():
            value += 1
    whole, before, after = put_back(model, part, rows), weights(model), weights(part)
    np.testing.assert_allclose(embed(part, data, kept), embed(whole, data, genes), atol=1e-4)
    others = np.setdiff1d(np.arange(300), rows)
    for name, value in weights(whole).items():
        if value.shape[:1] == (300,):
            assert torch.equal(value[others], before[name][others])
            assert torch.equal(value[rows], after[name])
        else:
            assert torch.equal(value, after[name])


def test_small_batches_are_one_together():
    batch = np.array(["b"] * 5 + ["a"] * 2 + ["c"] * 3 + ["d"])
    assert pooled(batch, 4).tolist() == ["b"] * 5 + ["(small batches)"] * 6
    assert pooled(batch, 3).tolist() == ["b"] * 5 + ["(small batches)"] * 2 + ["c"] * 3 + ["(small batches)"]
    assert pooled(batch, 1).tolist() == batch.tolist()


def test_a_step_draws_from_pooled_batches(model, data, genes, monkeypatch):
    drawn = set()
    losses = ViewsTask.losses

    def noted(self, *given):
        drawn.update((group.name, group.size) for group in self.source.groups)
        return losses(self, *given)

    monkeypatch.setattr(ViewsTask, "losses", noted)
    data.obs["batch"] = ["large"] * (data.n_obs - 12) + [f"small{n % 4}" for n in range(12)]
    adapt(model, data, genes, QUICK)
    assert drawn == {("(small batches)", 12), ("large", data.n_obs - 12)}


def test_too_few_cells_are_refused(model, data, genes):
    with pytest.raises(NotApplicable, match="7 cells; adapting takes 8"):
        adapt(model, data[:7], genes, QUICK)
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
