"""The upstream side of an equality test: packages installed apart, run in a process of their own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

_SCRIPTS = Path(__file__).parent / "upstream"
Upstream = Callable[..., dict[str, np.ndarray]]


@pytest.fixture(scope="session")
def upstream(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    """Run a script of `upstream/` on a folder, with packages that only it can import; return the arrays it wrote.

    The packages come without what they depend on: the scripts import single modules of them, which need torch alone.
    """

    def run(script: str, folder: Path, *requirements: str) -> dict[str, np.ndarray]:
        # Compiled modules serve one version of Python alone.
        known = hashlib.sha256(" ".join((platform.python_version(), *requirements)).encode()).hexdigest()[:12]
        place = cache / "upstream" / known
        if requirements and not (place / ".ready").exists():
            made = tmp_path_factory.mktemp("upstream")
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(made)]
            done = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"pip has no {', '.join(requirements)}: {(done.stderr.splitlines() or ['?'])[-1]}")
            place.parent.mkdir(parents=True, exist_ok=True)
            (made / ".ready").touch()
            # Another process of the tests may have been faster: what it made is the same.
            with contextlib.suppress(OSError):
                made.rename(place)
        out = folder / "upstream.npz"
        environment = {**os.environ, "PYTHONPATH": str(place), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-P", str(_SCRIPTS / f"{script}.py"), str(folder), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr[-3000:]
        with np.load(out) as found:
            return dict(found)

    return run


@pytest.fixture(scope="session")
def bert_packages() -> tuple[str, ...]:
    """What transformers' BERT needs beside torch; from 5 on it does not run without all of its dependencies."""
    return ("transformers==4.57.1", "huggingface-hub==0.36.0", "tokenizers==0.22.1", "regex", "hf-xet")


@pytest.fixture(scope="session")
def human_cells() -> Callable[..., AnnData]:
    """The maker of cells over genes that the tiny checkpoints know, some of which they do not, of unlike depths."""
    from scarena.models.adapters.shared.example import genes

    def make(n_cells: int = 12, seed: int = 0, distinct: bool = False) -> AnnData:
        rng = np.random.default_rng(seed)
        names = {**genes(), "ENSG99999999998": "NOTAGENE1", "ENSG99999999999": "NOTAGENE2"}
        depth = np.exp(np.linspace(-3, 1.5, n_cells))[:, None]
        counts = rng.poisson(depth * rng.gamma(0.5, 2.0, (n_cells, len(names)))).astype(np.int32)
        if distinct:
            # No two counts of a cell are the same: what is ranked then has one order.
            counts = np.where(counts > 0, rng.permuted(np.tile(np.arange(1, len(names) + 1), (n_cells, 1)), axis=1), 0)
        data = AnnData(csr_matrix(counts.astype(np.int32)))
        data.obs_names = [f"cell{i}" for i in range(n_cells)]
        data.var_names = list(names)
        data.var["symbol"] = list(names.values())
        data.obs["batch"] = [f"batch{i % 2}" for i in range(n_cells)]
        return data

    return make
