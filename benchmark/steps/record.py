"""Records: what every step leaves beside its results, written last, so that its presence means the step is complete."""

from __future__ import annotations

import hashlib
import inspect
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from scarena import ROOT, __version__

State = Literal["ok", "failed(oom)", "failed(timeout)", "failed(error)", "not applicable", "not available"]

# What changes a result when its version changes.
_PACKAGES = (
    "torch", "numpy", "scipy", "pandas", "anndata", "scanpy", "scikit-learn", "scib-metrics", "harmonypy", "scvi-tools",
    "jax", "umap-learn", "leidenalg", "cellxgene-ontology-guide",
)  # fmt: skip


class Cost(BaseModel):
    """What a step used."""

    model_config = ConfigDict(extra="forbid")

    wall_s: float
    cpu_s: float
    peak_rss_mb: float
    peak_vram_mb: float | None = None
    cells_per_s: float | None = None


class Record(BaseModel):
    """One run: a model on a dataset with a seed."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = 1
    dataset: str
    model: str
    seed: int
    state: State
    reason: str = ""
    dimension: int | None = None
    n_cells: int | None = None
    embedding_sha256: str | None = None
    exit_code: int | None = None
    device: str = "cpu"
    log: str = ""
    notes: tuple[str, ...] = ()
    """What the model decided for these cells, as it says itself."""
    cost: Cost | None = None
    submitted: bool = False
    """Whether somebody else computed the vectors: there is no cost then, and the card is their word."""
    card: dict[str, Any]
    fingerprint: str
    """Hash of the model's card and source."""
    versions: dict[str, str]
    commit: str
    hardware: dict[str, Any]


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python, scArena and every library that decides a number."""
    found = {"python": platform.python_version(), "scarena": __version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def versions_with(requirements: Iterable[str]) -> dict[str, str]:
    """Return `versions` with those of the packages that some requirements name, in a model's own environment."""
    import re

    found = dict(versions())
    for requirement in requirements:
        if name := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement):
            try:
                found[name[0]] = version(name[0])
            except PackageNotFoundError:
                found[name[0]] = "absent"
    return found


@cache
def commit() -> str:
    """Return the git commit of the checkout, with ``+`` where it was edited, or "unknown" outside one."""
    if not (ROOT / ".git").exists():
        return "unknown"
    ask = ["git", "-C", str(ROOT)]
    head = subprocess.run([*ask, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False)
    dirty = subprocess.run([*ask, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=False)
    return (head.stdout.strip() or "unknown") + ("+" if dirty.stdout.strip() else "")


def metrics_fingerprint() -> str:
    """Return a short hash of what scores are made by: changing a metric, a task or the folds makes every score stale.

    Plug-ins' metrics are included.
    """
    from scarena.base import folds
    from scarena.metrics import registry
    from scarena.tasks import registry as tasks

    sources = sorted(Path(registry.__file__).parent.rglob("*.py"))
    sources += [*sorted(Path(tasks.__file__).parent.glob("*.py")), Path(folds.__file__)]
    sources += sorted({Path(inspect.getfile(metric.compute)) for metric in registry.PLUGGED})
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def hardware() -> dict[str, Any]:
    """Return what the numbers of time and memory were measured on."""
    import psutil

    return {
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "processor": _processor(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
