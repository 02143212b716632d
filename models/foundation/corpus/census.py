"""The CZ CELLxGENE Census as a source of a corpus: one source a dataset, its cells fetched in blocks.

Needs the package ``cellxgene-census``, which is no dependency of scArena. What is used of it: ``open_soma``,
``get_obs``, ``get_var``, ``get_presence_matrix`` and ``get_anndata``. Cells and genes are joined by ``soma_joinid``,
never by position: the rows of a presence matrix are datasets by their joinid, its columns genes by theirs.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.errors import DataError, NotAvailable
from scarena.base.text import named
from scarena.datasets.genes import GeneTable, gene_map
from scarena.models.foundation.corpus.blocks import UNKNOWN, Block, Origin, Source, block_of
from scarena.models.foundation.corpus.config import CensusQuery

if TYPE_CHECKING:
    import pandas as pd

# https://cellxgene.cziscience.com/docs: all data are published under it.
LICENCE = "CC-BY-4.0"
_OBS = ("soma_joinid", "dataset_id", "donor_id", "tissue", "assay")


def _package() -> Any:
    try:
        return importlib.import_module("cellxgene_census")
    except ImportError:
        fix = "pip install cellxgene-census, in an environment of its own if it wants other versions"
        raise NotAvailable("cellxgene-census is not installed", where="corpus: census", fix=fix) from None


def _filter(query: CensusQuery) -> str:
    return f"({query.value_filter}) and is_primary_data == True" if query.primary_only else query.value_filter


def _found(package: Any, census: Any, query: CensusQuery) -> pd.DataFrame:
    """Return the cells of a query, by ``soma_joinid``."""
    columns = sorted({*_OBS, *query.batch})
    try:
        found = package.get_obs(census, query.organism, value_filter=_filter(query), column_names=columns)
    except (ValueError, KeyError, RuntimeError) as error:
        said = " ".join(str(error).split())[:160]
        raise DataError(f"the query fails ({said})", where="corpus: census", fix="correct value_filter") from None
    if found.empty:
        raise DataError("the query finds no cell", where="corpus: census", fix="correct value_filter")
    return found.set_index("soma_joinid").sort_index()


def _obs(cells: pd.DataFrame, query: CensusQuery) -> pd.DataFrame:
    import pandas as pd

    text = pd.DataFrame({key: named(cells[key]) for key in cells}, index=cells.index).fillna(UNKNOWN)
    batch = text[list(query.batch)].agg("|".join, axis=1)
    columns = {"batch": batch, "donor": text["donor_id"], "tissue": text["tissue"], "assay": text["assay"]}
    return pd.DataFrame(columns).set_index(cells.index.astype(str))


def _fetched(package: Any, query: CensusQuery, cells: np.ndarray, genes: np.ndarray) -> tuple[Any, list[str]]:
    """Return the counts of cells × genes, both by joinid and ascending, and the Ensembl ids of the genes."""
    with package.open_soma(census_version=query.version) as census:
        data = package.get_anndata(
            census,
            query.organism,
            X_name="raw",
            obs_coords=cells.tolist(),
            var_coords=genes.tolist(),
            obs_column_names=["soma_joinid"],
            var_column_names=["soma_joinid", "feature_id"],
        )
    got_cells, got_genes = data.obs["soma_joinid"].to_numpy(), data.var["soma_joinid"].to_numpy()
    rows, columns = np.argsort(got_cells, kind="stable"), np.argsort(got_genes, kind="stable")
    if not (np.array_equal(got_cells[rows], cells) and np.array_equal(got_genes[columns], genes)):
        what = f"{len(got_cells)} of {len(cells)} cells and {len(got_genes)} of {len(genes)} genes came back"
        raise DataError(what, where=f"census {query.version}", fix="build again; the connection may have broken")
    return data.X[rows][:, columns], [str(gene) for gene in data.var["feature_id"].to_numpy()[columns]]


def _source(
    package: Any, query: CensusQuery, cells: pd.DataFrame, about: pd.Series, genes: pd.Series, block_cells: int
) -> Source:
    name, version = f"census-{about['dataset_id']}", query.version
    where = f"census {version}: dataset {about['dataset_id']}"
    columns = gene_map(genes.to_numpy(str), GeneTable({}, {}), where)
    measured = genes.index.to_numpy()

    def blocks() -> Iterator[Block]:
        for first in range(0, len(cells), block_cells):
            part = cells.iloc[first : first + block_cells]
            counts, ids = _fetched(package, query, part.index.to_numpy(), measured)
            if ids != [str(gene) for gene in genes]:
                raise DataError("the genes changed between two queries", where=where, fix="build again")
            yield block_of(counts, columns, _obs(part, query), where)

    study = tuple(str(about[key]) for key in ("collection_doi", "collection_name") if str(about.get(key) or ""))
    files: tuple[dict[str, str | None], ...] = ({"url": f"census:{version}#{about['dataset_id']}", "sha256": None},)
    return Source(Origin(name, "census", study, LICENCE, files), columns.ids, blocks, columns.told)


def sources(query: CensusQuery, block_cells: int) -> Iterator[Source]:
    """Yield a source for every dataset in which a query finds cells, by dataset id.

    Cell names are the Census' ``soma_joinid``: the barcodes are not in it, so that an audit of such a corpus rests on
    fingerprints alone.

    Raises
    ------
    NotAvailable
        If the package is not installed.
    DataError
        If the query fails or finds nothing, or fewer cells come back than were asked for.
    """
    package = _package()
    with package.open_soma(census_version=query.version) as census:
        found = _found(package, census, query)
        genes = package.get_var(census, query.organism, column_names=["soma_joinid", "feature_id"])
        presence = package.get_presence_matrix(census, query.organism)
        about = census["census_info"]["datasets"].read().concat().to_pandas().set_index("soma_joinid")
    ids = genes.set_index("soma_joinid")["feature_id"].sort_index()
    about = about[about["dataset_id"].isin(found["dataset_id"].unique())].sort_values("dataset_id")
    for joinid, row in about.iterrows():
        present = np.sort(presence[[joinid]].nonzero()[1])
        cells = found[found["dataset_id"] == row["dataset_id"]]
        yield _source(package, query, cells, row, ids.loc[present], block_cells)
