"""Import paths from before the rooms: they still lead to their modules, with a note of where those live now."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_BELOW_SCARENA = {
    "base": "errors files folders log_tail plugins tables untrusted",
    "tasks": "dataset_reference details mistakes",
    "steps": "config environments pretraining record sequence states submissions submitted_files supervise",
    "board": "controls crate ranked ranking replicates samples uncertainty verdicts verify",
    "report": "board_csv board_files board_md",
    "bench": "ablation publications rebuilt_scgpt reproduce",
    "cli": "driver listing run scaffold",
}
_MODELS = (
    "concord glm_pca harmony hvg linear_scvi pca pearson_pca random_projection scanorama scanvi scvi seurat symphony"
)
_STORES = "hdf5 hdf5_text zarr_chunks zarr_files zarr_layout zarr_rows zarr_store"

MOVED = {
    **{f"scarena.{name}": f"scarena.{room}.{name}" for room, names in _BELOW_SCARENA.items() for name in names.split()},
    **{f"scarena.models.{name}": f"scarena.models.baselines.{name}" for name in f"{_MODELS} variational".split()},
    **{f"scarena.datasets.{name}": f"scarena.datasets.stores.{name}" for name in _STORES.split()},
    "scarena.embedding": "scarena.models.embedding",
    "scarena.recommend": "scarena.cli.recommendation",
}
"""Where a module that had another name is to be found."""


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        old, new = module.__name__, MOVED[module.__name__]
        warnings.warn(f"{old} is {new} now; the old name will go with scArena 0.3", DeprecationWarning, stacklevel=2)
        # The import system hands out what stands here: the same module under both names.
        sys.modules[old] = import_module(new)


def keep_old_paths() -> None:
    """Let modules be imported by the names that they had before."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        # First: a checkout's folder `config/` would pass for a package of that name.
        sys.meta_path.insert(0, _Finder())
