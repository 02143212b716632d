"""Building an atlas: sources as published to one `Profiles`.

The same configuration gives the same atlas, and so does the same one in another order: sources, profiles and genes
stand in the order of their names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import DataError
from scarena.base.progress import tell
from scarena.datasets.genes import GeneTable, gene_table
from scarena.datasets.vocabulary import Vocabulary
from scarena.models.foundation.atlas.config import AtlasConfig, Hpa
from scarena.models.foundation.atlas.contamination import benchmark_studies, with_accessions
from scarena.models.foundation.atlas.part import Part, part_of, without
from scarena.models.foundation.atlas.profiles import Profiles
from scarena.models.foundation.atlas.published import Published, Row, repeated
from scarena.models.foundation.atlas.sources import sources
from scarena.models.foundation.atlas.terms import ExactTerms

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
_KEYS = ("source", "study", "label", "term", "tissue", "stage", "species", "licence", "n_cells")


def build_atlas(
    config: AtlasConfig, cache: Path = Path(".cache"), mirror: Path | None = None, own: Path | None = None,
    given: Iterable[Published] | None = None,
) -> Profiles:  # fmt: skip
    """Build an atlas.

    Parameters
    ----------
    config
        What goes in.
    cache, mirror
        As for `scarena.datasets.sources.pull`.
    own
        Folder with cards of one's own, whose studies are refused too.
    given
        The sources, where they are not those that `config` names.

    Raises
    ------
    SourceError, NotAvailable
        If a source cannot be had.
    DataError
        If values are not what they are said to be, a source has no gene in common with the others, or one type is
        all that is left.
    """
    table = gene_table(cache=cache, mirror=mirror)
    benchmark = {} if config.allow_contaminated else benchmark_studies(own)
    found = sources(config, table, cache, mirror) if given is None else given
    whole = sorted(_parts(found, table, benchmark), key=lambda part: part.name)
    parts = [without(part, config.leave_out) for part in whole]
    where = f"atlas {config.name}"
    kept = [part for part in parts if part.rows]
    if not kept:
        reasons = "; ".join(sorted({each["reason"] for part in parts for each in part.refused})) or "no source"
        fix = "add sources; `allow_contaminated: true` keeps these, and then no board of such a set may be believed"
        raise DataError(f"no profile is left, all are refused ({reasons})", where=where, fix=fix)
    _check(kept, where)
    tell("putting the sources together")
    genes = tuple(sorted({gene for part in kept for gene in part.genes}))
    values, measured = _over(kept, genes)
    obs = _obs(kept, ExactTerms(vocabulary := Vocabulary.load()))
    manifest = {
        "format": FORMAT, "name": config.name, "config": config.told(), "genes": len(genes), "profiles": len(obs),
        "ontology": vocabulary.ontology.release, "all_studies": all(row.study for part in kept for row in part.rows),
        "sources": [part.about for part in parts],
    }  # fmt: skip
    symbols = tuple(table.id_to_symbol.get(gene, gene) for gene in genes)
    return Profiles(values, genes, symbols, obs, tuple(part.name for part in kept), measured, manifest)


def default_atlas(cache: Path = Path(".cache"), mirror: Path | None = None) -> Profiles:
    """Return the atlas that needs a package index alone: the single-cell types of the Human Protein Atlas."""
    return build_atlas(AtlasConfig(name="hpa", hpa=Hpa()), cache, mirror)


def _parts(found: Iterable[Published], table: GeneTable, benchmark: dict[str, str]) -> Iterator[Part]:
    for number, each in enumerate(found, 1):
        tell("reading profiles", number, unit="sources", note=each.name)
        yield part_of(each, table, benchmark)


def _check(parts: Sequence[Part], where: str) -> None:
    """Refuse an atlas of one type, two sources of a name, and a source that shares no gene with the others."""
    if twice := repeated([part.name for part in parts]):
        raise DataError(f"two sources are called {twice[0]!r}", where=where, fix="rename one of them")
    labels = {row.label for part in parts for row in part.rows}
    if len(labels) < 2:
        what, fix = f"one cell type alone ({labels.pop()!r})", "add sources: a gene tells types apart or tells nothing"
        raise DataError(what, where=where, fix=fix)
    seen = Counter(gene for part in parts for gene in part.genes)
    for part in parts:
        if len(parts) > 1 and all(seen[gene] == 1 for gene in part.genes):
            fix = "leave it out; human genes by symbol or Ensembl id are expected"
            raise DataError("has no gene in common with the other sources", where=f"{where}: {part.name}", fix=fix)


def _over(parts: Sequence[Part], genes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 [P, G] over all genes, and bool [S, G]: which of them each source measured."""
    place = {gene: at for at, gene in enumerate(genes)}
    values = np.zeros((sum(len(part.rows) for part in parts), len(genes)), np.float32)
    measured = np.zeros((len(parts), len(genes)), bool)
    first = 0
    for number, part in enumerate(parts):
        columns = np.array([place[gene] for gene in part.genes])
        measured[number, columns] = True
        order = sorted(range(len(part.rows)), key=lambda at: part.rows[at].name)
        values[first : first + len(order), columns] = part.values[order]
        first += len(order)
    return values, measured


def _obs(parts: Sequence[Part], terms: ExactTerms) -> pd.DataFrame:
    import pandas as pd

    rows = [(part, row) for part in parts for row in sorted(part.rows, key=lambda row: row.name)]
    table = pd.DataFrame(
        [_said(part.name, row, part.about["licence"], terms) for part, row in rows],
        columns=list(_KEYS), index=[f"{part.name}:{row.name}" for part, row in rows],
    )  # fmt: skip
    table["n_cells"] = table["n_cells"].astype("Int64")
    return table


def _said(source: str, row: Row, licence: str, terms: ExactTerms) -> tuple[Any, ...]:
    term = terms.of(row.plain or row.label) if row.term is None else row.term
    study = "; ".join(with_accessions(row.study))
    return source, study, row.label, term, row.tissue, row.stage, "human", licence, row.n_cells
