"""A change to anything that scores are made by makes every score stale."""

from pathlib import Path

import pytest

from scarena.steps.record import metrics_fingerprint

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "name", ["metrics/lcad.py", "metrics/probes/linear.py", "benchmark/tasks/niche.py", "benchmark/base/folds.py"]
)
def test_another_line_in_a_file_is_another_fingerprint(name, monkeypatch):
    before, read, changed = metrics_fingerprint(), Path.read_bytes, (ROOT / name).resolve()
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * (path.resolve() == changed))
    assert changed.is_file() and metrics_fingerprint() != before


def test_nothing_else_changes_it():
    assert metrics_fingerprint() == metrics_fingerprint()
