"""`scarena bench responses`: what models of responses and the metrics on them cost, in a process of its own.

Everything is made up, at the sizes of real screens: every perturbation is of one measured gene, and is asked about
once, in five folds. Vectors of genes stand in place of annotations, and of any model's.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scarena.base.files import read_json, write_json
from scarena.base.progress import tell
from scarena.bench.own_process import benched
from scarena.models.base import Context, Model, ModelCard
from scarena.models.of_genes import GeneModel

if TYPE_CHECKING:
    import pandas as pd

    from scarena.datasets.response_truth import ResponseTruth

COLUMNS = ["what", "seconds", "of them on a core"]
_FOLDS, _LATENT, _DIMENSIONS = 5, 16, 512
_ELSEWHERE = ("response-other-screens",)
"""It prepares other datasets; what it computes on them is what `response-bilinear` does."""


def made(n_perturbations: int, n_genes: int) -> ResponseTruth:
    """Return a screen in which effects follow from numbers behind the perturbed genes."""
    import pandas as pd

    from scarena.datasets.gene_facts import FACTS
    from scarena.datasets.response_truth import ResponseTruth, Split

    rng = np.random.default_rng(0)
    ids = [f"ENSG{i:011d}" for i in range(max(n_genes, n_perturbations))]
    measured, names = ids[:n_genes], [f"loss of {gene}" for gene in ids[:n_perturbations]]
    control = rng.gamma(1.0, 0.4, n_genes)
    effects = _latent(ids[:n_perturbations]) @ rng.normal(0, 0.03, (_LATENT, n_genes))
    one, other = (
        np.maximum(control + effects + rng.normal(0, 0.05, effects.shape), 0).astype(np.float32) for _ in range(2)
    )
    profiles = pd.DataFrame({
        "perturbation": names, "context": "cells", "targets": ids[:n_perturbations], "n_cells": 100,
        "reproducibility": rng.uniform(0, 1, n_perturbations),
    }, index=names)  # fmt: skip
    genes = pd.DataFrame(rng.normal(size=(len(ids), len(FACTS))), index=ids, columns=list(FACTS))
    genes.insert(0, "symbol", ids)
    fold = rng.permutation(n_perturbations) % _FOLDS
    splits = tuple(
        Split(f"fold {k}", "fold", tuple(np.array(names)[fold != k]), tuple(np.array(names)[fold == k]))
        for k in range(_FOLDS)
    )
    scored, shown = ((control + rng.normal(0, 0.01, (1, n_genes))).astype(np.float32) for _ in range(2))
    strength = np.abs(rng.normal(size=effects.shape)).astype(np.float32)
    return ResponseTruth(
        "gene", profiles, ("cells",), tuple(measured), genes, one, (one + other) / 2, scored, shown, splits,
        duplicate=other, strength=strength, doubt=rng.uniform(size=effects.shape).astype(np.float32),
    )  # fmt: skip


def _latent(genes: list[str]) -> np.ndarray:
    rows = [np.random.default_rng(int(gene[4:])).normal(size=_LATENT) for gene in genes]
    return np.reshape(rows, (len(genes), _LATENT))


def _vectors(genes: pd.DataFrame, dimensions: int) -> pd.DataFrame:
    """Return the numbers behind the genes, and noise."""
    import pandas as pd

    known = list(map(str, genes.index))
    noise = np.random.default_rng(1).normal(size=(len(known), dimensions - _LATENT))
    return pd.DataFrame(np.concatenate([2 * _latent(known), noise], axis=1), index=known)


class MadeVectors(GeneModel):
    """A model of genes that knows the numbers behind them, among noise."""

    card = ModelCard(
        name="vectors-of-genes", title="Made up", family="control", offers="genes", source="benchmark/bench",
        licence="MIT", description="made up, to be timed",
    )  # fmt: skip

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        """Return vectors of 512 dimensions."""
        return _vectors(genes, _DIMENSIONS)


def models() -> list[type[Model]]:
    """Return the models that need nothing but profiles, and one that has vectors of genes."""
    from scarena.models.perturbations.go_vectors import OfGO
    from scarena.models.registry import all_models

    def features(self: object, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        return _vectors(genes, 128)

    found: list[type[Model]] = [MadeVectors]
    for name, model in all_models().items():
        if name.startswith("response-") and name not in _ELSEWHERE:
            found.append(type(model.__name__, (model,), {"features": features}) if issubclass(model, OfGO) else model)
    return found


def run_child(spec_file: Path) -> None:
    """Time every model and the task on the screen a spec names, and write the seconds to the file it names."""
    from scarena.base.errors import NotApplicable
    from scarena.models.predictions import predictions
    from scarena.tasks.perturbation import Perturbation
    from scarena.tasks.responses import Responses

    spec = read_json(spec_file)
    seconds: dict[str, dict[str, float | str | None]] = {}
    truth = made(spec["n_perturbations"], spec["n_genes"])
    for model in models():
        start, begun = time.monotonic(), time.process_time()
        try:
            predicted = predictions(model(), truth, None, Context(threads=spec["threads"]))
        except NotApplicable:
            continue
        seconds[model.card.name] = {"seconds": time.monotonic() - start, "cpu_seconds": time.process_time() - begun}
        start, begun = time.monotonic(), time.process_time()
        scores = Perturbation().score(Responses(predicted, truth, 0))
        headline = scores[Perturbation.headline]
        seconds[f"metrics on {model.card.name}"] = {
            "seconds": time.monotonic() - start, "cpu_seconds": time.process_time() - begun,
            "state": headline.state, "value": headline.value,
        }  # fmt: skip
    write_json(Path(spec["answer"]), {"seconds": seconds})


def time_responses(n_perturbations: int, n_genes: int, threads: int) -> dict[str, Any]:
    """Return seconds of each model and of its metrics, and peak GiB."""
    tell(f"timing models on {n_perturbations:,} perturbations x {n_genes:,} genes")
    spec = {"n_perturbations": n_perturbations, "n_genes": n_genes, "threads": threads}
    return benched("scarena.bench.responses", spec, threads=threads)


def rows(found: dict[str, Any]) -> list[list[str]]:
    """Return a row a model, one for all of them, one for all metrics and one for memory."""
    run = found["run"]
    if run["state"] != "ok":
        return [["state", run["state"], ""], ["log", run["log"][-300:], ""]]
    of_metrics = {name: each for name, each in run["seconds"].items() if name.startswith("metrics on ")}
    of_models = {name: each for name, each in run["seconds"].items() if name not in of_metrics}
    return [
        *([name, f"{each['seconds']:.1f}", f"{each['cpu_seconds']:.1f}"] for name, each in of_models.items()),
        ["all models", *_total(of_models)],
        [f"metrics on {len(of_metrics)} models", *_total(of_metrics)],
        ["peak memory (GiB)", f"{run['peak_gib']:.2f}", ""],
    ]


def _total(of: dict[str, dict[str, float]]) -> list[str]:
    return [f"{sum(each[key] for each in of.values()):.1f}" for key in ("seconds", "cpu_seconds")]


if __name__ == "__main__":
    run_child(Path(sys.argv[1]))
