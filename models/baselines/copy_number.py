"""Copy number: expression smoothed along the chromosomes, where many neighbours at once are high or low.

A gain or a loss of a part of a chromosome moves all genes on it, and a cell type moves genes wherever they lie (Patel
2014, Tirosh 2016). After inferCNV, with all cells as its reference, since nothing says here which ones are normal: of a
dataset that is mostly one tumour's cells, the others stand out. What CopyKAT adds, finding normal cells first, is left
out. Genes are centred at their mean, as inferCNV does, and not at their median, which is 0 for most genes.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self, cast

import numpy as np
from anndata import AnnData

from scarena.base.errors import NotApplicable, NotAvailable, SourceError
from scarena.datasets.gene_positions import gene_positions
from scarena.datasets.stored import blocks
from scarena.models.base import Context, Model, ModelCard
from scarena.models.normalised import TARGET, log_blocks, log_means

WINDOW = 101
CLIP = 3.0
MIN_SHARE = 0.05
BIN = 50
# Of the sex chromosomes dosage differs between donors, of the mitochondrial one between dying cells and others.
_LEFT_OUT = frozenset({"chrX", "chrY", "chrM"})


class CopyNumber(Model):
    """Smoothed expression along the chromosomes in bins, and how far it is from none."""

    tables: ClassVar[Path | None] = None
    """Folder in which the table of positions is sought; None for the run's cache."""

    card = ModelCard(
        name="copy-number",
        title="Copy number",
        family="baseline",
        draws=False,
        uses_device=False,
        out_of_core=True,
        description=(
            "mean square of expression smoothed along the chromosomes, and its means in bins of neighbouring genes; "
            "all cells are the reference"
        ),
        trains_on_target=True,
        source="doi:10.1126/science.1254257",
        licence="MIT",
        settings={
            "target_sum": TARGET,
            "min_share_of_cells": MIN_SHARE,
            "clip": CLIP,
            "window": WINDOW,
            "genes_per_bin": BIN,
            "left_out": ", ".join(sorted(_LEFT_OUT)),
        },
    )

    @classmethod
    def example(cls, folder: Path) -> type[Self]:
        """Return the model with the table of positions in a folder, where it then needs no network."""
        _positions(folder)
        return cast("type[Self]", type(cls.__name__, (cls,), {"__module__": cls.__module__, "tables": folder}))

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return the score and the bins, float32 [n_cells, 1 + n_bins].

        Raises
        ------
        NotApplicable
            If fewer genes than fill a window have a place and are seen in enough cells.
        NotAvailable
            If the table of positions cannot be had.
        """
        placed, chromosomes = along(data.var_names.astype(str), _positions(self.tables or ctx.cache))
        seen = _share_of_cells(data)[placed] >= MIN_SHARE
        genes, chromosomes = placed[seen], chromosomes[seen]
        if len(genes) < WINDOW:
            what = f"{len(genes)} genes with a known place are seen in {MIN_SHARE:.0%} of the cells, {WINDOW} needed"
            raise NotApplicable(what, where="genes", fix="none needed: the dataset cannot say how many copies")
        mean = log_means(data)[genes]
        bins = binned(chromosomes)
        found = np.empty((data.n_obs, bins.shape[1] + 1), np.float32)
        for first, last, rows in log_blocks(data.X):
            level = smoothed(np.clip(rows[:, genes].toarray() - mean, -CLIP, CLIP), chromosomes)
            level -= np.median(level, axis=1, keepdims=True)
            found[first:last, 0] = np.square(level).mean(axis=1)
            found[first:last, 1:] = level @ bins
        return found


def _positions(folder: Path) -> dict[str, tuple[str, int]]:
    try:
        return gene_positions(cache=folder)
    except SourceError as error:
        raise NotAvailable(error.what, where=error.where, fix=error.fix) from error


def _share_of_cells(data: AnnData) -> np.ndarray:
    """Return in what share of the cells each gene is counted, float64 [n_genes]."""
    seen = np.zeros(data.n_vars)
    for _, _, part in blocks(data.X):
        seen += np.asarray((part > 0).sum(axis=0)).ravel()
    return seen / data.n_obs


def along(names: np.ndarray, positions: dict[str, tuple[str, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of genes with a place, in the order of chromosome and start, and their chromosomes' codes.

    Parameters
    ----------
    names
        Ensembl ids ``[n_genes]``.
    positions
        Chromosome and start by Ensembl id; genes on sex chromosomes and of mitochondria are left out.
    """
    at = {column: positions[name] for column, name in enumerate(names) if name in positions}
    kept = [column for column in at if at[column][0] not in _LEFT_OUT]
    # By name too, so that genes with one start stand in one order whatever the order of columns.
    order = sorted(kept, key=lambda column: (*at[column], names[column]))
    codes = np.unique([at[column][0] for column in order], return_inverse=True)[1]
    return np.array(order, dtype=np.int64), codes


def smoothed(level: np.ndarray, chromosomes: np.ndarray, window: int = WINDOW) -> np.ndarray:
    """Return running means along each chromosome; at its ends, of those genes of the window that there are.

    Parameters
    ----------
    level
        Centred expression ``[n_cells, n_genes]``, genes in their order on the chromosomes.
    chromosomes
        Codes ``[n_genes]``, ascending.
    window
        Genes that are averaged, the gene itself in the middle.

    Examples
    --------
    >>> smoothed(np.array([[0.0, 3.0, 6.0, 9.0]]), np.array([0, 0, 0, 1]), window=3)
    array([[1.5, 3. , 4.5, 9. ]])
    """
    total = np.concatenate([np.zeros((len(level), 1)), np.cumsum(level, axis=1, dtype=np.float64)], axis=1)
    genes, half = np.arange(len(chromosomes)), window // 2
    low = np.maximum(genes - half, np.searchsorted(chromosomes, chromosomes, side="left"))
    high = np.minimum(genes + half + 1, np.searchsorted(chromosomes, chromosomes, side="right"))
    return (total[:, high] - total[:, low]) / (high - low)


def binned(chromosomes: np.ndarray, size: int = BIN) -> np.ndarray:
    """Return the matrix [n_genes, n_bins] whose product is the mean of each bin of about `size` neighbours.

    A chromosome has as many bins as its genes fill, one at least, which share its genes evenly.
    """
    _, sizes = np.unique(chromosomes, return_counts=True)
    parts = [part for n in sizes for part in np.array_split(np.ones(n), max(1, round(n / size)))]
    bin_of = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    matrix = np.zeros((len(chromosomes), len(parts)))
    matrix[np.arange(len(chromosomes)), bin_of] = 1 / np.bincount(bin_of)[bin_of]
    return matrix
