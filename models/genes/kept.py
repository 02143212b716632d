"""Vectors of genes that are trained once: a model of the corpus, whose table is kept in the cache by what made it."""

from __future__ import annotations

import hashlib
import inspect
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.models.base import Context, Model
from scarena.models.of_genes import GeneModel

if TYPE_CHECKING:
    import pandas as pd

    from scarena.models.genes.corpus import Expression


def kept_table(model: type[Model], ctx: Context, make: Callable[[], pd.DataFrame], variant: str = "") -> pd.DataFrame:
    """Return the table that `make` returns, made where the cache does not have it.

    Parameters
    ----------
    model
        Whose table it is. Its card, its file, those of this folder and the cards of the corpus are in the name of the
        file that is kept, so that none of them can change without a new one.
    ctx
        For its cache.
    make
        Called where there is none.
    variant
        What else decides the table, as a seed.
    """
    import pandas as pd

    from scarena.base.files import replacing
    from scarena.base.untrusted import read_arrays
    from scarena.models.genes.corpus import digest

    sources = [Path(inspect.getfile(model)), *sorted(Path(__file__).parent.glob("*.py"))]
    told = "\0".join([model.card.model_dump_json(), digest(), variant]).encode()
    known = hashlib.sha256(told + b"".join(path.read_bytes() for path in sources)).hexdigest()[:24]
    path = ctx.cache / "gene_vectors" / f"{model.card.name}-{known}.npz"
    if not path.exists():
        ctx.log.info("training %s on its corpus", model.card.name)
        table = make()
        with replacing(path) as part, part.open("wb") as file:
            np.savez(file, vectors=table.to_numpy(np.float32), genes=table.index.to_numpy(dtype=np.str_))
    held = read_arrays(path, "vectors", "genes", fix=f"move it away and run {model.card.name} again")
    return pd.DataFrame(held["vectors"], index=held["genes"])


class OfCorpus(GeneModel):
    """A model whose vectors are made from the expression of the corpus."""

    @abstractmethod
    def train(self, found: Expression) -> np.ndarray:
        """Return a vector for each gene of the corpus, float [n_genes, d]."""

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return the vectors of the genes that ten cells of the corpus have."""
        table = kept_table(type(self), ctx, lambda: self._trained(ctx))
        return table.loc[genes.index.intersection(table.index)]

    def _trained(self, ctx: Context) -> pd.DataFrame:
        import pandas as pd

        from scarena.models.genes.corpus import expression, parts

        found = expression(parts(ctx.cache))
        return pd.DataFrame(self.train(found), index=found.genes)
