"""`scarena published openproblems`: 26 methods and controls on six atlases, measured by others, as a board."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from scarena.bench.others.board import board_of
from scarena.bench.others.openproblems_cells import cell_of, counted_parts, dois_of, timing_of
from scarena.bench.others.openproblems_files import Files, OpenProblems, openproblems, read_files
from scarena.datasets.sources import pull
from scarena.models.base import ModelCard

Json = dict[str, Any]
Species = Literal["human", "mouse"]


def openproblems_board(*, cache: Path, species: Species | None = None, mirror: Path | None = None) -> Json:
    """Return the board of the published scores, of one species where one is named.

    Methods that take human cells alone have no total on the mouse atlases, and so no rank beside the others; on the
    human atlases by themselves they have one.

    Raises
    ------
    SourceError
        If a pinned file cannot be had.
    DataError
        If one is not of the known form.
    """
    told = openproblems()
    return board_from(read_files(pull(told.card(), cache=cache, mirror=mirror), told), told, species)


def board_from(files: Files, told: OpenProblems, species: Species | None = None) -> Json:
    """Return the board of what the files hold."""
    kept = {name: each for name, each in told.datasets.items() if species in (None, each.species)}
    counted = {name: counted_parts(files, told, name) for name in kept}
    by_run = {(each.dataset_id, each.method_id): each for each in files.results}
    results = [by_run[dataset, method] for dataset in kept for method in told.methods]
    name, title = told.name, told.title
    if species is not None:
        name, title = f"{name}-{species}", f"{title}, {species} atlases"
    timings = [row for each in results if (row := timing_of(each, told)) is not None]
    return board_of(
        told, name=name, title=title, datasets=[_dataset(files, told, dataset) for dataset in kept],
        models=[_model(files, told, method) for method in told.methods],
        cells=[cell_of(each, files, told, counted[each.dataset_id]) for each in results], timings=timings,
        commits=sorted({each.commit_sha[:12] for each in files.methods.values()}),
        files={file.url: file.sha256 or "" for file in told.files}, means=told.means(),
    )  # fmt: skip


def _dataset(files: Files, told: OpenProblems, name: str) -> Json:
    """Return the card of a dataset; what of a card nobody publishes is not there."""
    info, ours = files.datasets[name], told.datasets[name]
    results = next(file for file in told.files if file.key == "results")
    card = {
        "name": ours.name, "title": f"{info.dataset_name} ({ours.species})", "description": f"{info.dataset_summary}.",
        "species": ours.species, "tissue": ours.tissue, "study": [info.data_url], "kind": "cells",
        "licence": f"scores: {told.licence}; cells: see the collection",
        "citation": f"{info.data_reference} in the bibliography of openproblems",
        "notes": f"Their id: {name}. Numbers of cells, batches and types are not published with the scores.",
        "files": [{"key": "results", "url": results.url}],
    }  # fmt: skip
    return {"dataset": ours.name, "state": "ok", "reason": "", "card": card, "sources": {"results": results.sha256}}


def _model(files: Files, told: OpenProblems, name: str) -> Json:
    info, ours = files.methods[name], told.methods[name]
    summary = " ".join(info.method_summary.split()).rstrip(".")
    corpus, complete = _corpus(ours.adapter)
    card = ModelCard(
        name=name, title=info.method_name, family=ours.family,
        description=f"{summary}. {dois_of(info)}".strip(), uses_batch=ours.batch, uses_labels=ours.labels,
        trains_on_target=ours.fitted, control=ours.control, holds=ours.holds, source=info.implementation_url,
        parameters=ours.parameters, training_cells=ours.training_cells, training_corpus=corpus,
        lists_all_studies=complete,
        settings={"code": info.code_url, "returns": ", ".join(ours.returns)},
    )  # fmt: skip
    told_of = card.model_dump(mode="json")
    return {**told_of, "fingerprint": f"{info.code_version}@{info.commit_sha[:12]}"}


def _corpus(adapter: str | None) -> tuple[tuple[str, ...], bool]:
    """Return the training corpus that our own card of the published model names; nobody else tells it."""
    if adapter is None:
        return (), False
    from scarena.models.registry import all_models

    card = all_models()[adapter].card
    return card.training_corpus, card.lists_all_studies
