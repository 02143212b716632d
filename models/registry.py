"""Finding models by name: files in this folder, and the entry point group ``scarena.models`` of installed packages."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import inspect
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from scarena.errors import ConfigError, ModelError
from scarena.models.base import Model

_HERE = Path(__file__).parent
_NOT_MODELS = {"base", "registry", "expression", "pretrained"}


def _in_tree_modules() -> list[str]:
    files = [*_HERE.glob("*.py"), *(_HERE / "controls").glob("*.py")]
    names = [".".join(file.relative_to(_HERE).with_suffix("").parts) for file in files]
    return sorted(f"scarena.models.{name}" for name in names if name not in _NOT_MODELS)


def _classes_of(module_name: str) -> list[type[Model]]:
    module = importlib.import_module(module_name)
    found = [value for _, value in inspect.getmembers(module, inspect.isclass)]
    return [c for c in found if issubclass(c, Model) and c.__module__ == module_name and hasattr(c, "card")]


@cache
def all_models() -> dict[str, type[Model]]:
    """Return every known model class by name, sorted.

    Raises
    ------
    ModelError
        If two models claim one name, or a plug-in cannot be imported.
    """
    found: dict[str, type[Model]] = {}
    classes = [c for module in _in_tree_modules() for c in _classes_of(module)]
    for point in sorted(entry_points(group="scarena.models"), key=lambda p: p.name):
        try:
            classes.append(point.load())
        except (ImportError, AttributeError) as error:
            fix = "repair or uninstall that package"
            raise ModelError(f"plug-in cannot be imported ({error})", where=point.value, fix=fix) from error
    for model in classes:
        name = model.card.name
        if name in found:
            raise ModelError(f"two models are called {name!r}", where=model.__module__, fix="rename one of them")
        found[name] = model
    return dict(sorted(found.items()))


def find_model(name: str, checkpoints: Mapping[str, Path | None] | None = None) -> type[Model]:
    """Return the model class called `name`.

    Parameters
    ----------
    name
        As `scarena models` lists them, or ``MODEL@PRETRAINING`` for a checkpoint that a board makes itself.
    checkpoints
        The board's: folders by name of the pretraining, None for one that need not exist yet.

    Raises
    ------
    ConfigError
        If there is none; the nearest known is named, or what the board's checkpoints allow.
    """
    if "@" in name:
        from scarena.models.pretrained import pretrained_model

        return pretrained_model(name, checkpoints or {})
    models = all_models()
    if name in models:
        return models[name]
    near = difflib.get_close_matches(name, models, n=1, cutoff=0.4)
    fix = f"did you mean {near[0]!r}?" if near else "see `scarena models`"
    raise ConfigError(f"unknown model {name!r}", where="models", fix=f"{fix} (known: {', '.join(models)})")


def fingerprint(model: type[Model]) -> str:
    """Return a short hash of a model's card and source file, so that editing either makes its runs stale."""
    source = Path(inspect.getfile(model)).read_bytes()
    return hashlib.sha256(model.card.model_dump_json().encode() + source).hexdigest()[:16]
