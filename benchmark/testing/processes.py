"""The checks that need processes of their own: a run through `scarena embed`, one that is killed, and one after it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import cached_property
from pathlib import Path

import numpy as np
import psutil

from scarena.base.errors import NotApplicable
from scarena.base.files import read_json, write_json, write_text
from scarena.models.base import ModelCard
from scarena.models.embedding import read_embedding
from scarena.steps.config import BoardConfig
from scarena.steps.record import Record
from scarena.testing.cells import conformance_cells
from scarena.testing.child import HOLD, NAME, REFUSED, write_package
from scarena.testing.outcome import Violation
from scarena.testing.subject import Subject

LIMIT_MB = 2048
_PATIENCE_S = 300
_BASELINE = "import anndata, psutil; print(psutil.Process().memory_info().rss / 2**20)"


class Stage:
    """A folder with a prepared dataset and a board's settings, in which `scarena embed` runs the model under test.

    Parameters
    ----------
    subject, card
        The model.
    folder
        An empty folder.
    shared
        A cache that outlives the stage, for the environment that the card may ask for.
    python
        The Python of that environment, or this one.
    """

    def __init__(self, subject: Subject, card: ModelCard, folder: Path, shared: Path, python: Path) -> None:
        from scarena.datasets.prepared import write_prepared

        self.folder, self.mark = folder.resolve(), folder.resolve() / "began"
        self.cells, self.shared, self.python = conformance_cells(), shared.absolute(), python
        write_package(self.folder / "package", subject, card.model_dump(mode="json"), self.mark)
        write_prepared(self.cells, self.folder / "dataset.h5ad")
        write_json(self.folder / "dataset.json", {"dataset": "conformance", "state": "ok", "reason": ""})

    def _command(self, run: str) -> list[str]:
        # Every run has a cache of its own, but for the environment, which takes minutes to make.
        environments = self.folder / run / "cache" / "environments"
        if not environments.exists():
            (self.shared / "environments").mkdir(parents=True, exist_ok=True)
            environments.parent.mkdir(parents=True, exist_ok=True)
            environments.symlink_to(self.shared / "environments")
        settings = BoardConfig(board="conformance", datasets=["conformance"], models=[NAME], cache=Path(run) / "cache")
        write_text(self.folder / run / "settings.json", settings.model_dump_json())
        where = ["dataset.json", "--out", f"{run}/record.json", "--settings", f"{run}/settings.json"]
        return [sys.executable, "-m", "scarena.cli", "embed", NAME, *where]

    def _start(self, run: str, *, hold: bool = False) -> subprocess.Popen[str]:
        self.mark.unlink(missing_ok=True)
        path = os.pathsep.join([str(self.folder / "package"), *filter(None, [os.environ.get("PYTHONPATH")])])
        env = {**os.environ, "PYTHONPATH": path, "SCARENA_MIRROR": "", HOLD: "1" if hold else ""}
        return subprocess.Popen(
            self._command(run), cwd=self.folder, env=env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def _finished(self, run: str) -> Record:
        output, _ = self._start(run).communicate()
        file = self.folder / run / "record.json"
        if not file.exists():
            raise Violation(f"`scarena embed` left no record: {output.strip().splitlines()[-1:]}")
        record = Record.model_validate(read_json(file))
        if record.state == "not applicable":
            raise NotApplicable(record.reason, where=NAME, fix="none needed")
        if record.state != "ok":
            raise Violation(f"`scarena embed`: {record.state}: {record.reason}")
        return record

    @cached_property
    def undisturbed(self) -> Record:
        """The record of a run from beginning to end."""
        return self._finished("undisturbed")

    @cached_property
    def left_by_kill(self) -> list[str]:
        """Kill a run, and all its processes, half-way through the model; return the files it left that count."""
        seconds = self.cells.n_obs / (self.undisturbed.cost.cells_per_s or 1) if self.undisturbed.cost else 0.0
        process = self._start("killed", hold=True)
        deadline = time.monotonic() + _PATIENCE_S
        while not self.mark.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(seconds / 2)
        if process.poll() is not None:
            raise Violation(f"the second run ended by itself: {process.communicate()[0].strip()[-200:]}")
        _kill_tree(process)
        return sorted(name for name in ("embedding.npz", "record.json") if (self.folder / "killed" / name).exists())

    @cached_property
    def resumed(self) -> Record:
        """The record of the same command after the kill."""
        _ = self.left_by_kill
        return self._finished("killed")

    @cached_property
    def baseline_mb(self) -> float:
        """Resident MiB of a process that has imported anndata and done nothing."""
        done = subprocess.run([str(self.python), "-c", _BASELINE], capture_output=True, text=True, check=True)
        return float(done.stdout)


def _kill_tree(process: subprocess.Popen[str]) -> None:
    # The worker leads a session of its own and would survive its parent.
    root = psutil.Process(process.pid)
    for each in [root, *root.children(recursive=True)]:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    process.communicate()


def names(stage: Stage) -> None:
    """Every cell of the dataset is named once in embedding.npz."""
    _ = stage.undisturbed
    _, found = read_embedding(stage.folder / "undisturbed" / "embedding.npz")
    if sorted(map(str, found)) != sorted(stage.cells.obs_names):
        raise Violation(f"{len(set(map(str, found)))} names for {stage.cells.n_obs} cells")


def offline(stage: Stage) -> None:
    """A run in which every connection is refused ends well."""
    try:
        _ = stage.undisturbed
    except Violation as why:
        log = stage.folder / "undisturbed" / "record.log"
        if REFUSED in str(why) or (log.exists() and REFUSED in log.read_text(encoding="utf-8", errors="replace")):
            raise Violation(f"it asked for the network: {why}") from None
        raise


def resume(stage: Stage) -> None:
    """A killed run leaves nothing that counts as finished; run again it gives the bytes of an undisturbed one."""
    if stage.left_by_kill:
        raise Violation(f"a killed run left {', '.join(stage.left_by_kill)}")
    if stage.resumed.embedding_sha256 != stage.undisturbed.embedding_sha256:
        first, again = (read_embedding(stage.folder / run / "embedding.npz")[0] for run in ("undisturbed", "killed"))
        gap = np.abs(first - again).max() if first.shape == again.shape else f"shape {again.shape}"
        raise Violation(f"other numbers after the kill (largest difference {gap})")


def memory(stage: Stage) -> None:
    """The peak of a run's processes stays within the limit."""
    cost = stage.undisturbed.cost
    used = (cost.peak_rss_mb if cost else 0.0) - stage.baseline_mb
    if used > LIMIT_MB:
        raise Violation(f"{used:.0f} MiB above {stage.baseline_mb:.0f} of the imports, for {stage.cells.n_obs} cells")
