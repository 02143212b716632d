"""A folder with a small board that pulls, pretrains, embeds and scores; how to start, watch and kill its driver."""

import base64
import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml

from scarena.base.files import read_json
from scarena.cli.own_dataset import add_dataset
from scarena.cli.own_reader import OwnFile
from scarena.report.html import render

OTHER = {"name": "other-sample", "path": "other.h5ad", "batch": "batch"}
TINY = {
    "name": "tiny",
    "corpus": {"name": "made-up", "h5ad": [OTHER], "min_cells": 1},
    "gene_features": 0,
    "model": {"gene_width": 8, "width": 32, "heads": 2, "layers": 1, "feed_forward": 16, "embedding": 8},
    "task": {"cells": 16, "tokens": 16, "views": {"targets": 8, "zeros": 4}},
    "engine": {"steps": 60, "validate_every": None, "checkpoint_every": 4},
    "threads": 1,
}  # fmt: skip
BOARD = {
    "board": "b", "datasets": ["mine"], "models": ["pca", "random-2", "scarena-fm@tiny"], "pretrain": ["tiny.yaml"],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in which boards are made."""

    folder: Path

    @property
    def results(self) -> Path:
        return self.folder / "results" / "b"

    def start(self, *more, **env):
        # In the background of a shell SIGINT is ignored, under nohup SIGHUP, and children would go on ignoring them.
        # Not by a preexec_fn: it forks this process, in which JAX may have threads by then.
        listening = ["env", "--default-signal=INT,TERM,HUP"]
        command = [sys.executable, "-m", "scarena.cli", "run", "--config", "b.yaml", "--cores", "2", *more]
        return subprocess.Popen(
            [*listening, *command], cwd=self.folder, env={**os.environ, **env}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, *more, **env):
        process = self.start(*more, **env)
        output, _ = process.communicate(timeout=1200)
        return process.returncode, output

    def content(self):
        """Return the board without what no two runs share."""
        board = read_json(self.results / "board.json")
        assert board.pop("timings")
        return board

    @staticmethod
    def tree(process):
        """Return a process and all below it."""
        try:
            parent = psutil.Process(process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    @staticmethod
    def steps(processes):
        """Return the steps that run among processes: (verb, the file it makes)."""
        found = set()
        for process in processes:
            try:
                command = process.cmdline()
            except psutil.Error:
                continue
            names = [number for number, part in enumerate(command) if Path(part).name == "scarena"]
            if names and "--out" in command:
                found.add((command[names[0] + 1], command[command.index("--out") + 1]))
        return found

    @staticmethod
    def kill(processes):
        """Kill them all at once, as a machine that loses its power does."""
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        psutil.wait_procs(processes, timeout=30)

    def unfinished(self):
        """Return the files that snakemake holds as being made: it notes a step's end moments after the process's."""
        marks = self.folder / ".snakemake/incomplete"
        names = ["".join(p.relative_to(marks).parts).replace("@", "") for p in marks.rglob("*") if p.is_file()]
        return {base64.urlsafe_b64decode(name).decode() for name in names}

    def survivors(self):
        """Return processes that still work in the folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.cwd() == str(self.folder) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def page(self):
        """Return the page of the board, had it taken no time."""
        return render({**read_json(self.results / "board.json"), "timings": []}, self.results)


@pytest.fixture(scope="session")
def make_place(tmp_path_factory, cache, make_cells):
    """A maker of folders with the same board each, and a cache of their own but for what was pulled and compiled."""
    from scarena.datasets.genes import gene_table

    genes = sorted(gene_table(cache=cache, mirror=None).symbol_to_id)

    def make(name, folder=None):
        folder = folder or tmp_path_factory.mktemp(name)
        (folder / ".cache").mkdir()
        for kept in ("sha256", "members", "compiled", "ontology"):
            (cache / kept).mkdir(parents=True, exist_ok=True)
            (folder / ".cache" / kept).symlink_to((cache / kept).absolute())
        # Read where it lies, so that its card, which names it, is the same in every folder.
        shared = tmp_path_factory.getbasetemp() / "mine.h5ad"
        for path, n_cells in ((shared, 240), (folder / "other.h5ad", 80)):
            data = make_cells(n_cells=n_cells, seed=n_cells)
            data.var_names = genes[: data.n_vars]
            if not path.exists():
                data.write_h5ad(path)
        (folder / "map.yaml").write_text("type0: CL:0000236\ntype1: CL:0000084\ntype2: CL:0000576\n")
        own = OwnFile(shared, "batch", "cell_type", ontology_map=folder / "map.yaml")
        add_dataset(own, name=None, folder=folder / "config/datasets")
        (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
        (folder / "b.yaml").write_text(yaml.safe_dump(BOARD))
        return Place(folder)

    return make


@pytest.fixture(scope="session")
def undisturbed(make_place):
    """The board that nothing happened to."""
    place = make_place("undisturbed")
    code, output = place.run()
    assert code == 0, output[-3000:]
    return place
