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
from scarena.models.adapters.shared.adapter import Adapter
from scarena.models.base import Model
from scarena.models.foundation.code import digest_of

_HERE = Path(__file__).parent
_FOLDERS = (".", "controls", "adapters")
_NOT_MODELS = {"base", "registry", "expression", "pretrained"}


def _in_tree_modules() -> list[str]:
    files = [file for folder in _FOLDERS for file in (_HERE / folder).glob("*.py")]
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
        As `scarena models` lists them, or ``MODEL@NAME`` for a checkpoint called NAME.
    checkpoints
        The board's: folders of published ones by the name of the model or of the checkpoint, and of those that it makes
        itself by the name of the pretraining, None for one that need not exist yet.

    Raises
    ------
    ConfigError
        If there is none; the nearest known is named, or what the board's checkpoints allow.
    """
    what, _, called = name.partition("@")
    adapter = all_models().get(what)
    if adapter is not None and issubclass(adapter, Adapter):
        return _published(adapter, name, called or what, checkpoints or {})
    if called:
        from scarena.models.pretrained import pretrained_model

        return pretrained_model(name, checkpoints or {})
    models = all_models()
    if name in models:
        return models[name]
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


def fingerprint(model: type[Model]) -> str:
    """Return a short hash of a model's card and source, so that editing either makes its runs stale."""
    source = Path(inspect.getfile(model)).read_bytes()
    if issubclass(model, Adapter):
        shared = sorted((_HERE / "adapters" / "shared").glob("*.py"))
        source += b"".join(file.read_bytes() for file in shared) + digest_of("tokenize", "kernels.attention").encode()
    return hashlib.sha256(model.card.model_dump_json().encode() + source).hexdigest()[:16]
