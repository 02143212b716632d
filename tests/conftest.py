"""What several tests share: one cache of pulled files, the mirror where there is one, and a small set of cells."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from scarena.steps.supervise import compiled_folder

ROOT = Path(__file__).parent.parent
# Kernels are compiled once for all workers and the boards that they run; numba reads this when it is first imported.
COMPILED = compiled_folder(ROOT / ".cache")
os.environ.setdefault("NUMBA_CACHE_DIR", str(COMPILED / "numba"))
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(COMPILED / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from anndata import AnnData  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402
from scipy.sparse import csr_matrix  # noqa: E402

# How long an example takes is the machine's business: beside other work, deadlines fail tests that are right.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Groups that take minutes, the longest first: begun last, one of them would be waited for alone.
LONGEST = ("run", "page", "hostile-others", "slurm", "faults", "hostile-h5ad", "verify", "same_bytes")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Keep the tests of a file together, which share what it makes once, and begin with what takes longest.

    Refuse to run in workers that would share out a group: its tests share a folder, or the machine's Slurm.
    """
    for item in items:
        if not any(item.iter_markers("xdist_group")):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    place = {group: number for number, group in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(_group_of(item), len(place)))
    yield
    alone = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) < 2
    if not alone and not all("@" in item.nodeid for item in items):
        raise pytest.UsageError("groups are not kept together: run with --dist loadgroup, and pytest below 9.2")


def _group_of(item: pytest.Item) -> str:
    return str(next(iter(item.iter_markers("xdist_group"))).args[0])


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Run a test on one thread, then give back the number there was: small matrices only wait for each other."""
    import numba
    import torch

    before, loops = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    numba.set_num_threads(loops)


@pytest.fixture(scope="session")
def cache() -> Path:
    """The cache of pulled files: the checkout's own, so that one download serves the board and the tests."""
    place = Path(os.environ.get("SCARENA_CACHE", ROOT / ".cache"))
    # Tests link to it, and in a new checkout it is not there yet.
    place.mkdir(parents=True, exist_ok=True)
    return place


def some_cells(n_cells: int = 240, n_genes: int = 400, n_types: int = 3, seed: int = 0) -> AnnData:
    """Return counts with cell types and a batch effect that any integration method can find."""
    rng = np.random.default_rng(seed)
    types, batches = np.arange(n_cells) % n_types, (np.arange(n_cells) // n_types) % 2
    rates = rng.gamma(0.6, 2.0, (n_types, n_genes)) * rng.lognormal(0, 0.3, (2, 1, n_genes))
    counts = rng.poisson(rates[batches, types])
    data = AnnData(csr_matrix(counts.astype(np.int32)))
    data.obs_names = [f"cell{i}" for i in range(n_cells)]
    data.var_names = [f"ENSG{i:011d}" for i in range(n_genes)]
    data.var["symbol"] = [f"GENE{i}" for i in range(n_genes)]
    data.obs["batch"] = [f"batch{b}" for b in batches]
    data.obs["cell_type"] = [f"type{t}" for t in types]
    data.obs["cell_type_id"] = ""
    return data


@pytest.fixture(scope="session")
def make_cells() -> Callable[..., AnnData]:
    """The maker of small sets of cells."""
    return some_cells


@pytest.fixture
def cells() -> AnnData:
    """Two hundred and forty cells of three types in two batches."""
    return some_cells()


@pytest.fixture(scope="session")
def run_r():
    """Run an R script in a folder; skip the test, saying so, where R or its package Matrix is not installed."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("needs Rscript to write the files")
    asked = [rscript, "--vanilla", "-e", 'quit(status = 1 - requireNamespace("Matrix", quietly = TRUE))']
    if subprocess.run(asked, check=False, capture_output=True).returncode:
        pytest.skip("needs R's package Matrix to write the files")

    def run(script, folder):
        subprocess.run([rscript, "--vanilla", "-e", script], cwd=folder, check=True, capture_output=True)

    return run


_TISSUES = {"blood_a": "blood", "blood_b": "blood", "gut": "gut", "line": "line"}
_SKILL = {"pca": 0.7, "hvg": 0.6, "harmony": 0.75, "scarena-fm": 0.65, "random-64": 0.2, "labels": 0.99}


def _task_scores(task: object, dataset: str, value: float) -> dict[str, dict[str, object]]:
    """Return scores of one run: the further a metric is in the list of its task, the lower; random folds claim more."""
    from scarena.metrics.registry import METRICS

    reason = "one donor and one batch: none to hold out" if dataset == "line" else ""
    if task.name == "malignant" and dataset != "gut":
        reason = "the dataset does not say which cells are malignant"
    found = {}
    for place, key in enumerate(key for key in task.metrics() if key in METRICS):
        ends = {"_random": value + (1 - value) / 2, "_leak": (1 - value) / 2}
        told = next((ends[end] for end in ends if key.endswith(end)), value - place / 100)
        told = 1 - told if METRICS[key].better == "lower" else told
        # A run says nothing of how sure it is of what a random split would have claimed.
        low, high = (None, None) if key.endswith((*ends,)) else (round(told - 0.02, 4), round(told + 0.02, 4))
        ok = {"value": round(told, 4), "state": "ok", "reason": "", "low": low, "high": high}
        found[key] = {"value": None, "state": "not applicable", "reason": reason} if reason else ok
    return found


def made_task_board(*names: str) -> dict[str, object]:
    """Return a board of four datasets that nobody ran, which asks the tasks of these names; hvg failed on blood_b."""
    from scarena.board.make import compared
    from scarena.metrics.resampling import N_REPLICATES
    from scarena.tasks.registry import find_tasks

    cells, replicates, tasks = [], {}, find_tasks(names)
    for dataset, (place, model) in ((d, m) for d in _TISSUES for m in enumerate(_SKILL)):
        value = _SKILL[model] - 0.05 * list(_TISSUES).index(dataset) * (model not in ("labels", "random-64"))
        scores = {key: each for task in tasks for key, each in _task_scores(task, dataset, value).items()}
        lost = (dataset, model) == ("blood_b", "hvg")
        state = {"state": "failed(oom)" if lost else "ok", "reason": "no room" if lost else ""}
        cells.append({"dataset": dataset, "model": model, "seed": 0, **state, "scores": {} if lost else scores})
        noise = np.random.default_rng(place).normal(0, 0.01, N_REPLICATES)
        known = {key: each["value"] + noise for key, each in scores.items() if each["value"] is not None}
        drawn = [key for key in known if not key.endswith(("_random", "_leak"))]
        replicates[dataset, model, 0] = {key: known[key] for key in drawn}
    plain = ("baseline", None)
    kinds = {"random-64": ("control", "negative"), "labels": ("control", "positive"), "scarena-fm": ("foundation", "")}
    models = [
        {"name": name, "title": name.upper(), "family": kinds.get(name, plain)[0], "fingerprint": "f",
         "control": kinds.get(name, plain)[1] or None, "uses_labels": name == "labels",
         "trains_on_target": name == "harmony", "description": f"about {name}",
         "holds": ["types"] if name == "labels" else []}
        for name in _SKILL
    ]  # fmt: skip
    headline = tasks[0].headline
    return {
        "schema": 1, "board": "made", "title": "A made-up board of tasks", "headline": headline, "models": models,
        "datasets": [
            {"dataset": name, "state": "ok", "reason": "", "sources": {},
             "card": {"title": f"About {name}", "licence": "MIT", "tissue": tissue}}
            for name, tissue in _TISSUES.items()
        ],
        "cells": cells, **compared(cells, models, replicates, scaled=False, headline=headline), "timings": [],
        "provenance": {
            "versions": {"python": "3"}, "commits": ["c"], "seeds": [0], "cl_release": "v", "device": "cpu",
            "config": {"tasks": list(names)},
            "hardware": {"processor": "p", "cores": 2, "memory_gb": 1, "system": "s"},
        },
    }  # fmt: skip


@pytest.fixture(scope="session")
def make_task_board() -> Callable[..., dict[str, object]]:
    """The maker of small boards of tasks."""
    return made_task_board


def _cut(names: list[str], group_of: dict[str, str], order: list[str], n: int) -> list[tuple[list[str], list[str]]]:
    """Return what is learned from and what is asked about when every n-th of some groups is held out."""
    out = [set(order[start::n]) for start in range(n)]
    return [([x for x in names if group_of[x] not in held], [x for x in names if group_of[x] in held]) for held in out]


def made_responses(
    setting: str = "gene",
    *,
    n: int = 30,
    n_genes: int = 120,
    n_contexts: int = 1,
    n_folds: int = 5,
    noise: float = 0.05,
    common: float = 0.2,
    size: float = 0.3,
    weak: float = 0.1,
    cells: bool = True,
    seed: int = 0,
):
    """Return a dataset of n perturbations in each context, of which the first ten are of measured genes.

    Parameters
    ----------
    setting
        What is held out; ``pair`` is not made here.
    noise, common, size
        Standard deviations of the noise of a half, of the shift that all perturbations share, and of effects.
    weak
        What effects of every second perturbation are multiplied with: a replicate does not find them again.
    cells
        Whether there is a second half of everything.
    """
    import pandas as pd

    from scarena.datasets.response_truth import ResponseTruth, Split

    rng = np.random.default_rng([seed, n, n_genes, n_contexts])
    measured = tuple(f"ENSG{i:011d}" for i in range(n_genes))
    contexts = tuple(f"context{i}" for i in range(n_contexts))
    items = [(f"p{i:02d}", context) for context in contexts for i in range(n)]
    names = [f"{p} in {c}" for p, c in items]
    base = rng.gamma(1.0, 0.5, (n_contexts, n_genes))
    strong = np.where(np.arange(n) % 2 == 0, 1.0, weak)[:, None]
    effect = common * rng.normal(size=n_genes) + size * strong * rng.normal(size=(n, n_genes))
    row_of = np.array([contexts.index(c) for _, c in items])
    mean = base[row_of] + np.tile(effect, (n_contexts, 1))

    def half(of):
        return (of + noise * rng.normal(size=of.shape)).astype(np.float32)

    scored, shown = half(base), half(base)
    first, second = half(mean), half(mean)
    shown = shown if cells else scored
    t = np.abs(second - second.mean(axis=0)) / noise
    found = [np.corrcoef(a, b)[0, 1] for a, b in zip(first - scored[row_of], second - shown[row_of], strict=True)]
    profiles = pd.DataFrame(items, columns=["perturbation", "context"], index=names)
    profiles["targets"] = [measured[int(p[1:])] if int(p[1:]) < 10 else f"ENSG9{p[1:]}" for p, _ in items]
    profiles["n_cells"] = 50 if cells else 0
    profiles["reproducibility"] = found if cells else np.nan
    held = "context" if setting == "context" else "perturbation"
    groups = sorted(set(profiles[held]))
    folds = _cut(names, profiles[held].to_dict(), groups, min(n_folds, len(groups)))
    splits = [Split(f"fold{i}", "fold", tuple(t), tuple(a)) for i, (t, a) in enumerate(folds)]
    if setting == "gene" and n >= 30:
        order = [f"p{i:02d}" for i in rng.permutation(n)]
        asked = tuple(x for x in names if profiles.perturbation[x] in order[: n // 3])
        for k in (0, 5, 10, 20):
            told = tuple(x for x in names if profiles.perturbation[x] in order[n // 3 : n // 3 + k])
            splits.append(Split(f"reveal{k}", "reveal", told, asked))
    genes = pd.DataFrame({"symbol": measured}, index=list(measured))
    halves = {"duplicate": second, "strength": t.astype(np.float32), "doubt": np.exp(-t).astype(np.float32)}
    return ResponseTruth(
        setting, profiles, contexts, measured, genes, first, (first + second) / 2 if cells else first, scored, shown,
        tuple(splits), shared_control=not cells, **(halves if cells else {}),
    )  # fmt: skip


def answer_each(truth, answer: Callable[..., np.ndarray]) -> np.ndarray:
    """Return what is predicted of all rows: ``answer(truth, training rows, asked rows)`` of every split in turn."""
    row_of = truth.profiles.index.get_indexer
    answers = [answer(truth, row_of(list(split.training)), row_of(list(split.asked))) for split in truth.splits]
    return np.concatenate(answers).astype(np.float32)


@pytest.fixture(scope="session")
def make_responses():
    """The maker of small datasets of perturbations."""
    return made_responses


@pytest.fixture(scope="session")
def answered():
    """What a rule predicts of every row of a dataset of perturbations."""
    return answer_each
