"""A run that is killed and resumed ends as one that was not, bit for bit."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from scarena.models.foundation.training.loop import fit


def killed(tiny, folder, lines):
    """Train in another process and kill it once it has logged so many lines."""
    command = [sys.executable, str(Path(tiny.__file__)), "kill", str(folder)]
    log = folder / "losses.jsonl"
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            if log.exists() and log.read_bytes().count(b"\n") >= lines:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.002)
    return process.returncode


def test_a_killed_run_ends_as_an_unbroken_one_bit_for_bit(tiny, tmp_path):
    unbroken, broken = tiny.Tiny(dropout=0.2), tiny.Tiny(dropout=0.2)
    fit(unbroken, tiny.Regression(), tiny.KILLED, tmp_path / "unbroken")
    # 30 steps and six validations; which step it is shall not matter, so it is another one at each call of the test.
    first, second = np.sort(np.random.default_rng().choice(np.arange(2, 30), 2, replace=False)).tolist()
    folder = tmp_path / "broken"
    assert killed(tiny, folder, first) == -signal.SIGKILL, first
    with (folder / "losses.jsonl").open("ab") as log:
        log.write(b'{"step": 99, "loss"')
    assert killed(tiny, folder, second + 1) == -signal.SIGKILL, (first, second)
    report = fit(broken, tiny.Regression(), tiny.KILLED, folder)
    assert report.resumed_at is not None
    expected = (tmp_path / "unbroken" / "losses.jsonl").read_bytes()
    assert (folder / "losses.jsonl").read_bytes() == expected, (first, second)
    assert expected.count(b"\n") == 36
    other = broken.state_dict()
    assert all(torch.equal(value, other[name]) for name, value in unbroken.state_dict().items())
    assert not list(folder.rglob("*.pt")) + list(folder.rglob("*.pkl"))
