"""The engine trains as a plain loop would, stops before harm is done, and says where."""

import json
import logging
import math

import pytest
import torch
from torch import nn

from scarena.base.errors import ModelError
from scarena.base.files import read_json, write_json
from scarena.base.progress import LOGGER
from scarena.models.foundation.training.config import EngineConfig
from scarena.models.foundation.training.ema import effective_decay
from scarena.models.foundation.training.loop import fit
from scarena.models.foundation.training.schedule import progress_of_step, share_of_peak

SHORT = EngineConfig(steps=6, learning_rate=1e-2, validate_every=3, checkpoint_every=2)


def changed(**settings):
    return EngineConfig.model_validate({**SHORT.model_dump(), **settings})


def rows(folder, name="losses.jsonl"):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def steps_of(folder):
    return [row for row in rows(folder) if "loss" in row]


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


def by_hand(model, task, config):
    """Train without the engine, in the plainest way."""
    vectors = [value for value in model.parameters() if value.ndim < 2]
    matrices = [value for value in model.parameters() if value.ndim == 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    optimiser, losses = torch.optim.AdamW(groups, betas=config.betas), []
    for step in range(config.steps):
        optimiser.zero_grad()
        loss = sum(task.losses(model, step, 0, 1).values())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        for group in optimiser.param_groups:
            share = share_of_peak(progress_of_step(step, config.steps), config.warm_up, config.decay)
            group["lr"] = config.learning_rate * share
        optimiser.step()
        losses.append(loss.item())
    return losses


def test_the_engine_trains_as_a_plain_loop(tiny, tmp_path):
    model, plain = tiny.Tiny(), tiny.Tiny()
    report = fit(model, tiny.Regression(), SHORT, tmp_path)
    expected = by_hand(plain, tiny.Regression(), SHORT)
    assert [row["loss"] for row in steps_of(tmp_path)] == pytest.approx(expected, rel=1e-6)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=1e-5, atol=1e-6)
    assert report.losses == steps_of(tmp_path)[-1]["losses"]
    assert (report.steps, report.resumed_at, report.halved_at) == (6, None, None)
    assert not model.training


@pytest.mark.parametrize(("budget", "unit"), [({"steps": 6}, "steps"), ({"steps": None, "seconds": 60.0}, "s")])
def test_it_tells_how_far_it_is(budget, unit, tiny, tmp_path, caplog, monkeypatch):
    ticks = iter(range(0, 100_000, 5))
    monkeypatch.setattr(logging.getLogger(LOGGER), "handlers", [caplog.handler])
    with caplog.at_level("INFO", logger=LOGGER):
        fit(tiny.Tiny(), tiny.Regression(), changed(**budget, log_every=1), tmp_path, clock=lambda: next(ticks))
    told = [record for record in caplog.records if record.name == LOGGER]
    assert {(record.getMessage(), record.unit) for record in told} == {("training", unit)}
    assert told[-1].done <= told[-1].of == (6 if unit == "steps" else 60.0)
    assert told[0].note.startswith("loss ")


def test_training_lowers_the_loss_on_other_cells(tiny, tmp_path):
    report = fit(tiny.Tiny(), tiny.Regression(64), changed(steps=150, validate_every=150), tmp_path)
    first, last = (row["validation"]["square"] for row in rows(tmp_path) if "validation" in row)
    assert report.validation == {"square": last}
    assert last < 0.8 * first


def test_the_seed_decides_the_dropout_and_the_callers_generator_is_left_alone(tiny, tmp_path):
    before = torch.get_rng_state()
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        fit(tiny.Tiny(dropout=0.5), tiny.Regression(), changed(seed=seed), tmp_path / name)
    assert torch.equal(torch.get_rng_state(), before)
    first, again, other = ((tmp_path / name / "losses.jsonl").read_bytes() for name in ("first", "again", "other"))
    assert first == again != other


def test_how_often_it_validates_changes_nothing_that_is_learnt(tiny, tmp_path):
    often, never, task = tiny.Tiny(dropout=0.5), tiny.Tiny(dropout=0.5), tiny.Regression()
    task.validate = lambda model: {"drawn": float(torch.rand(()))}
    fit(often, task, changed(validate_every=1), tmp_path / "often")
    report = fit(never, task, changed(validate_every=None), tmp_path / "never")
    assert report.validation == {}
    assert same(often.state_dict(), never.state_dict())


def test_a_step_in_parts_is_the_step_as_a_whole(tiny, tmp_path):
    whole, parts = tiny.Tiny(), tiny.Tiny()
    fit(whole, tiny.Regression(), SHORT, tmp_path / "whole")
    fit(parts, tiny.Regression(), changed(accumulate=4), tmp_path / "parts")
    for expected, found in zip(steps_of(tmp_path / "whole"), steps_of(tmp_path / "parts"), strict=True):
        assert found["losses"] == pytest.approx(expected["losses"], rel=1e-4)
        assert found["gradient"] == pytest.approx(expected["gradient"], rel=1e-4)


def test_the_mean_of_the_weights_is_validated_and_kept(tiny, tmp_path):
    plain, mean, task, history = tiny.Tiny(), tiny.Tiny(), tiny.Regression(), []
    losses = task.losses
    task.losses = lambda model, *given: history.append(model.head.weight.detach().clone()) or losses(model, *given)
    fit(plain, task, SHORT, tmp_path / "plain")
    report = fit(mean, tiny.Regression(), changed(ema=0.9), tmp_path / "mean")
    learnt = [[row["losses"] for row in steps_of(tmp_path / name)] for name in ("plain", "mean")]
    assert learnt[0] == learnt[1]
    expected = history[0]
    for update, after in enumerate([*history[1:], plain.head.weight.detach()]):
        expected = expected + (1 - effective_decay(0.9, update)) * (after - expected)
    torch.testing.assert_close(mean.head.weight.detach(), expected)
    with torch.no_grad():
        assert tiny.Regression().validate(mean) == report.validation


def test_bfloat16_is_near_float32_and_the_weights_stay_float32(tiny, tmp_path):
    model = tiny.Tiny()
    fit(tiny.Tiny(), tiny.Regression(), SHORT, tmp_path / "fp32")
    fit(model, tiny.Regression(), changed(precision="bf16"), tmp_path / "bf16")
    exact, rounded = ([row["loss"] for row in steps_of(tmp_path / name)] for name in ("fp32", "bf16"))
    assert rounded == pytest.approx(exact, rel=0.03)
    assert rounded != exact
    assert {value.dtype for value in model.parameters()} == {torch.float32}


class Spoilt:
    """A task of which one step goes wrong."""

    def __init__(self, task, at, loss=None, gradient=False):
        self.task, self.at, self.loss, self.gradient, self.flops = task, at, loss, gradient, task.flops
        self.n_cells, self.validate = task.n_cells, task.validate

    def losses(self, model, step, rank, world):
        found = self.task.losses(model, step, rank, world)
        if step == self.at and self.loss is not None:
            found["square"] = found["square"] * self.loss
        if step == self.at and self.gradient:
            # The root of zero: the loss is finite, its slope is not.
            found["size"] = found["size"] + (model.head.bias * 0).sum().sqrt()
        return found


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [({"loss": math.nan}, "loss square is nan at step 4"), ({"loss": math.inf}, "loss square is inf at step 4"),
     ({"gradient": True}, "the gradient's norm is (nan|inf) at step 4")],
)  # fmt: skip
def test_what_is_not_finite_stops_before_the_update_and_the_last_good_state_is_saved(spoilt, said, tiny, tmp_path):
    model, good = tiny.Tiny(dropout=0.2), tiny.Tiny(dropout=0.2)
    with pytest.raises(ModelError, match=said):
        fit(model, Spoilt(tiny.Regression(), 4, **spoilt), SHORT, tmp_path / "spoilt")
    with pytest.raises(tiny.Stop):
        fit(good, tiny.Stopping(4), SHORT, tmp_path / "good")
    assert same(model.state_dict(), good.state_dict())
    assert [row["step"] for row in steps_of(tmp_path / "spoilt")] == [1, 2, 3, 4]
    # With the cause mended, it goes on as if nothing had been.
    unbroken = tiny.Tiny(dropout=0.2)
    fit(unbroken, tiny.Regression(), SHORT, tmp_path / "unbroken")
    assert fit(model, tiny.Regression(), SHORT, tmp_path / "spoilt").resumed_at == 4
    assert same(model.state_dict(), unbroken.state_dict())
    logs = [(tmp_path / name / "losses.jsonl").read_bytes() for name in ("spoilt", "unbroken")]
    assert logs[0] == logs[1]


def test_a_validation_that_is_not_finite_is_named(tiny, tmp_path):
    task = tiny.Regression()
    task.validate = lambda model: {"square": math.nan}
    with pytest.raises(ModelError, match="validation gave square = nan after step 0"):
        fit(tiny.Tiny(), task, SHORT, tmp_path)


@pytest.mark.parametrize("losses", [{}, {"a": torch.zeros(2)}])
def test_losses_that_are_no_numbers_are_refused(losses, tiny, tmp_path):
    task = tiny.Regression()
    task.losses = lambda *given: losses
    with pytest.raises(ModelError, match="no losses"):
        fit(tiny.Tiny(), task, SHORT, tmp_path)


class Greedy:
    """A task whose memory runs out at some steps, for batches above a size."""

    def __init__(self, task, fits, error, steps=(3,)):
        self.task, self.fits, self.error, self.steps = task, fits, error, steps
        self.validate, self.flops = task.validate, task.flops

    @property
    def n_cells(self):
        return self.task.n_cells

    def losses(self, model, step, rank, world):
        found = self.task.losses(model, step, rank, world)
        if step in self.steps and self.n_cells > self.fits:
            torch.rand(7)
            raise self.error
        return found

    def halve(self):
        self.task.n_cells //= 2
        return True


MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize("error", MEMORY)
def test_out_of_memory_the_batch_is_halved_once_and_a_resumed_run_knows(error, tiny, tmp_path, caplog):
    model, again = tiny.Tiny(dropout=0.2), tiny.Tiny(dropout=0.2)
    report = fit(model, Greedy(tiny.Regression(16), 8, error), SHORT, tmp_path / "whole")
    assert report.halved_at == 3
    assert "half the batch" in caplog.text
    assert len(steps_of(tmp_path / "whole")) == 6
    task = Greedy(tiny.Stopping(5, n_cells=16), 8, error)
    with pytest.raises(tiny.Stop):
        fit(tiny.Tiny(dropout=0.2), task, SHORT, tmp_path / "parts")
    task = Greedy(tiny.Regression(16), 8, error, steps=())
    assert fit(again, task, SHORT, tmp_path / "parts").halved_at == 3
    assert task.n_cells == 8
    assert same(model.state_dict(), again.state_dict())


def test_the_first_steps_are_those_of_the_whole_batch_and_the_others_of_half_of_it(tiny, tmp_path):
    task = tiny.Regression(16)
    losses = task.losses

    def smaller(model, step, rank, world):
        task.n_cells = 16 if step < 3 else 8
        return losses(model, step, rank, world)

    task.losses = smaller
    fit(tiny.Tiny(dropout=0.2), task, SHORT, tmp_path / "smaller")
    fit(tiny.Tiny(dropout=0.2), Greedy(tiny.Regression(16), 8, MemoryError()), SHORT, tmp_path / "greedy")
    fit(tiny.Tiny(dropout=0.2), tiny.Regression(16), SHORT, tmp_path / "plain")
    smaller, greedy, plain = (steps_of(tmp_path / name) for name in ("smaller", "greedy", "plain"))
    assert greedy == smaller
    assert greedy[:3] == plain[:3]
    assert greedy[3]["loss"] != plain[3]["loss"]


def test_out_of_memory_again_stops_with_the_last_good_state(tiny, tmp_path):
    model = tiny.Tiny()
    with pytest.raises(ModelError, match="step 3: out of memory although the batch was halved at 3"):
        fit(model, Greedy(tiny.Regression(16), 4, MemoryError()), SHORT, tmp_path)
    manifests = [read_json(path) for path in sorted(tmp_path.glob("state/*/manifest.json"))]
    assert max(each["at"]["step"] for each in manifests) == 3


def test_a_task_that_cannot_be_halved_stops(tiny, tmp_path):
    task = Greedy(tiny.Regression(16), 8, MemoryError())
    task.halve = lambda: False
    with pytest.raises(ModelError, match="cannot halve"):
        fit(tiny.Tiny(), task, SHORT, tmp_path)


def test_other_errors_of_a_task_are_its_own(tiny, tmp_path):
    with pytest.raises(RuntimeError, match="something else"):
        fit(tiny.Tiny(), Greedy(tiny.Regression(16), 8, RuntimeError("something else")), SHORT, tmp_path)


def test_a_completed_run_is_not_run_again(tiny, tmp_path):
    model, again = tiny.Tiny(), tiny.Tiny(seed=5)
    first = fit(model, tiny.Regression(), changed(ema=0.9), tmp_path)
    logs = (tmp_path / "losses.jsonl").read_bytes()
    second = fit(again, tiny.Stopping(0), changed(ema=0.9), tmp_path)
    assert same(model.state_dict(), again.state_dict())
    assert (second.resumed_at, second.losses, second.validation) == (6, first.losses, first.validation)
    assert (tmp_path / "losses.jsonl").read_bytes() == logs


@pytest.mark.parametrize(
    ("config", "width", "identity", "said"),
    [
        ({"learning_rate": 0.02}, 8, {}, "config.learning_rate is 0.01 there and 0.02 here"),
        ({"ema": 0.9}, 8, {}, "config.ema is None there and 0.9 here"),
        ({}, 9, {}, r"model.head.weight is float32\[1, 8\] there and float32\[1, 9\] here"),
        ({}, 8, {"corpus": "b"}, "task.corpus is a there and b here"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_and_the_difference_named(config, width, identity, said, tiny, tmp_path):
    fit(tiny.Tiny(), tiny.Regression(), SHORT, tmp_path, identity={"corpus": "a"})
    before, model = (tmp_path / "losses.jsonl").read_bytes(), tiny.Tiny()
    model.head = nn.Linear(width, 1)
    with pytest.raises(ModelError, match=said):
        fit(model, tiny.Regression(), changed(**config), tmp_path, identity={"corpus": "a", **identity})
    assert (tmp_path / "losses.jsonl").read_bytes() == before


def test_a_checkpoint_of_another_torch_is_refused(tiny, tmp_path, monkeypatch):
    fit(tiny.Tiny(), tiny.Regression(), SHORT, tmp_path)
    monkeypatch.setattr(torch, "__version__", "1.0.0")
    with pytest.raises(ModelError, match=r"torch is .* there and 1\.0\.0 here"):
        fit(tiny.Tiny(), tiny.Regression(), SHORT, tmp_path)


def test_a_checkpoint_of_another_kind_of_device_is_refused(tiny, tmp_path):
    fit(tiny.Tiny(), tiny.Regression(), SHORT, tmp_path)
    for path in sorted(tmp_path.glob("state/*/manifest.json")):
        manifest = read_json(path)
        write_json(path, {**manifest, "identity": {**manifest["identity"], "device": "cuda"}})
    with pytest.raises(ModelError, match="device is cuda there and cpu here"):
        fit(tiny.Tiny(), tiny.Regression(), SHORT, tmp_path)


def test_how_often_it_saves_may_differ_on_resuming(tiny, tmp_path):
    with pytest.raises(tiny.Stop):
        fit(tiny.Tiny(), tiny.Stopping(4), SHORT, tmp_path)
    assert fit(tiny.Tiny(), tiny.Regression(), changed(checkpoint_every=5), tmp_path).resumed_at == 4


class Clock:
    """A clock that a task moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_budget_in_seconds_is_kept_and_the_rate_follows_the_clock(tiny, tmp_path):
    clock, task = Clock(), tiny.Regression()
    losses = task.losses

    def slow(*given):
        clock.now += 2.0
        return losses(*given)

    task.losses = slow
    config = EngineConfig(seconds=21, warm_up=0.2, decay=0.4, learning_rate=1.0, validate_every=None)
    report = fit(tiny.Tiny(), task, config, tmp_path, clock=clock)
    # Ten steps of two seconds; an eleventh would end beyond the limit.
    assert (report.steps, report.seconds) == (10, 20.0)
    expected = [share_of_peak(2 * step / 21, 0.2, 0.4) for step in range(10)]
    assert [row["rate"] for row in rows(tmp_path)] == pytest.approx(expected)


def test_a_budget_too_short_for_a_step_gets_one(tiny, tmp_path):
    config = EngineConfig(seconds=1e-9, validate_every=None)
    assert fit(tiny.Tiny(), tiny.Regression(), config, tmp_path).steps == 1


def test_timing_is_kept_apart_and_what_is_unknown_is_null(tiny, tmp_path):
    fit(tiny.Tiny(), tiny.Regression(), changed(log_every=4), tmp_path)
    lines = rows(tmp_path, "timing.jsonl")
    assert [line["step"] for line in lines] == [4, 6]
    assert all(line["mfu"] is None and line["cells_per_second"] > 0 for line in lines)
    assert lines[0]["seconds"] < lines[1]["seconds"]
    logged = rows(tmp_path)
    assert [(row["step"], "loss" in row) for row in logged] == [
        (0, False),
        (3, False),
        (4, True),
        (6, True),
        (6, False),
    ]
    assert {key for row in logged for key in row} == {"step", "loss", "losses", "gradient", "rate", "validation"}


@pytest.mark.parametrize("wanted", [True, False])
def test_the_model_is_compiled_when_asked_for(wanted, tiny, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(nn.Module, "compile", lambda module: asked.append(type(module).__name__))
    fit(tiny.Tiny(), tiny.Regression(), changed(compile=wanted), tmp_path)
    assert asked == ["Tiny"] * wanted


def test_frozen_weights_stay(tiny, tmp_path):
    model = tiny.Tiny()
    model.inward.requires_grad_(False)
    before = weights(model)
    fit(model, tiny.Regression(), SHORT, tmp_path)
    after = weights(model)
    assert {name for name in before if torch.equal(before[name], after[name])} == {"inward.weight", "inward.bias"}
