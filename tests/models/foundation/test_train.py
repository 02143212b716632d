"""A step shows the encoder one half of a cell's genes and asks for the other; training lowers the decoding loss."""

import json
import math

import numpy as np
import pytest
import torch

from scarena.errors import ModelError
from scarena.models.foundation.constants import best_constants, constant_losses, gene_means
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.tokenize import PAD, over_vocabulary
from scarena.models.foundation.train import Group, TrainConfig, draw, learning_rate, train

SIZES = FoundationConfig(
    n_genes=400, n_groups=2, gene_width=16, width=32, heads=2, layers=1, feed_forward=32, embedding=16
)
QUICK = TrainConfig(threads=1, steps=40, cells=32, panel=24, zeros=8, learning_rate=1e-2, validate_every=20)


@pytest.fixture
def groups(cells):
    found = []
    for batch in ("batch0", "batch1"):
        # The last hundred genes are not in the dataset, as far as the groups know.
        part = cells[(cells.obs["batch"] == batch).to_numpy(), :300].copy()
        expression = over_vocabulary(part, list(cells.var_names))
        found.append(Group(batch, expression, np.arange(300)))
    return found


def trained(groups, path, config=QUICK):
    model = initialised(SIZES, 0)
    return model, train(model, groups, groups, config, path, lambda line: None)


def test_the_two_views_of_a_cell_share_no_gene_and_each_is_asked_for_the_other(groups):
    (first, second), _ = draw(groups[0], QUICK, np.random.default_rng(0))
    for cell in range(len(first.genes)):
        seen, other = (set(view.genes[cell].tolist()) - {PAD} for view in (first, second))
        assert seen
        assert not seen & other
        assert not seen & set(first.target_genes[cell].tolist())
        assert other <= set(first.target_genes[cell].tolist())


def test_targets_hold_the_true_values_and_zeros_only_of_measured_genes(groups):
    rng = np.random.default_rng(0)
    (view, _), depth = draw(groups[0], QUICK, rng)
    row_of = {float(d): i for i, d in enumerate(groups[0].cells.depth)}
    zeros = 0
    for cell, cell_depth in enumerate(depth.tolist()):
        whole = groups[0].cells.values[row_of[cell_depth]].toarray()[0]
        genes, values = view.target_genes[cell].numpy(), view.target_values[cell].numpy()
        real = genes != PAD
        assert (genes[real] < 300).all()
        zeros += int((values[real] == 0).sum())
        if np.sum(groups[0].cells.depth == np.float32(cell_depth)) == 1:
            np.testing.assert_array_equal(whole[genes[real]], values[real])
    assert zeros > 0


def test_the_synthetic_batch_effect_is_one_factor_a_gene_and_view(groups):
    config = QUICK.model_copy(update={"thinning": 1.0})
    rows = groups[0].cells.values
    (view, _), _ = draw(groups[0], config, np.random.default_rng(3))
    # Cells of the step are drawn sorted, so the same draw tells which they are.
    chosen = np.sort(np.random.default_rng(3).permutation(rows.shape[0])[: config.cells])
    factors: dict[int, list[float]] = {}
    for cell, row in enumerate(chosen):
        whole = rows[row].toarray()[0]
        for gene, value in zip(view.genes[cell].tolist(), view.values[cell].tolist(), strict=True):
            if gene != PAD:
                factors.setdefault(gene, []).append(math.expm1(value) / math.expm1(whole[gene]))
    several = [found for found in factors.values() if len(found) > 1]
    assert max(np.ptp(found) / found[0] for found in several) < 1e-3
    assert np.std([math.log(found[0]) for found in several]) == pytest.approx(config.batch_effect, rel=0.3)


def test_the_rate_warms_up_stays_and_falls_to_zero():
    config = TrainConfig(steps=100, learning_rate=1.0, warm_up=0.1, decay=0.2)
    rates = [learning_rate(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:81] == [1.0] * 72
    assert rates[90] == pytest.approx(0.5)
    assert rates[100] == 0


def test_training_lowers_the_decoding_loss_and_logs_it(groups, tmp_path):
    _, report = trained(groups, tmp_path / "log.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 20, 40]
    assert rows[-1]["validation"] == report["validation"]
    assert report["validation"]["decoding"] < 0.7 * rows[0]["validation"]["decoding"]


def test_the_seed_decides_the_trained_weights(groups, tmp_path):
    short = QUICK.model_copy(update={"steps": 3})
    first, again = (trained(groups, tmp_path / "log.jsonl", short)[0].state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_a_loss_that_is_not_finite_stops_before_the_update(groups, tmp_path):
    model = initialised(SIZES, 0)
    torch.nn.init.constant_(model.decoder.bias.weight, 1e30)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ModelError, match="at step 0"):
        train(model, groups, groups, QUICK, tmp_path / "log.jsonl", lambda line: None)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_gene_means_count_the_zeros_and_the_best_constants_lie_above_them(groups):
    dense = np.concatenate([group.cells.values.toarray() for group in groups])
    means, best = gene_means(groups), best_constants(groups, QUICK)
    np.testing.assert_allclose(means.numpy(), dense.mean(axis=0), rtol=1e-5)
    assert float(best[:300].mean()) > float(means[:300].mean())
    losses = constant_losses(groups, groups, QUICK)
    assert losses["best_constant_of_each_gene"] < losses["gene_means"]
    assert losses["gene_means_of_the_group"] < losses["gene_means"]
