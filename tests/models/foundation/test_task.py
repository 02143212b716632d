"""A step's losses are decided by its number; groups are drawn by their size; training learns what cells are."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import chisquare

from scarena.base.errors import ConfigError
from scarena.models.foundation.cell_sources import expressed_share
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.objectives import Counts
from scarena.models.foundation.packed import Packed, encoded
from scarena.models.foundation.pretrain import without_cells
from scarena.models.foundation.task import TaskConfig, ViewsTask, Weights, hidden_values, next_genes
from scarena.models.foundation.training.config import EngineConfig
from scarena.models.foundation.training.loop import fit
from scarena.models.foundation.views import ViewConfig

N_GENES = 120
SIZES = {"n_genes": N_GENES, "gene_width": 8, "width": 32, "layers": 1, "feed_forward": 32, "embedding": 8}
ALL = Weights(denoise=0.5, hidden=0.5)
QUICK = TaskConfig(cells=24, tokens=16, views=ViewConfig(targets=16, zeros=8), group_dropout=0.3)
CAUSAL = {"family": "causal", "encoding": "rank"}


def model_of(seed=0, n_groups=2, **more):
    return initialised(FoundationConfig(n_groups=n_groups, **{**SIZES, **more}), seed)


def values(losses):
    return {name: loss.item() for name, loss in losses.items()}


def settings(**more):
    return QUICK.model_copy(update=more)


class Recorder:
    """A source of groups of given sizes that notes which group was asked for cells."""

    def __init__(self, cells, sizes):
        self.cells, self.asked = cells, []
        self.groups = [SimpleNamespace(name=str(n), size=n, measured_V=np.ones(N_GENES, bool)) for n in sizes]

    def draw(self, group, n_cells, rng):
        self.asked.append((group, n_cells))
        return self.cells.rows(np.arange(min(n_cells, len(self.cells))))


@pytest.fixture
def recorder(make_counts, make_types):
    return lambda *sizes: Recorder(make_counts(make_types(16)), sizes)


def test_losses_depend_on_the_step_and_the_seed_and_not_on_what_was_asked_before(make_source):
    model = model_of()
    task = ViewsTask(make_source(), settings(weights=ALL), model)
    other = ViewsTask(make_source(), settings(weights=ALL, seed=1), model)
    first = [values(task.losses(model, step, 0, 1)) for step in range(4)]
    again = [values(task.losses(model, step, 0, 1)) for step in (3, 1, 0, 2)]
    assert again == [first[step] for step in (3, 1, 0, 2)]
    assert sorted(first[0]) == ["contrast", "denoise", "hidden", "unseen"]
    assert len({loss["unseen"] for loss in first}) == 4
    assert values(other.losses(model, 0, 0, 1)) != first[0]


def test_a_weight_scales_its_loss_and_zero_leaves_it_out(make_source):
    model = model_of()
    plain = values(ViewsTask(make_source(), settings(weights=ALL), model).losses(model, 0, 0, 1))
    twice = Weights(unseen=3.0, denoise=1.0, contrast=0.5, hidden=0.0)
    found = values(ViewsTask(make_source(), settings(weights=twice), model).losses(model, 0, 0, 1))
    assert found == pytest.approx(
        {"unseen": 3 * plain["unseen"], "denoise": 2 * plain["denoise"], "contrast": plain["contrast"] / 2}, rel=1e-5
    )


@pytest.mark.parametrize(("weights", "other"), [(Weights(contrast=0), True), (Weights(unseen=0, denoise=1), False)])
def test_a_view_is_asked_for_the_genes_of_the_other_one_and_to_denoise_for_its_own(
    weights, other, make_source, monkeypatch
):
    model, shown, targets = model_of(), [], []
    model.encoder.register_forward_pre_hook(lambda module, given: shown.append(set(given[0].genes_T.tolist())))

    def noting(self, decoder, z_BZ, depth_B, group_B, asked):
        expressed = asked.genes_N[asked.counts_N > 0]
        targets.append(set(expressed.tolist()))
        return z_BZ.sum()

    monkeypatch.setattr(Counts, "__call__", noting)
    views = ViewConfig(least_kept=1.0, targets=N_GENES, zeros=0)
    ViewsTask(make_source(), settings(weights=weights, views=views), model).losses(model, 0, 0, 1)
    assert targets == (shown[::-1] if other else shown)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_groups_are_drawn_in_proportion_to_a_power_of_their_size_and_small_ones_never(power, recorder, monkeypatch):
    source = recorder(8, 7, 200, 2000, 0)
    monkeypatch.setattr(ViewsTask, "_losses", lambda *given: {})
    model = model_of(n_groups=5, kind="bag")
    task = ViewsTask(source, settings(group_power=power, cells=2), model)
    for step in range(1500):
        task.losses(model, step, 0, 1)
    drawn = np.bincount([group for group, _ in source.asked], minlength=5)
    chance = np.array([8.0, 200.0, 2000.0]) ** power
    assert drawn[[1, 4]].sum() == 0
    assert chisquare(drawn[[0, 2, 3]], 1500 * chance / chance.sum()).pvalue > 1e-3


def test_a_source_without_a_group_that_is_large_enough_is_refused(recorder):
    with pytest.raises(ConfigError, match="no batch has 8 cells"):
        ViewsTask(recorder(7, 3), QUICK, model_of())


def test_half_the_cells_is_what_comes_next(recorder):
    source, model = recorder(100, 100), model_of(kind="bag")
    task = ViewsTask(source, settings(cells=9, smallest_group=2), model)
    flops = task.flops()
    assert (task.n_cells, task.halve(), task.n_cells, task.halve(), task.n_cells) == (9, True, 4, True, 2)
    assert not task.halve()
    task.losses(model, 0, 0, 1)
    assert source.asked[-1][1] == task.n_cells == 2
    assert task.flops() == pytest.approx(flops * 2 / 9)


def told(model, run):
    """Return what the decoder was told of the cells' groups."""
    found = []
    hook = model.decoder.groups.register_forward_pre_hook(lambda module, given: found.append(given[0].clone()))
    run()
    hook.remove()
    return found


@pytest.mark.parametrize(("dropout", "expected"), [(0.0, {0, 1}), (1.0, {2}), (0.5, {0, 1, 2})])
def test_the_decoder_is_told_the_group_but_for_the_share_that_is_dropped(dropout, expected, make_source):
    model = model_of()
    task = ViewsTask(make_source(), settings(group_dropout=dropout), model)
    seen = told(model, lambda: [task.losses(model, step, 0, 1) for step in range(8)])
    assert {group for each in seen for group in each.tolist()} == expected
    assert all(len(set(each.tolist()) - {2}) <= 1 for each in seen)


def test_processes_share_the_cells_of_a_step_and_its_panels(make_source):
    model = model_of()
    task = ViewsTask(make_source(), settings(weights=Weights(contrast=0)), model)
    seen = []
    hook = model.encoder.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    for rank in range(5):
        task.losses(model, 0, rank, 5)
    hook.remove()
    assert [cells.n_cells for cells in seen] == [5, 5, 5, 5, 5, 5, 5, 5, 4, 4]
    first, second = ({gene for cells in seen[at::2] for gene in cells.genes_T.tolist()} for at in (0, 1))
    assert not first & second


def test_validation_is_the_same_at_every_call_and_sees_held_out_cells_alone(make_source, recorder):
    source, held, model = recorder(50, 5, 50), recorder(50, 5, 50), model_of(n_groups=3)
    task = ViewsTask(source, QUICK, model, held_out=held)
    first = task.validate(model)
    task.losses(model, 0, 0, 1)
    asked = source.asked.copy()
    assert task.validate(model) == first
    assert sorted(first) == ["contrast", "unseen"]
    assert source.asked == asked
    assert {group for group, _ in held.asked} == {0, 2}
    assert task.validate(model_of(1, n_groups=3)) != first
    assert ViewsTask(source, QUICK, model).validate(model) == {}
    whole = told(model, lambda: task.validate(model))
    assert {group for each in whole for group in each.tolist()} == {0, 2}


def test_groups_without_held_out_cells_are_left_out_of_validation(recorder):
    held = recorder(50)
    held.cells = held.cells.rows(np.arange(1))
    assert ViewsTask(recorder(50), QUICK, model_of(), held_out=held).validate(model_of()) == {}


@pytest.mark.parametrize("kind", [{"kind": "bag"}, {}])
def test_training_beats_what_can_be_said_without_looking_at_the_cells(kind, make_source, tmp_path):
    model, source = model_of(**kind), make_source(400)
    # As pretraining does: so that only what is learned of cells tells the model from its blind copy.
    model.decoder.start_from(expressed_share(source, 512))
    task = ViewsTask(source, QUICK, model, held_out=make_source(60, seed=1))
    before = task.validate(model)
    engine = EngineConfig(steps=60, learning_rate=5e-3, validate_every=60, checkpoint_every=60)
    report = fit(model, task, engine, tmp_path)
    blind = task.validate(without_cells(model))
    assert report.validation == task.validate(model)
    assert report.validation["unseen"] < 0.98 * blind["unseen"]
    assert report.validation["unseen"] < before["unseen"]
    assert report.validation["contrast"] < before["contrast"]
    assert blind["contrast"] == pytest.approx(report.validation["contrast"])


@pytest.mark.parametrize(
    ("kind", "weights", "loss"),
    [
        (CAUSAL, Weights(unseen=0, contrast=0, next_gene=1), "next_gene"),
        ({"family": "generative"}, Weights(unseen=0, contrast=0, hidden=1), "hidden"),
        ({"encoding": "bins"}, Weights(unseen=0, contrast=0, hidden=0.01), "hidden"),
    ],
)
def test_models_of_tokens_learn_their_own_objective(kind, weights, loss, make_source, tmp_path):
    model = model_of(**kind)
    task = ViewsTask(make_source(200), settings(weights=weights), model, held_out=make_source(60, seed=1))
    before = task.validate(model)
    engine = EngineConfig(steps=15, learning_rate=1e-2, validate_every=15, checkpoint_every=15)
    report = fit(model, task, engine, tmp_path)
    assert sorted(report.validation) == [loss]
    assert report.validation[loss] < 0.9 * before[loss]


def alone(cells, cell, order=None):
    rows = torch.arange(int(cells.starts_B1[cell]), int(cells.starts_B1[cell + 1]))
    rows = rows if order is None else rows[order]
    return Packed(cells.genes_T[rows], cells.values_T[rows], torch.tensor([0, len(rows)]).int(), len(rows))


@pytest.mark.parametrize("family", ["masked", "generative"])
@torch.no_grad()
def test_hidden_values_are_asked_of_each_cell_without_having_been_shown(family, make_random):
    model, cells = model_of(family=family), make_random([6, 0, 9, 1], N_GENES)
    found = hidden_values(model, cells, 0.4, torch.Generator().manual_seed(3))
    hidden = torch.rand(16, generator=torch.Generator().manual_seed(3)) < 0.4
    errors = []
    for cell, (first, last) in enumerate(zip(cells.starts_B1[:-1].tolist(), cells.starts_B1[1:].tolist(), strict=True)):
        away = hidden[first:last]
        order = torch.argsort(away.int(), stable=True) if family == "generative" else torch.arange(last - first)
        mine, away = alone(cells, cell, order), away[order]
        shown = Packed(mine.genes_T, mine.values_T.masked_fill(away, -1), mine.starts_B1, mine.longest)
        known = (~away).sum()[None] if family == "generative" else None
        if last > first:
            errors += ((model.heads.values(model.encoder.embedded(shown, known)) - mine.values_T) ** 2)[away].tolist()
    assert len(errors) == int(hidden.sum()) > 3
    assert found.item() == pytest.approx(np.mean(errors), rel=1e-4)


@torch.no_grad()
def test_the_next_gene_is_guessed_from_the_higher_ones_of_the_cell(make_random):
    model, cells = model_of(**CAUSAL), make_random([5, 1, 0, 3], N_GENES)
    losses = []
    for cell in range(4):
        ranked = encoded(alone(cells, cell), "rank")
        for place in range(1, len(ranked.genes_T)):
            before = Packed(ranked.genes_T[:place], ranked.values_T[:place], torch.tensor([0, place]).int(), place)
            logits = model.heads.genes(model.encoder.embedded(before)[-1:]) @ model.encoder.genes.weight.T
            losses.append(F.cross_entropy(logits, ranked.genes_T[place : place + 1].long()).item())
    assert next_genes(model, cells).item() == pytest.approx(np.mean(losses), rel=1e-4)


def test_objectives_on_tokens_are_refused_where_they_make_no_sense(make_random):
    cells, generator = make_random([3], N_GENES), torch.Generator()
    with pytest.raises(ConfigError, match="a bag has no tokens"):
        hidden_values(model_of(kind="bag"), cells, 0.5, generator)
    with pytest.raises(ConfigError, match="a bag has no tokens"):
        next_genes(model_of(kind="bag"), cells)
    with pytest.raises(ConfigError, match="know the next gene"):
        next_genes(model_of(), cells)
