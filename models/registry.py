"""Finding models by name: files in this folder, and the entry point group ``scarena.models`` of installed packages."""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib
import inspect
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scarena.base.errors import ConfigError, ModelError
from scarena.base.plugins import Plugin, one_line, plugins
from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.base import Model
from scarena.models.foundation.code import digest_of

_HERE = Path(__file__).parent
_QUOTED = re.compile(r'"[a-z0-9.-]+"')
_FOLDERS = (".", "baselines", "controls", "genes", "networks", "perturbations", "predictors", "adapters")
_HELPERS = ("models", "baselines", "genes", "networks", "perturbations")
"""Folders of files that models import, which their fingerprints are of."""
_NOT_MODELS = {
    "base",
    "registry",
    "embedding",
    "expression",
    "expression_stored",
    "gene_cosine",
    "gene_response",
    "gene_table",
    "network_table",
    "normalised",
    "of_genes",
    "of_networks",
    "of_responses",
    "predicting",
    "predictions",
    "pretrained",
    "response_table",
    "responses",
    "said_table",
    "baselines.variational",
    "genes.corpus",
    "genes.kept",
    "genes.components",
    "networks.of_transformer",
    "perturbations.axes",
    "perturbations.bilinear_form",
    "perturbations.gears_lesson",
    "perturbations.gears_training",
    "perturbations.go_graph",
    "perturbations.go_vectors",
    "perturbations.inner",
    "perturbations.lessons",
    "perturbations.penalised",
    "perturbations.screens",
    "perturbations.vectors",
    "without_cells",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that is there, or that a package promised and did not bring."""

    name: str
    origin: str
    model: type[Model] | None
    broken: str = ""


def in_tree_files() -> dict[str, Path]:
    """Return the modules of this package that have models, with their files, sorted."""
    files = [file for folder in _FOLDERS for file in (_HERE / folder).glob("*.py")]
    names = {".".join(file.relative_to(_HERE).with_suffix("").parts): file for file in files}
    return {f"scarena.models.{name}": names[name] for name in sorted(names) if name not in _NOT_MODELS}


def _classes_of(module_name: str) -> list[type[Model]]:
    module = importlib.import_module(module_name)
    found = [value for _, value in inspect.getmembers(module, inspect.isclass)]
    return [c for c in found if issubclass(c, Model) and c.__module__ == module_name and hasattr(c, "card")]


def _in_tree() -> Iterator[Entry]:
    for module in in_tree_files():
        try:
            classes = _classes_of(module)
        # An adapter's file may need what this environment lacks; the others are none the worse for it.
        except Exception as error:  # noqa: BLE001
            name = module.rpartition(".")[2].replace("_", "-")
            yield Entry(name, module, None, Plugin(name, module).spoiled(one_line(error)).broken)
            continue
        yield from (Entry(c.card.name, module, c) for c in classes)


def _plugged() -> Iterator[Entry]:
    for plugin in plugins("scarena.models"):
        found = plugin.value
        if not plugin.broken and not (inspect.isclass(found) and issubclass(found, Model) and hasattr(found, "card")):
            plugin = plugin.spoiled("not a Model with a card")
        name = plugin.name if plugin.broken else found.card.name
        yield Entry(name, plugin.origin, None if plugin.broken else found, plugin.broken)


@cache
def catalogue() -> tuple[Entry, ...]:
    """Return every model, sorted, and every one that a package promised and did not bring."""
    return tuple(sorted([*_in_tree(), *_plugged()], key=lambda entry: (entry.name, entry.origin)))


def all_models() -> dict[str, type[Model]]:
    """Return every model class that can be had, by name, sorted; not those that share a name with another."""
    counts = Counter(entry.name for entry in catalogue() if entry.model)
    return {entry.name: entry.model for entry in catalogue() if entry.model and counts[entry.name] == 1}


def _alone(name: str) -> type[Model] | None:
    """Return a model of this package without importing any other; None where that does not settle the name.

    All of them take a second to import, which a step that runs one would spend on the others.
    """
    if not _QUOTED.fullmatch(f'"{name}"') or plugins("scarena.models"):
        return None
    holding = [module for module, file in in_tree_files().items() if f'"{name}"' in file.read_text(encoding="utf-8")]
    if len(holding) != 1:
        return None
    with suppress(Exception):
        found = [each for each in _classes_of(holding[0]) if each.card.name == name]
        return found[0] if len(found) == 1 else None
    return None


def find_model(name: str, checkpoints: Mapping[str, Path | None] | None = None) -> type[Model]:
    """Return the model class called `name`.

    Parameters
    ----------
    name
        As `scarena models` lists them, or ``MODEL@NAME`` for a checkpoint called NAME.
    checkpoints
        The board's: folders of published ones by the name of the model or of the checkpoint, and of those that it makes
        itself by the name of the pretraining, None for one that need not exist yet.

    Raises
    ------
    ConfigError
        If there is none; the nearest known is named, or what the board's checkpoints allow.
    ModelError
        If several packages bring one, or the package that should cannot be imported.
    """
    what, at, called = name.partition("@")
    if not at and (alone := _alone(name)) is not None and not issubclass(alone, Adapter):
        return alone
    models = all_models()
    adapter = models.get(what)
    if adapter is not None and issubclass(adapter, Adapter):
        return _published(adapter, name, called or what, checkpoints or {})
    if at:
        from scarena.models.pretrained import pretrained_model

        return pretrained_model(name, checkpoints or {})
    if name in models:
        return models[name]
    if claims := [entry for entry in catalogue() if entry.name == name]:
        raise _unusable(name, claims)
    near = difflib.get_close_matches(name, models, n=1, cutoff=0.4)
    fix = f"did you mean {near[0]!r}?" if near else "see `scarena models`"
    raise ConfigError(f"unknown model {name!r}", where="models", fix=f"{fix} (known: {', '.join(models)})")


def _published(adapter: type[Adapter], name: str, called: str, checkpoints: Mapping[str, Path | None]) -> type[Model]:
    folder = checkpoints.get(called)
    if folder is not None:
        return adapter.at(folder, name)
    if "@" not in name:
        return adapter
    fix = f"name its folder in `checkpoints:` ({called}: FOLDER)"
    raise ConfigError(f"no checkpoint called {called!r} for {name!r}", where="models", fix=fix)


def _unusable(name: str, claims: list[Entry]) -> ModelError:
    origins = ", ".join(entry.origin for entry in claims if entry.model)
    if origins:
        fix = "rename one of them or uninstall its package"
        return ModelError(f"several models are called {name!r}", where=origins, fix=fix)
    fix = "repair or uninstall that package"
    return ModelError(f"cannot be imported ({claims[0].broken})", where=claims[0].origin, fix=fix)


def state_of(entry: Entry) -> str:
    """Return ``ready``, ``needs …``, ``not available: …`` or ``broken: …``."""
    same = [other.origin for other in catalogue() if other.model and other.name == entry.name]
    if entry.model is None:
        return f"broken: {entry.broken}"
    if len(same) > 1:
        return f"broken: several models have this name ({', '.join(same)})"
    if entry.model.card.unavailable:
        return f"not available: {entry.model.card.unavailable}"
    try:
        lacking = entry.model.lacks()
    except Exception as error:  # noqa: BLE001 - a third party's check for its checkpoint
        return f"broken: {one_line(error)}"
    return f"needs {lacking}" if lacking else "ready"


def fingerprint(model: type[Model]) -> str:
    """Return a short hash of a model's card and source, so that editing either makes its runs stale."""
    file = Path(inspect.getfile(model))
    source = b"".join(path.read_bytes() for path in (file, *_beside(file)))
    if issubclass(model, Adapter):
        source += _shared_by_adapters()
    return hashlib.sha256(model.card.model_dump_json().encode() + source).hexdigest()[:16]


@cache
def _beside(file: Path) -> tuple[Path, ...]:
    """Return the files of this folder and of some below it that a model imports, at any depth, and its R script.

    Not what every model imports: what `base` says of a model is on its card.
    """
    if not file.is_relative_to(_HERE):
        return ()
    found, waiting = set(file.parent.glob(f"{file.stem}.R")), [file]
    while waiting:
        for path in _imported(waiting.pop()):
            if path not in found and path.stem not in ("base", "registry") and path != file:
                found.add(path)
                waiting.append(path)
    return tuple(sorted(found))


def _imported(file: Path) -> Iterator[Path]:
    """Yield files of this folder, of `baselines`, `genes` and `networks`, that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
            below = [name.split(".")[2:] for name in names if name.startswith("scarena.models.")]
            found = (_HERE.joinpath(*parts).with_suffix(".py") for parts in below)
            yield from (path for path in found if path.is_file() and path.parent.name in _HELPERS)


@cache
def _shared_by_adapters() -> bytes:
    # A board asks for every run of every model.
    files = sorted((_HERE / "adapters" / "shared").glob("*.py"))
    code = digest_of("tokenize", "kernels.attention", "product")
    return b"".join(file.read_bytes() for file in files) + code.encode()
