"""True edges as their file has them: pairs of names of a regulator and a gene."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scarena.base.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from scarena.datasets.network_rule import Edges

_R = (".rda", ".rdata", ".rds")


def read_edges(files: Mapping[str, Path], rule: Edges, url: str) -> list[tuple[str, str]]:
    """Return the pairs of a card's file, each once, sorted.

    Parameters
    ----------
    files
        By key of the card.
    rule
        The card's.
    url
        Where the file is from, whose ending says what it is: in the cache it has another name.

    Raises
    ------
    DataError
        If it has not these columns, or no row of the values to keep.
    """
    table = _of_r(files[rule.file], rule) if url.lower().endswith(_R) else _of_text(files[rule.file], rule)
    wanted = [rule.regulator, rule.gene, *rule.keep]
    if lacking := [name for name in wanted if name not in table]:
        fix = f"correct `network: edges` on the card (columns: {', '.join(map(str, table.columns))})"
        raise DataError(f"no column {lacking[0]!r} among the edges", where=url, fix=fix)
    for name, values in rule.keep.items():
        table = table[table[name].astype(str).isin(values)]
    pairs = table[[rule.regulator, rule.gene]].dropna().astype(str)
    if pairs.empty:
        raise DataError("no edge is left", where=url, fix="correct `keep` under `network: edges` on the card")
    return sorted(set(pairs.itertuples(index=False, name=None)))


def _of_r(path: Path, rule: Edges) -> pd.DataFrame:
    import pandas as pd

    from scarena.datasets.r_objects import load, walk

    found = walk(load(path), list(rule.path), str(path))
    if not isinstance(found, pd.DataFrame):
        raise DataError("no data frame of edges", where=str(path), fix="correct `path` under `network: edges`")
    return found


def _of_text(path: Path, rule: Edges) -> pd.DataFrame:
    import pandas as pd

    from scarena.base.untrusted import reading
    from scarena.datasets.read_tables import check_unpacked_text, opened

    check_unpacked_text(path, "not a readable table of edges")
    names = list(rule.columns) or None
    with reading(str(path), what="not a readable table of edges", fix="pull it again"), opened(path) as file:
        return pd.read_csv(file, sep=rule.sep, names=names, dtype=str, keep_default_na=False)
