"""The model protocol: what a model is told, what it must return, and the card that describes it."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from anndata import AnnData
from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from scarena.base.errors import NotApplicable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from scarena.models.responses import Seen

Family = Literal["foundation", "baseline", "control"]
Offers = Literal["vectors", "labels", "genes", "network", "response"]
"""What a model makes of a cell: a vector, the probability of each type, or nothing, having vectors of genes alone, a
network of them, or predictions of what a perturbation does."""


class Environment(BaseModel):
    """What a model needs that must not be installed beside everything else; one of the three."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pip: tuple[str, ...] = ()
    """Requirements for a virtual environment of its own."""
    conda: str | None = None
    """A conda environment file, beside the model's own."""
    container: str | None = None
    """An image with its digest."""


class ModelCard(BaseModel):
    """What a reader of the board must know of a model before believing its scores."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    name: str
    title: str
    family: Family
    description: str
    uses_batch: bool = False
    """Whether `embed` reads ``obs["batch"]``."""
    uses_labels: bool = False
    """Whether `embed` is handed the cell types (positive controls, supervised models); the board then says so."""
    trains_on_target: bool = False
    """Whether `embed` fits parameters on the dataset it embeds (scVI, Harmony), as opposed to a frozen model."""
    draws: bool | None = None
    """Whether `embed` gives other vectors with another seed: of a model that draws nothing one seed is enough, and
    `scarena check-model` tries two. None where nobody says."""
    order_matters_of: tuple[Literal["cells", "genes"], ...] = ()
    """What a frozen model's vectors depend on the order of, as its authors have it; of others it is not asked."""
    uses_device: bool = True
    """Whether `embed` computes on ``ctx.device``; for one that does not, a cluster is not asked for a GPU."""
    out_of_core: bool = False
    """Whether `embed` reads X through `scarena.datasets.stored.blocks` only, so that a large one may stay on disk."""
    offers: Offers = "vectors"
    """``labels``: rows of `embed` are probabilities of the types (see `scarena.models.predicting.Predictor`);
    ``genes``: it has none, and vectors of genes (`scarena.models.of_genes.GeneModel`); ``network``: it has none, and
    ranks which gene regulates which (`scarena.models.of_networks.NetworkModel`); ``response``: it predicts what
    perturbations do (`scarena.models.of_responses.ResponseModel`). A model of cells may have all."""
    control: Literal["positive", "negative"] | None = None
    holds: tuple[Literal["types", "distances", "target"], ...] = ()
    """What of the truth a positive control holds: it then stands for the truth where a metric asks for that."""
    source: str = ""
    licence: str = ""
    parameters: int | None = None
    """Number of trained parameters shipped with the model; 0 for an untrained one, None where nobody says."""
    training_cells: int | None = None
    """Cells that the shipped parameters were trained on; None where nobody says, or where none were."""
    training_corpus: tuple[str, ...] = ()
    """Names of the dataset cards, or studies, the shipped parameters were trained on."""
    lists_all_studies: bool = True
    """Whether `training_corpus` does; where it names a collection, a study that is not found in it may still be."""
    gene_knowledge: tuple[str, ...] = ()
    """What its vectors of genes were made from beside the cells of `training_corpus`, as "protein sequence", "GO" or
    "text until 2023-03": the truth of a task on genes may be among it."""
    settings: dict[str, str | int | float | bool | None] = {}
    """The hyper-parameters that `embed` uses, as stated on the board."""
    environment: Environment | None = None
    """None where it runs beside everything else."""
    unavailable: str = ""
    """Why it cannot be run by anybody here (no public weights or code); it is listed nevertheless."""

    @model_serializer(mode="wrap")
    def _said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is as it was before a card could say it: cards from then stay the same."""
        said: dict[str, Any] = handler(self)
        if not self.holds:
            said.pop("holds", None)
        if self.offers == "vectors":
            said.pop("offers", None)
        if not self.gene_knowledge:
            said.pop("gene_knowledge", None)
        for key in ("draws", "training_cells"):
            if getattr(self, key) is None:
                said.pop(key, None)
        return said


@dataclass(frozen=True, slots=True)
class Context:
    """What a run hands to a model besides the data."""

    seed: int = 0
    device: str = "cpu"
    cache: Path = Path(".cache")
    """A folder the model may write to and find again; never inside the results."""
    threads: int = 1
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("scarena"))
    begun: np.ndarray | None = None
    """Vectors [n_cells, d] of these cells by the model that `Model.starts_from` names, with this seed; None where they
    are not at hand, and the model computes them itself."""
    notes: list[str] = field(default_factory=list)
    """Lines a model adds on what it decided for these cells; the run's record keeps them, and the board shows them."""


class Model(ABC):
    """One way of turning counts into an embedding. A subclass per file, with its card as a class attribute."""

    card: ClassVar[ModelCard]
    starts_from: ClassVar[str] = ""
    """Name of a model with whose vectors this one begins; a board that has both computes them once (`Context.begun`),
    and counts their cost for both."""

    @classmethod
    def lacks(cls) -> str:
        """Return what must be there before the model can run, as a checkpoint or a package; empty where nothing is."""
        return cls.card.unavailable

    @classmethod
    def work(cls, cells: int, genes: int) -> float:
        """Return what the time of `embed` grows with, in a unit of its own: here the values of the matrix.

        A model that reads some of the genes alone, or goes over the cells more often the fewer there are, says so by a
        rule of its own. `scarena recommend` fits seconds to it; how many it is by itself does not matter.
        """
        return float(cells) * genes

    @abstractmethod
    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Return one vector a cell.

        Parameters
        ----------
        data
            A private copy of the prepared dataset: CSR int32 counts in ``X`` (cells × genes), Ensembl ids as
            ``var_names``, ``var["symbol"]``, ``obs["batch"]``. Cell types are absent unless the
            card says ``uses_labels``.
        ctx
            Seed, device, cache folder, thread count and log.

        Returns
        -------
        float32 array [n_cells, d] in the order of ``data.obs_names``, finite everywhere.
        """

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return one vector a gene, of the genes that the model knows.

        Parameters
        ----------
        genes
            What is asked about: a row a gene, by Ensembl id, with its ``symbol`` and what anybody may know of it before
            any model (`scarena.datasets.gene_facts.FACTS`; NaN where nobody does).
        ctx
            Seed, device, cache folder, thread count and log.

        Returns
        -------
        Indexed by Ensembl id, one column a dimension, float, finite everywhere. A gene that the model does not know has
        no row: missing is not zero. Rows of genes that were not asked for are left out.

        Raises
        ------
        NotApplicable
            If the model has none, as most have.
        """
        raise NotApplicable("it has no vectors of genes", where=self.card.name, fix="none needed")

    def network(self, data: AnnData, regulators: Sequence[str], ctx: Context) -> pd.DataFrame:
        """Return how strongly each of some genes is believed to regulate each measured gene.

        Parameters
        ----------
        data
            Cells that nothing was done to, as for `embed`.
        regulators
            Ensembl ids of the genes that edges may begin at.
        ctx
            Seed, device, cache folder, thread count and log.

        Returns
        -------
        A row a regulator, a column a gene of ``data.var_names``; the further from 0 the stronger, of either sign. NaN,
        or no row or column, where the model says nothing of a pair; a gene's edge to itself is not read.

        Raises
        ------
        NotApplicable
            If the model has none. A model with vectors of genes has their cosines.
        """
        from scarena.models.gene_cosine import cosine_network

        return cosine_network(lambda genes: self.gene_vectors(genes, ctx), data, regulators)

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return what perturbations are predicted to do that the model has not seen.

        Parameters
        ----------
        seen
            What it may learn from, and the controls.
        ask
            By name: ``perturbation``, ``context`` and ``targets``, as in ``seen.items``. One call a split.
        ctx
            Seed, device, cache folder, thread count and log.

        Returns
        -------
        A row a profile that is asked about and the model can speak of, a column a measured gene: the mean of
        log-normalised expression after the perturbation, on the scale of ``seen.profiles``. No row where it says
        nothing: missing is not zero. A gene without a column, or NaN, is counted as unpredicted.

        Raises
        ------
        NotApplicable
            If the model has none. A model with vectors of genes has those that these predict.
        """
        from scarena.models.gene_response import bilinear_response

        kept = vars(self).setdefault("_kept_for_responses", {})
        return bilinear_response(lambda genes: self.gene_vectors(genes, ctx), seen, ask, seed=ctx.seed, kept=kept)
