"""Reader for datasets made of several parts, each with a reader of its own, stacked cell-wise.

Options: ``parts``, a list of ``{reader, prefix, options}`` (`prefix` goes before the part's cell names), and
``genes``: ``union`` (default; a gene absent from a part counts zero there) or ``intersection``, the choice where the
parts were cut to different genes, since a gene missing from one technology would otherwise look like a batch effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scarena.base.errors import DataError
from scarena.datasets.accepted import gene_counts
from scarena.datasets.raw import Raw
from scarena.datasets.read_tables import stack


def read(files: Mapping[str, Path], options: Mapping[str, Any]) -> Raw:
    """Read every part and stack them."""
    from scarena.datasets.readers import find_reader

    raws, notes = [], list[str]()
    for number, part in enumerate(options["parts"], 1):
        what = f"part {part.get('prefix', '').strip(': ') or number}"
        raw = find_reader(part["reader"], what)(files, part.get("options", {}))
        obs = raw.obs.set_axis(part.get("prefix", "") + raw.obs.index.astype(str))
        raws.append(Raw(gene_counts(raw), obs, raw.genes))
        notes += [f"{what}: {note}" for note in raw.notes]
    if options.get("genes", "union") == "intersection":
        raws = _shared(raws, ", ".join(path.name for path in files.values()))
    counts, cells, genes = stack([(raw.counts, raw.obs.index, raw.genes) for raw in raws])
    return Raw(counts, pd.concat([raw.obs for raw in raws]).set_axis(cells), genes, notes=tuple(notes))


def _shared(raws: list[Raw], where: str) -> list[Raw]:
    common = set(raws[0].genes).intersection(*(set(raw.genes) for raw in raws[1:]))
    if not common:
        raise DataError("the parts have no gene in common", where=where, fix="correct the parts on the card")
    kept = []
    for raw in raws:
        columns = np.flatnonzero([gene in common for gene in raw.genes])
        kept.append(Raw(raw.counts[:, columns], raw.obs, raw.genes[columns]))
    return kept
