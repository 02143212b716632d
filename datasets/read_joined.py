"""Reader for datasets made of several parts, each with a reader of its own, stacked cell-wise.

Options: ``parts``, a list of ``{reader, prefix, orthologues, options}`` (`prefix` goes before the part's cell names;
`orthologues` is the key of a file of pairs, mouse and human, by which a part of mouse cells is read as human), and
``genes``: ``union`` (default; a gene absent from a part counts zero there) or ``intersection``, the choice where the
parts were cut to different genes, since a gene missing from one technology would otherwise look like a batch effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scarena.base.errors import DataError
from scarena.datasets.accepted import gene_counts
from scarena.datasets.orthologues import humanised, read_orthologues
from scarena.datasets.raw import Raw
from scarena.datasets.read_tables import stack


def read(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Read every part and stack them."""
    from scarena.datasets.readers import find_reader

    raws, notes = [], list[str]()
    for number, part in enumerate(options["parts"], 1):
        what = f"part {part.get('prefix', '').strip(': ') or number}"
        raw = find_reader(part["reader"], what)(files, part.get("options", {}))
        obs = raw.obs.set_axis(_prefixed(raw.obs.index, part))
        if "orthologues" in part:
            raw = humanised(raw, read_orthologues(files[part["orthologues"]]), what)
        matrices = {key: table.set_axis(_prefixed(table.index, part)) for key, table in raw.matrices.items()}
        raws.append(Raw(gene_counts(raw), obs, raw.genes, matrices=matrices))
        notes += [f"{what}: {note}" for note in raw.notes]
    if options.get("genes", "union") == "intersection":
        raws = _shared(raws, ", ".join(path.name for path in files.values()))
    counts, cells, genes = stack([(raw.counts, raw.obs.index, raw.genes) for raw in raws])
    obs = pd.concat([raw.obs for raw in raws]).set_axis(cells)
    return Raw(counts, obs, genes, notes=tuple(notes), matrices=_stacked(raws))


def _prefixed(cells: pd.Index, part: Mapping[str, Any]) -> pd.Index:
    return part.get("prefix", "") + cells.astype(str)


def _stacked(raws: list[Raw]) -> dict[str, pd.DataFrame]:
    """Return what the parts have beside genes; of proteins those that all parts that have any measured."""
    keys = sorted({key for raw in raws for key in raw.matrices})
    return {key: pd.concat([raw.matrices[key] for raw in raws if key in raw.matrices], join="inner") for key in keys}


def _shared(raws: list[Raw], where: str) -> list[Raw]:
    common = set(raws[0].genes).intersection(*(set(raw.genes) for raw in raws[1:]))
    if not common:
        raise DataError("the parts have no gene in common", where=where, fix="correct the parts on the card")
    kept = []
    for raw in raws:
        columns = np.flatnonzero([gene in common for gene in raw.genes])
        kept.append(replace(raw, counts=raw.counts[:, columns], genes=raw.genes[columns]))
    return kept
