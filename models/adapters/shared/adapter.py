"""What adapters of published models share: the checkpoint's folder, and cells a piece at a time."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, TypeVar, cast, runtime_checkable

import numpy as np

from scarena.models.base import Context, Model

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from scarena.models.adapters.shared.gene_rows import GeneRows
    from scarena.models.foundation.tokenize import Cells

_Read = TypeVar("_Read")


class Embedder(Protocol):
    """A loaded checkpoint."""

    def cells(self, data: AnnData) -> Cells:
        """Return the cells over the checkpoint's vocabulary."""

    def __call__(self, cells: Cells, device: str) -> np.ndarray:
        """Return a vector for each of some cells, float [B, d]."""


@runtime_checkable
class KnowsGenes(Protocol):
    """A loaded checkpoint with a table of genes."""

    def gene_rows(self) -> GeneRows:
        """Return the table that the network takes a gene's vector from."""


class Adapter(Model):
    """A published model, read from the folder its authors published. A subclass a file."""

    checkpoint: ClassVar[Path | None] = None
    piece: ClassVar[int] = 32
    """Cells that go through the network together."""

    @classmethod
    def lacks(cls) -> str:
        """Return what must be there before it can run."""
        name = cls.card.name.partition("@")[0]
        if cls.card.unavailable:
            return cls.card.unavailable
        if cls.checkpoint is None:
            return f"its checkpoint (name the folder in `checkpoints:`, as {name}: FOLDER)"
        return "" if cls.checkpoint.is_dir() else f"its checkpoint ({cls.checkpoint} is not a folder)"

    @classmethod
    def at(cls, folder: Path, name: str | None = None) -> type[Self]:
        """Return the model of one checkpoint, whose card names it."""
        own = name or cls.card.name
        title = cls.card.title if own == cls.card.name else f"{cls.card.title} ({own.partition('@')[2]})"
        settings = {**cls.card.settings, "checkpoint": folder.name, "checkpoint_digest": digest_of_folder(folder)}
        card = cls.card.model_copy(update={"name": own, "title": title, "settings": settings})
        body = {"__module__": cls.__module__, "checkpoint": folder, "card": card}
        return cast("type[Self]", type(cls.__name__, (cls,), body))

    @classmethod
    @abstractmethod
    def write_example(cls, folder: Path, seed: int = 0) -> None:
        """Write a tiny checkpoint of the public layout with random weights, for tests."""

    @classmethod
    def example(cls, folder: Path) -> type[Self]:
        """Return the model of a tiny checkpoint with random weights, written to a folder where that is empty."""
        # The processes of a check read one folder at the same time: whoever comes first has written it.
        if not any(folder.iterdir()):
            cls.write_example(folder)
        return cls.at(folder)

    @abstractmethod
    def load(self, folder: Path) -> Embedder:
        """Read a checkpoint.

        Raises
        ------
        ModelError
            If the folder lacks a file or a key, or holds one that is unknown or could run code.
        """

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the checkpoint's vectors.

        Raises
        ------
        NotAvailable
            If no checkpoint is named.
        ModelError
            If the checkpoint cannot be read, or has no gene of the dataset.
        """
        import torch

        torch.set_num_threads(ctx.threads)
        loaded = self._read(self.load)
        cells = loaded.cells(data)
        with torch.inference_mode():
            found = [loaded(part, ctx.device) for part in self._pieces(cells)]
        vectors = np.concatenate(found).astype(np.float32)
        return self._in_order(vectors, cells)

    def gene_rows(self, folder: Path) -> GeneRows:
        """Return the table of a checkpoint that its network takes a gene's vector from, by the names it has there.

        Raises
        ------
        NotApplicable
            If it has none.
        """
        from scarena.base.errors import NotApplicable

        loaded = self.load(folder)
        if not isinstance(loaded, KnowsGenes):
            raise NotApplicable("it has no table of genes", where=self.card.name, fix="none needed")
        return loaded.gene_rows()

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the static vectors of genes: the rows of the checkpoint's own table, before any cell.

        Raises
        ------
        NotApplicable
            If it has no such table.
        NotAvailable
            If no checkpoint is named.
        ModelError
            If the checkpoint cannot be read.
        """
        from scarena.models.adapters.shared.gene_rows import table_by_gene

        return table_by_gene(self._read(self.gene_rows), genes)

    def _read(self, how: Callable[[Path], _Read]) -> _Read:
        """Return what a function reads from the checkpoint's folder, or say that there is none or what is wrong."""
        from scarena.base.errors import ModelError, NotAvailable
        from scarena.base.untrusted import reading

        if self.checkpoint is None or self.lacks():
            raise NotAvailable(f"needs {self.lacks()}", where=f"model {self.card.name}", fix="give it, and run again")
        # Every file of a checkpoint is another's, and an adapter asks it for keys and sizes in many places.
        fix = "give the folder as its authors published it"
        with reading(self.checkpoint, ModelError, what="cannot be loaded", fix=fix):
            return how(self.checkpoint)

    def _order(self, cells: Cells) -> np.ndarray:
        # Cells of like lengths go together: what pads one to another is then little.
        return np.argsort(np.diff(cells.starts_B1), kind="stable")

    def _pieces(self, cells: Cells) -> Iterator[Cells]:
        order = self._order(cells)
        for first in range(0, len(order), self.piece):
            yield cells.rows(order[first : first + self.piece])

    def _in_order(self, vectors: np.ndarray, cells: Cells) -> np.ndarray:
        found = np.empty_like(vectors)
        found[self._order(cells)] = vectors
        return found


@cache
def digest_of_folder(folder: Path) -> str | None:
    """Return a short hash of a checkpoint: names and sizes of its files, and the first and last MiB of each.

    None where the folder is missing. Hashing all of some gigabytes at every start of a board would cost minutes.
    """
    if not folder.is_dir():
        return None
    hashed = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts):
        size = path.stat().st_size
        hashed.update(f"{path.relative_to(folder).as_posix()} {size}\n".encode())
        with path.open("rb") as file:
            hashed.update(file.read(1 << 20))
            if size > 1 << 20:
                file.seek(max(1 << 20, size - (1 << 20)))
                hashed.update(file.read())
    return hashed.hexdigest()[:16]
