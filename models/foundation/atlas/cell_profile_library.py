"""CellProfileLibrary (NanoString): mean profiles of published studies, one RData file for each organ and study.

``cell_profile_library.tsv`` lists the files. Left out of it are those whose values are logarithms though the others'
are not (Allen brain, colon, liver, skin, COVID-19), tumours, and Darmanis, an author of a benchmark set.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from scarena.base.errors import ConfigError
from scarena.datasets.card import DatasetCard, Reader, SourceFile
from scarena.datasets.r_objects import as_matrix, load, walk
from scarena.datasets.sources import pull
from scarena.models.foundation.atlas.listed import listed, studies_in
from scarena.models.foundation.atlas.published import Published, Row

_BASE = "https://raw.githubusercontent.com/Nanostring-Biostats/CellProfileLibrary"
_LICENCE = "CC BY 4.0"
_KIND = "cell_profile_library"


def known_files() -> list[str]:
    """Return the names of the files that are known, as ``Adult/Lung_HCA``."""
    return [row["file"] for row in listed(_KIND)]


def _chosen(names: Sequence[str] | None) -> list[dict[str, str]]:
    rows = {row["file"]: row for row in listed(_KIND)}
    for name in names or ():
        if name not in rows:
            near = difflib.get_close_matches(name, rows, 1)
            fix = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(rows)}"
            raise ConfigError(f"no file {name!r}", where="atlas: cell_profile_library.files", fix=fix)
    return [rows[name] for name in dict.fromkeys(rows if names is None else names)]


def _card(row: dict[str, str]) -> DatasetCard:
    """Return a file as something that is pulled and checked like a dataset."""
    url = f"{_BASE}/{row['commit']}/Human/{row['file']}.RData"
    file = SourceFile(
        key="profiles", url=url, sha256=row["sha256"], mirror=f"{_KIND}/{row['mirror']}", bytes=int(row["bytes"])
    )
    about = f"mean profiles of cell types of {row['stage']} {row['organ']}"
    return DatasetCard(
        name=_KIND, title="CellProfileLibrary", description=about, role="smoke", files=(file,),
        reader=Reader(name="rdata"),
    )  # fmt: skip


def published(names: Sequence[str] | None, cache: Path, mirror: Path | None = None) -> Iterator[Published]:
    """Yield the files as sources of their own, since each measures other genes.

    Raises
    ------
    ConfigError
        If a file is asked for that is not known.
    SourceError, DataError
        If one cannot be had or read.
    """
    for row in _chosen(names):
        card = _card(row)
        path = pull(card, cache=cache, mirror=mirror)["profiles"]
        matrix, genes, types = as_matrix(walk(load(path), ["profile_matrix"], str(path)), str(path))
        study = studies_in(row["study"])
        rows = tuple(
            Row(name=str(name), label=str(name), study=study, tissue=row["organ"], stage=row["stage"])
            for name in np.asarray(types)
        )
        files: tuple[dict[str, str | None], ...] = ({"url": card.files[0].url, "sha256": row["sha256"]},)
        yield Published(
            f"{_KIND}/{row['file']}", _KIND, matrix.toarray().T, np.asarray(genes), rows, "linear", _LICENCE,
            row["citation"], files,
        )  # fmt: skip
