"""Where the profiles of an atlas come from, one source after the other, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scarena.datasets.genes import GeneTable
from scarena.models.foundation.atlas import cell_profile_library, hpa, human_cell_landscape, own_table
from scarena.models.foundation.atlas.config import AtlasConfig
from scarena.models.foundation.atlas.published import Published


def sources(config: AtlasConfig, genes: GeneTable, cache: Path, mirror: Path | None = None) -> Iterator[Published]:
    """Yield the sources of an atlas as published; `genes` tells genes from profiles in a table of one's own.

    Raises
    ------
    ConfigError, SourceError, DataError
        As the source at hand does.
    NotAvailable
        If a Census is asked for and its package is not installed.
    """
    from scarena.models.foundation.atlas import pseudobulk

    if config.hpa is not None:
        yield hpa.published(cache, mirror)
    if config.cell_profile_library is not None:
        yield from cell_profile_library.published(config.cell_profile_library.files, cache, mirror)
    if config.human_cell_landscape is not None:
        yield human_cell_landscape.published(cache, mirror)
    for table in config.tables:
        yield own_table.published(table, genes)
    for cells in config.h5ad:
        yield pseudobulk.of_h5ad(cells, config.block_cells, cache, mirror)
    if config.census is not None:
        yield from pseudobulk.of_census(config.census, config.block_cells)
