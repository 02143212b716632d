"""What an atlas of cell-type profiles is made of: the configuration of `scarena corpus atlas`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scarena.base.errors import ConfigError
from scarena.base.validated import read_own_config
from scarena.models.foundation.atlas.units import Units

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Term = Annotated[str, Field(pattern=r"^CL:\d{7}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hpa(_Strict):
    """The 81 single-cell types of the Human Protein Atlas, from a wheel of the package index."""


class CellProfileLibrary(_Strict):
    """NanoString's CellProfileLibrary: mean profiles of published studies, a file a study and organ."""

    files: tuple[str, ...] | None = None
    """Names as ``Adult/Lung_HCA``; all that are known by default."""


class HumanCellLandscape(_Strict):
    """The reference of scHCL: 1,393 clusters over 5,467 marker genes."""


class TableSource(_Strict):
    """A csv or tsv, gzipped or not, of profiles that the user has."""

    name: _Name
    path: Path
    sha256: _Sha256 | None = None
    """Checked where it is given."""
    units: Units
    """Of the values; logarithms are turned back."""
    study: tuple[str, ...] = ()
    """Accessions, DOIs or names of the studies that the cells come from."""
    orientation: Literal["genes_by_profiles", "profiles_by_genes"] = "genes_by_profiles"
    labels: dict[str, _Term | None] = {}
    """Profile → Cell Ontology term, None where no term is right; the others are looked up by their exact names."""
    tissue: str = ""
    species: Literal["human"] = "human"
    url: str | None = None
    """Where others get the file; its name by default."""
    licence: str = "unknown"
    citation: str = ""


class H5adCells(_Strict):
    """An h5ad of cells with raw counts, of which the mean profile of each label is taken."""

    name: _Name
    path: Path
    sha256: _Sha256 | None = None
    label: str
    """Column of obs with the cell type."""
    tissue: str | None = None
    """Column of obs; profiles are then of a label in a tissue."""
    layer: str | None = None
    """Where the counts are: X by default, ``raw`` for ``.raw.X``."""
    genes: str | None = None
    """Column of var with Ensembl ids or symbols; the index of var by default."""
    min_cells: int = Field(20, ge=1)
    """Labels with fewer cells are left out, and counted."""
    study: tuple[str, ...] = ()
    species: Literal["human"] = "human"
    url: str | None = None
    licence: str = "unknown"
    citation: str = ""


class CensusCells(_Strict):
    """A query of the CZ CELLxGENE Census: mean profiles by cell type and tissue, a source for every dataset."""

    version: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    value_filter: str = Field(min_length=1)
    primary_only: bool = True
    min_cells: int = Field(20, ge=1)


class AtlasConfig(_Strict):
    """An atlas to build."""

    name: _Name
    hpa: Hpa | None = None
    cell_profile_library: CellProfileLibrary | None = None
    human_cell_landscape: HumanCellLandscape | None = None
    tables: tuple[TableSource, ...] = ()
    h5ad: tuple[H5adCells, ...] = ()
    census: CensusCells | None = None
    leave_out: tuple[str, ...] = ()
    """Words, in lower case: profiles with one of them in their label or tissue are left out, as where a model is to be
    tried on an organ that it has not seen."""
    allow_contaminated: bool = False
    """Whether profiles of the benchmark's own studies are kept; they are refused by default."""
    block_cells: int = Field(4_096, ge=1)
    """Cells read at a time."""

    @model_validator(mode="after")
    def _holds_something(self) -> AtlasConfig:
        published = (self.hpa, self.cell_profile_library, self.human_cell_landscape, self.census)
        if not (self.tables or self.h5ad or any(each is not None for each in published)):
            raise ValueError("name a source: hpa, cell_profile_library, human_cell_landscape, tables, h5ad or census")
        names = [*(each.name for each in self.tables), *(each.name for each in self.h5ad)]
        twice = sorted({name for name in names if names.count(name) > 1 or name in ("hpa", "human_cell_landscape")})
        if twice:
            raise ValueError(f"two sources are called {twice[0]!r}")
        return self

    def told(self) -> dict[str, Any]:
        """Return what was asked for, as the manifest says it: files by their names, sources in the order of theirs."""
        said = self.model_dump(mode="json", exclude_none=True, exclude={"block_cells"})
        for kind in ("tables", "h5ad"):
            said[kind] = sorted(({**each, "path": Path(each["path"]).name} for each in said[kind]), key=_by_name)
        return said


def _by_name(entry: dict[str, Any]) -> str:
    return str(entry["name"])


def read_config(path: Path) -> AtlasConfig:
    """Read the configuration of an atlas from YAML.

    Raises
    ------
    ConfigError
        If it is missing, no YAML, or holds unknown or ill-typed keys.
    """
    what, fix = "cannot be read ({})", "give a YAML file"
    return read_own_config(path, AtlasConfig, ConfigError, what=what, fix=fix, correct="correct these keys")
