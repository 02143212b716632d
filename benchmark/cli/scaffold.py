"""Writing a first file for a user: an adapter for their model, with its test."""

from __future__ import annotations

import re
from pathlib import Path

from scarena.base.errors import ConfigError
from scarena.base.files import write_text

_MODEL = '''"""{title}: say in one line what it does and where it was published."""

from __future__ import annotations

import numpy as np
from anndata import AnnData

from scarena.models.base import Context, Model, ModelCard
from scarena.models.expression import principal_components


class {class_name}(Model):
    """Say what is particular about it."""

    card = ModelCard(
        name="{name}",
        title="{title}",
        family="baseline",
        description="principal components, until you replace them",
        uses_batch=True,
        trains_on_target=True,
        source="where it was published: a DOI, a repository",
        licence="of its code and weights",
    )

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return float32 [n_cells, d] in the order of ``data.obs_names``; cell types are not in `data`."""
        return principal_components(data, ctx.seed)
'''

_TEST = '''"""{title} keeps the promises every model makes."""

from scarena.models.registry import find_model
from scarena.testing import model_conformance

test_conforms = model_conformance(find_model("{name}"))
'''


def new_model(name: str) -> list[Path]:
    """Write models/NAME.py, which works as it is, and tests/models/test_NAME.py; return both paths.

    Raises
    ------
    ConfigError
        If the name is not one, or is taken.
    """
    from scarena.models import registry

    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ConfigError(
            f"{name!r} cannot be a model's name", where="NAME", fix="use lower case and hyphens: my-model"
        )
    file_name = name.replace("-", "_")
    models = Path(registry.__file__).parent
    paths = [models / f"{file_name}.py", models.parent / "tests" / "models" / f"test_{file_name}.py"]
    taken = [str(path) for path in paths if path.exists()]
    if name in {entry.name for entry in registry.catalogue()} or taken:
        raise ConfigError(
            f"a model called {name!r} exists", where=", ".join(taken) or "models", fix="choose another name"
        )
    words = {"name": name, "title": name, "class_name": "".join(part.capitalize() for part in name.split("-"))}
    for path, text in zip(paths, (_MODEL, _TEST), strict=True):
        write_text(path, text.format(**words))
    return paths
