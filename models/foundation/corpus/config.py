"""What a corpus is made of, and the fixed choices of its making: the configuration of `scarena corpus build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scarena.base.errors import ConfigError
from scarena.base.validated import read_own_config

# Places in the vocabulary are uint16, and one number is kept for "no gene".
MOST_GENES = 65_535
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class H5adSource(BaseModel):
    """An h5ad file with raw counts; its rows are read in blocks, so that it may be larger than memory."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name
    """What the dataset is called in the corpus."""
    path: Path
    sha256: _Sha256 | None = None
    """Checked where it is given."""
    batch: str | None = None
    """Column of obs; without one the file is a single batch."""
    donor: str | None = None
    tissue: str | None = None
    assay: str | None = None
    layer: str | None = None
    """Where the counts are: X by default, ``raw`` for ``.raw.X``."""
    genes: str | None = None
    """Column of var with Ensembl ids or symbols; the index of var by default."""
    url: str | None = None
    """Where others get the file; its name by default."""
    study: tuple[str, ...] = ()
    licence: str = "unknown"


class CensusQuery(BaseModel):
    """A query of the CZ CELLxGENE Census; every dataset it finds cells in becomes a dataset of the corpus."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    """A dated release: "stable" names another one tomorrow."""
    value_filter: str = Field(min_length=1)
    """In the syntax of SOMA, as ``tissue_general == 'lung' and disease == 'normal'``."""
    primary_only: bool = True
    """Leaves out cells that the Census holds a second time (``is_primary_data``)."""
    organism: str = "homo_sapiens"
    batch: tuple[str, ...] = Field(("donor_id", "assay"), min_length=1)
    """Columns of obs that make a batch together."""


class CorpusConfig(BaseModel):
    """A corpus to build."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name
    cards: tuple[str, ...] = ()
    """Names of dataset cards with ``role: pretraining``."""
    h5ad: tuple[H5adSource, ...] = ()
    census: CensusQuery | None = None
    seed: int = Field(0, ge=0)
    vocabulary: Path | None = None
    """File of Ensembl ids, one a line, kept in its order; by default the genes below."""
    min_cells: int = Field(20, ge=1)
    """Cells of the corpus a gene must be seen in to enter the vocabulary."""
    max_genes: int = Field(16_000, ge=1, le=MOST_GENES)
    """The most widely seen genes are taken where there are more."""
    chunk_cells: int = Field(256, ge=1)
    shard_cells: int = Field(65_536, ge=1)
    block_cells: int = Field(4_096, ge=1)
    """Rows of a source held at a time; of no influence on the result."""
    minhash_bins: int = Field(128, ge=8, le=1024)

    @model_validator(mode="after")
    def _holds_something(self) -> CorpusConfig:
        if not (self.cards or self.h5ad or self.census):
            raise ValueError("name cards, h5ad files or a census query")
        if self.shard_cells < self.chunk_cells:
            raise ValueError("a shard must hold at least one chunk: shard_cells < chunk_cells")
        names = [*self.cards, *(source.name for source in self.h5ad)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sources are called {twice[0]!r}")
        return self


def read_config(path: Path) -> CorpusConfig:
    """Read a corpus configuration from YAML.

    Raises
    ------
    ConfigError
        If it is missing, no YAML, or holds unknown or ill-typed keys.
    """
    what, fix = "cannot be read ({})", "give a YAML file"
    return read_own_config(path, CorpusConfig, ConfigError, what=what, fix=fix, correct="correct these keys")
