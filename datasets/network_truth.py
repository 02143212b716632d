"""Which gene regulates which, and its place in a prepared dataset: uns of the h5ad whose cells models are shown.

Models are handed counts, batches and names of genes alone; what is in uns they never see.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scarena.base.advice import made_again
from scarena.base.errors import DataError
from scarena.base.untrusted import reading

if TYPE_CHECKING:
    from anndata import AnnData

KEY = "network"


@dataclass(frozen=True, slots=True, eq=False)
class NetworkTruth:
    """What one dataset knows of a network.

    Shapes: R regulators, G genes.

    Parameters
    ----------
    regulators, genes
        Ensembl ids that edges may begin and end at. All genes are measured; a regulator need not be.
    edges
        bool [R, G], which pairs are true.
    asked
        bool [R, G], which pairs are asked about: never a gene's edge to itself.
    distance
        float32 [R, G], how far the gene's distribution moves where the regulator is perturbed: Wasserstein-1 of log1p
        counts per 10,000, NaN where it is not asked about. None where nothing was perturbed.
    p
        float32 [R, G], adjusted p value of this; None where nothing was perturbed.
    card
        The dataset's card as JSON.
    notes
        What was lost or dropped, a line each.
    """

    regulators: tuple[str, ...]
    genes: tuple[str, ...]
    edges: np.ndarray
    asked: np.ndarray
    distance: np.ndarray | None = None
    p: np.ndarray | None = None
    card: str = "{}"
    notes: tuple[str, ...] = ()

    @property
    def targets(self) -> frozenset[str]:
        """What it knows: ``edges``, and ``effects`` where genes were perturbed."""
        return frozenset({"edges"} if self.distance is None else {"edges", "effects"})

    @property
    def measured(self) -> np.ndarray:
        """Whether each regulator is among the genes, bool [R]."""
        return np.isin(np.asarray(self.regulators, object), np.asarray(self.genes, object))


def with_truth(data: AnnData, truth: NetworkTruth) -> AnnData:
    """Return prepared cells that carry what is true of their network; `scarena.datasets.prepared` writes them."""
    told = {"regulators": np.asarray(truth.regulators, object), "genes": np.asarray(truth.genes, object)}
    told |= {"edges": truth.edges.astype(np.uint8), "asked": truth.asked.astype(np.uint8)}
    told |= {name: each for name in ("distance", "p") if (each := getattr(truth, name)) is not None}
    data.uns[KEY] = told
    data.uns["card"], data.uns["notes"] = truth.card, list(truth.notes)
    return data


def read_network_truth(path: Path) -> NetworkTruth:
    """Read what `with_truth` put into a prepared dataset, and none of its counts.

    Raises
    ------
    DataError
        If the file is missing or damaged, or of no network.
    """
    import h5py
    from anndata.io import read_elem

    from scarena.datasets.stores.hdf5 import check_hdf5

    fix = made_again(path, "dataset.h5ad", "dataset.json")
    with reading(path, what="no readable dataset of a network", fix=fix):
        check_hdf5(path, matrices=False)
        with h5py.File(path, "r") as file:
            told = read_elem(file["uns"][KEY]) if KEY in file["uns"] else {}
            card, notes = (read_elem(file["uns"][key]) for key in ("card", "notes")) if told else ("", ())
    _check(told, path, fix)
    distance, p = (np.asarray(told[name], np.float32) if name in told else None for name in ("distance", "p"))
    regulators, genes = (tuple(map(str, told[name])) for name in ("regulators", "genes"))
    edges, asked = (np.asarray(told[name]).astype(bool) for name in ("edges", "asked"))
    return NetworkTruth(regulators, genes, edges, asked, distance, p, str(card), tuple(map(str, notes)))


def _check(told: dict[str, np.ndarray], path: Path, fix: str) -> None:
    """Refuse what is no network: parts that lack, names that stand twice, or matrices of other shapes."""
    if lacking := sorted({"regulators", "genes", "edges", "asked"} - set(told)):
        raise DataError(f"no dataset of a network: lacks {', '.join(lacking)}", where=str(path), fix=fix)
    for name in ("regulators", "genes"):
        if len(set(told[name])) < len(told[name]):
            raise DataError(f"one of the {name} stands twice", where=str(path), fix=fix)
    shape = (len(told["regulators"]), len(told["genes"]))
    for name in ("edges", "asked", "distance", "p"):
        if name in told and told[name].shape != shape:
            what = f"{name} has shape {told[name].shape} and not {shape}"
            raise DataError(what, where=str(path), fix=fix)
