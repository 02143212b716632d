"""Where a model class is found again: other processes need to know, whether or not an installed package brings it."""

from __future__ import annotations

import importlib
import inspect
import sys
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from scarena.base.errors import ConfigError
from scarena.models.base import Model


@dataclass(frozen=True, slots=True)
class Subject:
    """A class by module, file and name; or by the name of a registered model and a checkpoint's folder.

    Parameters
    ----------
    module, file, qualname
        Where the class was defined; the file is read where the module cannot be imported, as that of a test.
    name, checkpoint
        As `scarena check-model` was given them, where there is a checkpoint.
    example
        Folder in which a class that offers ``example`` makes a checkpoint to be tested with; empty for none.
    """

    module: str = ""
    file: str = ""
    qualname: str = ""
    name: str = ""
    checkpoint: str = ""
    example: str = ""

    @classmethod
    def of_class(cls, model: type[Model], folder: Path) -> Subject:
        """Return where `model` is found again; its example, if it offers one, is made below `folder`.

        Raises
        ------
        ConfigError
            If it was defined inside a function, where no other process finds it.
        """
        if "<" in model.__qualname__:
            fix = "define the class at the top of a file"
            raise ConfigError("a class inside a function", where=model.__qualname__, fix=fix)
        example = str(folder / "example") if callable(getattr(model, "example", None)) else ""
        file = str(Path(inspect.getfile(model)).resolve())
        return cls(model.__module__, file, model.__qualname__, example=example)

    @classmethod
    def of_name(cls, name: str, checkpoint: Path | None, folder: Path) -> Subject:
        """Return where the registered model called `name` is found, of a checkpoint where one is given.

        Raises
        ------
        ConfigError
            If nobody knows the model, or a checkpoint was given to a model that takes none.
        """
        from scarena.models.registry import find_model

        if checkpoint is None:
            return cls.of_class(find_model(name), folder)
        if not checkpoint.is_dir():
            raise ConfigError("no such folder", where=str(checkpoint), fix="give --checkpoint the checkpoint's folder")
        subject = cls(name=name, checkpoint=str(checkpoint.resolve()))
        if "@" not in name and subject.load() is find_model(name):
            raise ConfigError(f"{name} takes no checkpoint", where="--checkpoint", fix="leave it out")
        return subject

    def load(self) -> type[Model]:
        """Return the class, bound to its example where it makes one."""
        if self.name:
            from scarena.models.registry import find_model

            return find_model(self.name, {self.name.rpartition("@")[2]: Path(self.checkpoint)})
        found: object = self._module()
        for part in self.qualname.split("."):
            found = getattr(found, part)
        assert isinstance(found, type) and issubclass(found, Model)
        if not self.example:
            return found
        Path(self.example).mkdir(parents=True, exist_ok=True)
        bound: type[Model] = getattr(found, "example")(Path(self.example))  # noqa: B009 - offered by some classes only
        return bound

    def _module(self) -> ModuleType:
        # A class of a test's file may stand in a module that only pytest's importer knows.
        if self.module in sys.modules and getattr(sys.modules[self.module], "__file__", None) == self.file:
            return sys.modules[self.module]
        try:
            return importlib.import_module(self.module)
        except ImportError:
            spec = spec_from_file_location("conformance_subject_file", self.file)
            assert spec is not None and spec.loader is not None
            module = module_from_spec(spec)
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
            return module
