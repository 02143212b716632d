"""The head learns as fast as it is told, labels are drawn as they are told, and a part of a step is a part of it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from scarena.models.foundation.label_split import Split
from scarena.models.foundation.label_task import Classifier, Draw, Head, LabelTask
from scarena.models.foundation.model import FoundationConfig, Transformer, initialised
from scarena.models.foundation.training.config import EngineConfig
from scarena.models.foundation.training.loop import fit

SIZES = FoundationConfig(
    kind="bag", n_genes=120, n_groups=1, gene_width=8, width=32, layers=1, feed_forward=32, embedding=8
)
NONE = np.empty(0, np.int64)


@pytest.fixture
def counts(make_types):
    return make_types(n_cells=120, groups=1)


@pytest.fixture
def cells(counts, make_counts):
    return make_counts(counts)


def task_of(held, labels, *, split=None, vectors=None, sizes=SIZES, **draw):
    split = split or Split(np.flatnonzero(labels >= 0), NONE, "nothing")
    settings = {"cells": 16, "tokens": 32, "balance": "none", "seed": 0, **draw}
    return LabelTask(held, labels, split, Draw(**settings), sizes, vectors)


def test_the_head_standardises_and_as_a_plain_layer_says_the_same():
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(50, 6, generator=generator) * torch.tensor([1e-3, 1, 10, 1, 1, 0]) + 5
    head = Head(vectors, 3, gain=7.0)
    assert torch.equal(head(vectors), torch.zeros(50, 3)), "nothing is known before training"
    head.weight_LZ.data, head.bias_L.data = torch.randn(3, 6, generator=generator), torch.randn(3, generator=generator)
    standard = (vectors - vectors.mean(0)) / torch.where(vectors.std(0) > 1e-6, vectors.std(0, correction=0), 1.0)
    expected = 7.0 * F.linear(standard, head.weight_LZ, head.bias_L)
    torch.testing.assert_close(head(vectors), expected, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(head.plain()(vectors), head(vectors), atol=1e-2, rtol=1e-3)


@pytest.mark.parametrize("gain", [1.0, 25.0])
def test_a_step_moves_the_head_gain_times_as_far_as_the_encoder(cells, tmp_path, gain):
    labels = np.arange(120) % 2
    encoder = initialised(SIZES, 0).encoder
    head = Head(torch.randn(40, 8, generator=torch.Generator().manual_seed(0)), 2, gain)
    # With a head of zeros no gradient would reach the encoder.
    head.weight_LZ.data += torch.randn(2, 8, generator=torch.Generator().manual_seed(1)) / gain
    before = {name: value.clone() for name, value in encoder.named_parameters()}
    weight = gain * head.weight_LZ.detach().clone()
    engine = EngineConfig(
        steps=1, learning_rate=1e-3, weight_decay=0, warm_up=0, decay=0, clip=None, validate_every=None
    )
    fit(Classifier(head, encoder), task_of(cells, labels), engine, tmp_path)
    moved = (encoder.hidden.weight - before["hidden.weight"]).abs().median()
    # The first step of Adam is the rate in every direction that has a gradient.
    assert moved.item() == pytest.approx(1e-3, rel=0.02)
    assert (gain * head.weight_LZ - weight).abs().median().item() == pytest.approx(gain * 1e-3, rel=0.02)


def test_a_converged_head_is_the_logistic_regression_of_scikit_learn(tmp_path):
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    labels = np.arange(150) % 3
    vectors = rng.normal(size=(150, 4)) + 0.8 * rng.normal(size=(3, 4))[labels]
    tensor = torch.from_numpy(vectors).float()

    class AllCells(LabelTask):
        def rows(self, step):
            return np.arange(150)

    head = Head(tensor, 3, 1.0)
    split = Split(np.arange(150), NONE, "nothing")
    task = AllCells(None, labels, split, Draw(150, 1, "none", 0), SIZES, tensor)
    engine = EngineConfig(steps=400, learning_rate=0.1, weight_decay=0, clip=None, validate_every=None, log_every=400)
    fit(Classifier(head), task, engine, tmp_path)
    theirs = LogisticRegression(C=np.inf, max_iter=1000).fit(vectors, labels).predict_proba(vectors)
    ours = head.plain()(tensor).softmax(-1).detach().numpy()
    np.testing.assert_allclose(ours, theirs, atol=5e-3)
    assert 0.6 < (theirs.argmax(1) == labels).mean() < 0.98, "labels overlap, so that probabilities say something"


@pytest.mark.parametrize("balance", ["sampling", "weights", "none"])
def test_rare_labels_count_as_they_are_told(cells, balance):
    labels = np.array([0] * 100 + [1] * 15 + [-1] * 5)
    task = task_of(cells, labels, balance=balance, cells=2000)
    rows = task.rows(0)
    assert (labels[rows] >= 0).all()
    assert (labels[rows] == 1).mean() == pytest.approx(0.5 if balance == "sampling" else 15 / 115, abs=0.04)
    assert np.array_equal(rows, task.rows(0))
    assert not np.array_equal(rows, task.rows(1))
    # A model that says nothing: with weights both labels add as much to the loss.
    head = Head(torch.zeros(3, 8), 2, 1.0)
    model = Classifier(head, initialised(SIZES, 0).encoder)
    head.bias_L.data = torch.tensor([4.0, 0.0])
    losses = {0: np.log1p(np.exp(-4.0)), 1: np.log1p(np.exp(4.0))}
    expected = np.mean([losses[label] for label in labels[rows]])
    if balance == "weights":
        expected = np.mean([losses[label] * 115 / 2 / (100, 15)[label] for label in labels[rows]])
    assert task.losses(model, 0, 0, 1)["cross_entropy"].item() == pytest.approx(expected, rel=1e-4)


def test_the_parts_of_a_step_are_its_cells(cells):
    labels = np.arange(120) % 2
    task = task_of(cells, labels)
    head = Head(torch.zeros(3, 8), 2, 1.0)
    head.weight_LZ.data = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    model = Classifier(head, initialised(SIZES, 0).encoder)
    whole = task.losses(model, 3, 0, 1)["cross_entropy"].item()
    parts = [task.losses(model, 3, rank, 2)["cross_entropy"].item() for rank in range(2)]
    assert np.mean(parts) == pytest.approx(whole, rel=1e-5)
    assert parts[0] != parts[1]


def test_validation_is_a_mean_over_labels_on_held_out_cells_alone(cells):
    labels = np.array([0] * 90 + [1] * 30)
    split = Split(np.arange(0, 120, 2), np.arange(1, 120, 2), "cells")
    task = task_of(cells, labels, split=split)
    head = Head(torch.zeros(3, 8), 2, 1.0)
    head.bias_L.data = torch.tensor([2.0, 0.0])
    found = task.validate(Classifier(head, initialised(SIZES, 0).encoder))
    assert found["accuracy"] == 0.5
    assert found["cross_entropy"] == pytest.approx((np.log1p(np.exp(-2)) + np.log1p(np.exp(2))) / 2, rel=1e-5)
    assert task_of(cells, labels).validate(Classifier(head)) == {}


def test_a_transformer_is_trained_on_some_tokens_and_checked_on_those_that_embedding_reads(cells):
    sizes = SIZES.model_copy(update={"kind": "transformer", "length": 20})
    lengths = []

    class Noting(Transformer):
        def forward(self, seen, tokens):
            lengths.append((seen.longest, tokens.longest))
            return torch.zeros(seen.n_cells, 8)

    labels = np.arange(120) // 2 % 2
    split = Split(np.arange(0, 120, 2), np.arange(1, 120, 2), "cells")
    task = task_of(cells, labels, split=split, sizes=sizes, tokens=12)
    model = Classifier(Head(torch.zeros(3, 8), 2, 1.0), Noting(sizes))
    task.losses(model, 0, 0, 1)
    task.validate(model)
    assert lengths[0][1] == 12
    assert {tokens for _, tokens in lengths[1:]} == {20}
    assert all(seen > 20 for seen, _ in lengths)


def test_a_step_can_be_halved_until_four_cells(cells):
    task = task_of(cells, np.arange(120) % 2, cells=9)
    assert [task.halve(), task.halve(), task.n_cells] == [True, True, 2]
    assert not task.halve()
    assert len(task.rows(0)) == 2
