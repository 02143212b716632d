"""Vectors of genes that somebody else computed: kept once for a board, and answered for every dataset of genes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.errors import ConfigError, DataError, NotAvailable
from scarena.base.files import replacing, write_text
from scarena.base.untrusted import read_arrays
from scarena.models.base import ModelCard
from scarena.steps.config import BoardConfig, datasets_of
from scarena.steps.submissions import CARD, check_name, folder_of, read_submitted_card
from scarena.steps.submitted_files import read_vectors

if TYPE_CHECKING:
    import pandas as pd

VECTORS = "genes.npz"


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a submission is kept, and what there is to say of it, a line each."""

    path: Path
    notes: tuple[str, ...]


def submit_genes(
    name: str, file: Path, config: BoardConfig, *, card_file: Path | None = None, key: str | None = None,
    dataset: str | None = None,
) -> Kept:  # fmt: skip
    """Put a table of vectors of genes on a board.

    Parameters
    ----------
    name
        What the board calls it.
    file
        Vectors by Ensembl id or symbol: .npz (``vectors``, ``genes``), .csv, .parquet or .h5ad (genes as observations).
    config
        The board.
    card_file
        YAML with the keys of a model card but for the name. Without one the board says that nothing is known of what
        the vectors were made from.
    key
        Entry of ``obsm`` in an .h5ad that has several.
    dataset
        A prepared dataset of genes of the board, to be told how many of its genes are known.

    Raises
    ------
    ConfigError, CardError, DataError
        If the name is taken, the dataset is none of genes, or the file holds no vectors of human genes; nothing is
        written then.
    """
    from scarena.datasets.gene_names import named_genes
    from scarena.datasets.genes import gene_table

    card = _card(name, card_file)
    check_name(name, config, card_file or Path("submit-genes"))
    vectors, names = read_vectors(file, key, "gene")
    found = named_genes(names.tolist(), gene_table(cache=config.cache), str(file))
    kept = _finite(vectors[found.rows], found.ids, str(file))
    notes = found.notes if dataset is None else (*found.notes, _coverage(dataset, found.ids, config))
    folder = folder_of(config, name)
    with replacing(folder / VECTORS) as part, part.open("wb") as out:
        np.savez(out, vectors=kept, genes=found.ids)
    # The card last: without one, nothing was submitted.
    write_text(folder / CARD, card.model_dump_json(indent=1) + "\n")
    return Kept(folder / VECTORS, (f"{len(kept):,} genes with {kept.shape[1]:,} numbers each", *notes))


def has_genes(config: BoardConfig, name: str) -> bool:
    """Return whether a submission is one of vectors of genes."""
    return (folder_of(config, name) / VECTORS).exists()


def submitted_gene_vectors(config: BoardConfig, name: str) -> pd.DataFrame:
    """Return the table of a submission, float32 by Ensembl id.

    Raises
    ------
    NotAvailable
        If no vectors of genes were submitted under this name.
    DataError
        If the file was damaged since.
    """
    import pandas as pd

    path = folder_of(config, name) / VECTORS
    if not path.exists():
        fix = f"`scarena submit-genes {name} …`"
        raise NotAvailable("no vectors of genes were submitted under this name", where=name, fix=fix)
    held = read_arrays(path, "vectors", "genes", fix="submit it again")
    return pd.DataFrame(held["vectors"], index=held["genes"])


def _card(name: str, path: Path | None) -> ModelCard:
    if path is not None:
        return read_submitted_card(path, name)
    return ModelCard(
        name=name, title=name, family="foundation", offers="genes", source="submitted without a card",
        description="vectors of genes that were computed elsewhere; nothing is known of what they were made from",
        licence="not said", lists_all_studies=False, gene_knowledge=("not said",),
    )  # fmt: skip


def _finite(vectors: np.ndarray, ids: np.ndarray, where: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        # What single precision cannot hold becomes infinite.
        found = vectors.astype(np.float32)
    if not found.shape[1]:
        raise DataError("vectors without a number", where=where, fix="give one column a dimension")
    bad = ~np.isfinite(found).all(axis=1)
    if bad.any():
        what = f"{int(bad.sum())} of {len(ids)} genes have NaN or infinite numbers (first: {ids[bad][0]})"
        raise DataError(what, where=where, fix="give finite numbers, and no row for a gene without")
    return found


def _coverage(dataset: str, ids: np.ndarray, config: BoardConfig) -> str:
    """Return how many of a dataset's genes are among some."""
    asked = genes_of(dataset, config)
    known = len(set(asked) & set(ids.tolist()))
    if not known:
        what = f"none of the {len(asked):,} genes of {dataset} is among them"
        raise DataError(what, where=f"dataset {dataset}", fix="submit vectors of its genes, or leave --dataset out")
    return f"{known:,} of the {len(asked):,} genes of {dataset} are known"


def genes_of(dataset: str, config: BoardConfig) -> list[str]:
    """Return the Ensembl ids of a board's prepared dataset of genes.

    Raises
    ------
    ConfigError
        If the board has no such dataset, or it is not one of genes.
    DataError
        If it is not prepared.
    """
    from scarena.datasets.card import load_card
    from scarena.datasets.gene_truth import read_gene_truth

    if dataset not in datasets_of(config) or load_card(dataset, config.user_cards).kind != "genes":
        fix = "name a dataset of genes of the board, or leave --dataset out"
        raise ConfigError(f"no dataset of genes {dataset!r} on this board", where=f"board {config.board}", fix=fix)
    path = config.folder / dataset / "dataset.h5ad"
    if not path.exists():
        fix = "make the board first: `scarena run --config …`"
        raise DataError("the dataset is not prepared", where=f"{dataset} ({path})", fix=fix)
    return list(map(str, read_gene_truth(path).genes.index))
