"""Logs go on where the checkpoint left them."""

import json
import sys

import pytest

from scarena.base.errors import ModelError, NotAvailable
from scarena.models.foundation.training.logs import Lines, Logs


def test_what_came_after_the_checkpoint_is_dropped(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = Lines(path, 0)
    lines.write({"step": 1})
    kept = lines.kept()
    lines.write({"step": 2})
    lines.close()
    with path.open("ab") as file:
        file.write(b'{"step"')
    again = Lines(path, kept)
    assert again.kept() == kept
    again.write({"step": 3})
    again.close()
    assert [json.loads(line) for line in path.read_text().splitlines()] == [{"step": 1}, {"step": 3}]


def test_a_log_that_has_become_shorter_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n")
    with pytest.raises(ModelError, match=r"a\.jsonl"):
        Lines(path, 100)
    assert path.read_text() == "{}\n"


def test_a_number_that_is_none_is_refused(tmp_path):
    lines = Lines(tmp_path / "a.jsonl", 0)
    with pytest.raises(ValueError, match="not JSON compliant"):
        lines.write({"loss": float("nan")})
    lines.close()


def test_tensorboard_gets_every_number_that_is_known(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    logs = Logs(tmp_path, {}, 0, tensorboard=True)
    logs.losses({"step": 2, "loss": 0.5, "losses": {"a": 0.25}})
    logs.timing({"step": 2, "mfu": None})
    logs.close()
    found = events.EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    scalars = {tag: [(each.step, each.value) for each in found.Scalars(tag)] for tag in found.Tags()["scalars"]}
    assert scalars == {"loss": [(2, 0.5)], "losses/a": [(2, 0.25)]}


def test_tensorboard_asked_for_and_not_installed_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(NotAvailable, match="TensorBoard"):
        Logs(tmp_path, {}, 0, tensorboard=True)
