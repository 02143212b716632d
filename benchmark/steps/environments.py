"""The environment that a model card names: a virtual environment in the cache, or what the workflow deploys.

Only the process that runs the model uses it; preparing, scoring and the board stay where scArena is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib
import inspect
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import scarena
from scarena.base.errors import NotAvailable
from scarena.base.files import read_json, write_json
from scarena.models.base import Environment, Model
from scarena.steps.config import BoardConfig

# What the worker and an adapter import, whatever the card adds.
_BASE = ("numpy", "scipy", "pandas", "anndata", "scanpy", "pydantic", "psutil", "pyyaml")
_CONSTRAINTS = scarena.WORKFLOW / "constraints.txt"
_IN_TREE = "scarena.models"
_ASK = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"


def package_name(requirement: str) -> str:
    """Return the normalised name of the package that a requirement is about.

    >>> package_name("Scikit_Learn>=1.5 ; python_version < '3.12'")
    'scikit-learn'
    """
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else ""


def constraints_for(environment: Environment) -> list[str]:
    """Return the pins of constraints.txt but for the packages that the card speaks of."""
    named = {package_name(each) for each in environment.pip}
    lines = _CONSTRAINTS.read_text(encoding="utf-8").splitlines() if _CONSTRAINTS.is_file() else []
    return [line for line in lines if package_name(line) and package_name(line) not in named]


def digest_of(environment: Environment) -> str:
    """Return the name of an environment's folder: a hash of requirements, pins, and the version of Python."""
    parts = [*sorted(environment.pip), *_BASE, *constraints_for(environment), platform.python_version()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def environments_of(models: Iterable[type[Model]]) -> dict[str, str]:
    """Return, by digest, a model for each virtual environment that some models need."""
    found: dict[str, str] = {}
    for model in models:
        if model.card.environment and model.card.environment.pip:
            found.setdefault(digest_of(model.card.environment), model.card.name)
    return found


def answer_file(config: BoardConfig, environment: Environment) -> Path:
    """Return where a board says whether an environment could be made."""
    return config.folder / "environments" / f"{digest_of(environment)}.json"


def ensure(environment: Environment, cache: Path) -> Path:
    """Return the Python of a virtual environment with a card's requirements, made where the cache lacks it.

    An environment cannot be moved, so it is made where it stays; its mark comes last, and one without is begun anew.

    Raises
    ------
    NotAvailable
        If pip cannot make it; the reason is its last line.
    """
    folder = cache.absolute() / "environments" / digest_of(environment)
    with _alone(folder.with_suffix(".lock")):
        if not (folder / "ready.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            constrained = _create(environment, folder)
            packages = subprocess.run([folder / "bin/python", "-c", _ASK], capture_output=True, text=True, check=True)
            about = {"requirements": list(environment.pip), "constrained": constrained, "packages": packages.stdout}
            write_json(folder / "ready.json", about)
    return folder / "bin" / "python"


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait for whoever makes the same environment; the kernel frees the lock of a process that was killed."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _create(environment: Environment, folder: Path) -> bool:
    """Make the environment; return whether the pins of constraints.txt could be kept."""
    where = f"environment {folder.name} ({', '.join(environment.pip)})"
    _run([sys.executable, "-m", "venv", str(folder)], where)
    (_site(folder) / "scarena-code.pth").write_text(f"{folder / 'code'}\n", encoding="utf-8")
    pins = folder / "constraints.txt"
    pins.write_text("\n".join(constraints_for(environment)) + "\n", encoding="utf-8")
    install = [str(folder / "bin/python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    wanted = [*environment.pip, *_BASE]
    try:
        _run([*install, "--constraint", str(pins), "--", *wanted], where)
    except NotAvailable as refusal:
        # An old numpy needs an old pandas: what the card asks for goes before the pins, which go together.
        if "ResolutionImpossible" not in refusal.what:
            raise
        _run([*install, "--", *wanted], where)
        return False
    return True


def _run(command: list[str], where: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()] or ["it said nothing"]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        fix = "correct the card's `environment`, or see to the package index; the next run tries again"
        raise NotAvailable(errors[-1], where=where, fix=fix)


def _site(folder: Path) -> Path:
    return next(iter(sorted((folder / "lib").glob("python*/site-packages"))))


def link_code(python: Path, model: type[Model]) -> None:
    """Let an environment import scArena's code, and the package of a model that is a plug-in, from where they are."""
    code = python.parent.parent / "code"
    code.mkdir(exist_ok=True)
    _link(code / "scarena", Path(scarena.__file__).resolve().parent)
    if not model.__module__.startswith(_IN_TREE):
        top = importlib.import_module(model.__module__.partition(".")[0])
        file = Path(str(top.__file__)).resolve()
        home = file.parent if hasattr(top, "__path__") else file
        _link(code / home.name, home)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    part = link.with_name(f".{link.name}.{os.getpid()}")
    part.symlink_to(target)
    part.replace(link)


def home_of(model: type[Model]) -> dict[str, str]:
    """Return where a plug-in's class is imported from: an environment of its own does not know of its entry point."""
    if model.__module__.startswith(_IN_TREE):
        return {}
    return {"module": model.__module__, "qualname": model.__qualname__}


def conda_file(model: type[Model]) -> Path | None:
    """Return the conda environment file of a card, beside the model's own file unless its path is absolute; or None."""
    named = model.card.environment.conda if model.card.environment else None
    found = Path(inspect.getfile(model)).parent / named if named else None
    return found.resolve() if found and found.is_file() else None


def python_of(model: type[Model], config: BoardConfig, *, deployed: bool = False) -> Path:
    """Return the Python that runs a model.

    Parameters
    ----------
    model
        The class; its package becomes importable there.
    config
        The board, in whose cache environments are made. What it says of a failed one is believed.
    deployed
        Whether this process already runs in the conda environment or container of the card.

    Raises
    ------
    NotAvailable
        If the environment could not be made, or is one that only the workflow can deploy.
    """
    environment = model.card.environment
    if environment is None:
        return Path(sys.executable)
    if environment.pip:
        answer = answer_file(config, environment)
        if answer.exists() and (said := read_json(answer))["state"] != "ok":
            raise NotAvailable(said["reason"], where=model.card.name, fix="the next run tries again")
        python = ensure(environment, config.cache)
        link_code(python, model)
        return python
    if environment.conda and conda_file(model) is None:
        fix = "put it beside the model's file"
        raise NotAvailable(f"no conda environment file {environment.conda}", where=model.card.name, fix=fix)
    if not deployed:
        kind = "conda" if environment.conda else "apptainer"
        fix = f"run the board with `-- --software-deployment-method {kind}`"
        raise NotAvailable(f"runs in {environment.conda or environment.container} only", where=model.card.name, fix=fix)
    return Path(sys.executable)
