"""In the child process: preparing a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from scarena.tasks.dataset_reference import UNINTEGRATED

if TYPE_CHECKING:
    from scarena.datasets.card import DatasetCard


def prepare(spec: dict[str, Any]) -> dict[str, Any]:
    """Prepare the dataset a spec names, add the unintegrated components PCR compares with, write it; describe it."""
    from scarena.datasets.card import load_card
    from scarena.datasets.ontology import CellOntology
    from scarena.datasets.prepare import prepare as make
    from scarena.datasets.prepared import write_prepared
    from scarena.datasets.stored import scratch
    from scarena.datasets.summary import summary
    from scarena.models.expression import principal_components

    card = load_card(spec["dataset"], Path(spec["cards"]))
    if card.kind != "cells":
        return _PREPARED[card.kind](spec, card)
    ontology = CellOntology.load(spec["ontology"])
    with scratch(Path(spec["h5ad"])) as store:
        data = make(card, cache=Path(spec["cache"]), ontology=ontology, store=store)
        data.obsm[UNINTEGRATED] = principal_components(data, seed=0)
        described = summary(data)
        write_prepared(data, Path(spec["h5ad"]))
    return {"card": card.model_dump(mode="json"), "summary": described, "cl_release": ontology.release}


def _genes(spec: dict[str, Any], card: DatasetCard) -> dict[str, Any]:
    from scarena.datasets.gene_truth import write_gene_truth
    from scarena.datasets.prepare_genes import gene_summary, prepare_genes

    truth = prepare_genes(card, cache=Path(spec["cache"]))
    write_gene_truth(truth, Path(spec["h5ad"]))
    return {"card": card.model_dump(mode="json"), "summary": gene_summary(truth)}


def _network(spec: dict[str, Any], card: DatasetCard) -> dict[str, Any]:
    from scarena.datasets.ontology import CellOntology
    from scarena.datasets.prepare_network import network_summary, prepare_network
    from scarena.datasets.prepared import write_prepared

    ontology = CellOntology.load(spec["ontology"])
    data, truth = prepare_network(card, cache=Path(spec["cache"]), ontology=ontology)
    write_prepared(data, Path(spec["h5ad"]))
    summary = network_summary(data, truth)
    return {"card": card.model_dump(mode="json"), "summary": summary, "cl_release": ontology.release}


def _response(spec: dict[str, Any], card: DatasetCard) -> dict[str, Any]:
    from scarena.datasets.ontology import CellOntology
    from scarena.datasets.prepare_response import prepare_response, response_summary
    from scarena.datasets.response_splits import write_splits
    from scarena.datasets.response_truth import write_response_truth

    ontology = CellOntology.load(spec["ontology"])
    truth, cells = prepare_response(card, cache=Path(spec["cache"]), ontology=ontology)
    write_response_truth(truth, cells, Path(spec["h5ad"]))
    write_splits(truth.splits, Path(spec["h5ad"]).with_name("splits.json"))
    return {"card": card.model_dump(mode="json"), "summary": response_summary(truth), "cl_release": ontology.release}


_PREPARED = {"genes": _genes, "network": _network, "response": _response}
