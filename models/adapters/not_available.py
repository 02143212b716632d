"""Published models that cannot be run here, each with the reason, so that a list of models does not look complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scarena.base.errors import NotAvailable
from scarena.models.base import Context, Model, ModelCard

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData


class _Listed(Model):
    """A model with a card and nothing behind it."""

    def embed(self, data: AnnData, ctx: Context) -> np.ndarray:
        """Refuse.

        Raises
        ------
        NotAvailable
            Always, with the reason that the card has.
        """
        raise NotAvailable(self.card.unavailable, where=f"model {self.card.name}", fix="take it off the board")


class CellFM(_Listed):
    """A retention network of 800 million parameters."""

    card = ModelCard(
        name="cellfm",
        title="CellFM",
        family="foundation",
        lists_all_studies=False,
        description="log counts of expressed genes, read by a retention network",
        source="doi:10.1101/2024.06.04.597369",
        licence="CC-BY-NC-ND-4.0",
        training_corpus=("about 100 million human cells",),
        unavailable="its weights are published as MindSpore checkpoints, which need MindSpore to be read",
    )


class GeneMamba(_Listed):
    """A bidirectional state-space model over ranked genes."""

    card = ModelCard(
        name="genemamba",
        title="GeneMamba",
        family="foundation",
        lists_all_studies=False,
        description="genes by rank, read forwards and backwards by a state-space model",
        source="doi:10.48550/arXiv.2504.16956",
        training_corpus=("about 30 million human cells",),
        unavailable="its layers are mamba-ssm's kernels, which are compiled for CUDA and run nowhere else",
    )


class Teddy(_Listed):
    """Merck's family of encoders."""

    card = ModelCard(
        name="teddy",
        title="TEDDY",
        family="foundation",
        lists_all_studies=False,
        description="genes by rank or in bins, read by an encoder trained with annotations of cells",
        source="doi:10.48550/arXiv.2503.03485",
        licence="Apache-2.0",
        training_corpus=("116 million human and mouse cells of CELLxGENE",),
        unavailable="its code is only beside its weights, in no package or repository that an adapter could be held to",
    )


class ScPlantLLM(_Listed):
    """A model of plant cells."""

    card = ModelCard(
        name="scplantllm",
        title="scPlantLLM",
        family="foundation",
        lists_all_studies=False,
        description="binned counts of plant genes, read by an encoder",
        source="https://github.com/compbioNJU/scPlantLLM",
        training_corpus=("Arabidopsis thaliana",),
        unavailable="it knows the genes of plants alone, and every dataset here is human",
    )


class ScKGBERT(_Listed):
    """A BERT with a graph of gene interactions."""

    card = ModelCard(
        name="sckgbert",
        title="scKGBERT",
        family="foundation",
        lists_all_studies=False,
        description="genes by rank beside a graph of protein interactions",
        source="doi:10.1186/s13059-025-03862-6",
        training_corpus=("41 million human cells",),
        unavailable="no public checkpoint with the code that reads it was found",
    )
