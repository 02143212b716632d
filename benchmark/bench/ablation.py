"""`scarena bench ablation`: what each part of scArena-FM's recipe is worth, from real runs with several seeds.

A variant is the base recipe with some settings changed. Each is pretrained once a seed, and its vectors are scored on
the prepared datasets of a board, frozen and, where asked, adapted. What was measured is kept line by line, so that an
interrupted ablation goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import logging
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from scarena.base.errors import ConfigError, ScarenaError, state_of
from scarena.base.files import read_json, write_json, write_text
from scarena.base.progress import tell
from scarena.bench.ablation_config import AblationConfig, Job, changed, jobs

if TYPE_CHECKING:
    from anndata import AnnData

    from scarena.models.foundation.model import FoundationModel
    from scarena.tasks.dataset_reference import Annotated

METRICS = ("total", "bio", "batch", "onto_rwr", "knn_macro_f1")
_LOG = logging.getLogger("scarena.bench.ablation")


class Ablation:
    """Measures what its file does not hold yet."""

    def __init__(self, config: AblationConfig, cache: Path, mirror: Path | None = None) -> None:
        from scarena.steps.config import load_config

        self.config, self.cache, self.mirror = config, cache, mirror
        self.folder = load_config(config.board).folder
        self._model: tuple[str, FoundationModel, list[str]] | None = None
        self._data: tuple[str, AnnData, Annotated] | None = None
        self._last: tuple[tuple[str, int, str, bool], np.ndarray] | None = None

    @cached_property
    def _code(self) -> str:
        from scarena.models.foundation.code import digest_of

        return digest_of("pretrain", "adapt", "align", "embed", "guard")

    def recipe(self, job: Job) -> dict[str, Any]:
        """Return the pretraining configuration of a job."""
        variant = self.config.variants[job.variant]
        base = yaml.safe_load((variant.base or self.config.base).read_text(encoding="utf-8"))
        return changed(base, {**self.config.common, **variant.set}, job.seed)

    def key(self, job: Job) -> str:
        """Return what a line of the file is found by: it changes with the recipe and the code behind it."""
        from scarena.models.registry import find_model, fingerprint

        variant = self.config.variants[job.variant]
        if variant.model is not None:
            about = [fingerprint(find_model(variant.model)), job.seed, job.dataset]
            return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:20]
        settings = json.dumps([self.recipe(job), variant.start, job.use, job.dataset], sort_keys=True)
        return hashlib.sha256((settings + self._code).encode()).hexdigest()[:20]

    def measured(self, job: Job) -> dict[str, Any]:
        """Return a job's scores, or the state in place of them."""
        try:
            return {"state": "ok", "reason": "", "scores": self._scores(job)}
        except ScarenaError as error:
            return {"state": state_of(error), "reason": str(error), "scores": {}}

    def _scores(self, job: Job) -> dict[str, float | None]:
        from scarena.metrics import score_embedding

        data, annotated = self._dataset(job.dataset)
        scores = score_embedding(
            self._vectors(job, data), batch=annotated.batch, labels=annotated.labels, reference=annotated.reference,
            ontology=annotated.ontology, metrics=METRICS, seed=0, n_jobs=self.config.threads, n_replicates=0,
        )  # fmt: skip
        return {name: scores[name].value for name in METRICS}

    def _vectors(self, job: Job, data: AnnData) -> np.ndarray:
        from scarena.models.foundation.adapt import AdaptConfig, pooled
        from scarena.models.foundation.align import aligned

        if (name := self.config.variants[job.variant].model) is not None:
            return self._of_model(name, job, data)
        what, _, harmony = job.use.partition("-")
        z = self._frozen(job, data) if what == "frozen" else self._adapted(job, data, guard=what == "adapted")
        if not harmony:
            return z
        batch = pooled(data.obs["batch"].to_numpy(), AdaptConfig().smallest_batch)
        return aligned(z, batch, seed=job.seed, threads=self.config.threads)

    def _frozen(self, job: Job, data: AnnData) -> np.ndarray:
        from scarena.models.foundation.embed import embed

        model, genes = self.model(job)
        return embed(model, data, genes)

    def _of_model(self, name: str, job: Job, data: AnnData) -> np.ndarray:
        from scarena.models.base import Context
        from scarena.models.embedding import check_embedding
        from scarena.models.registry import find_model

        context = Context(seed=job.seed, cache=self.cache, threads=self.config.threads)
        return check_embedding(find_model(name)().embed(data.copy(), context), data.n_obs, name)

    def _adapted(self, job: Job, data: AnnData, *, guard: bool) -> np.ndarray:
        from scarena.models.foundation.adapt import AdaptConfig, adapt
        from scarena.models.foundation.embed import embed
        from scarena.models.foundation.guard import guarded

        # With and without Harmony are of one adaptation.
        asked = (job.variant, job.seed, job.dataset, guard)
        if self._last is None or self._last[0] != asked:
            model, genes = self.model(job)
            begun = guarded(model, data, genes, seed=job.seed)[0] if guard else model
            adapted, _ = adapt(begun, data, genes, AdaptConfig(), seed=job.seed)
            self._last = (asked, embed(adapted, data, genes))
        return self._last[1]

    def model(self, job: Job) -> tuple[FoundationModel, list[str]]:
        """Return a variant's model, pretrained where the cache does not hold it, and its vocabulary."""
        from scarena.models.foundation.checkpoint import load, read_genes
        from scarena.models.foundation.model import initialised
        from scarena.models.foundation.pretrain import PretrainConfig, corpus_of, pretrain, start
        from scarena.models.foundation.shuffled import with_shuffled_weights

        recipe, how = self.recipe(job), self.config.variants[job.variant].start
        made = hashlib.sha256(json.dumps([recipe, how], sort_keys=True).encode()).hexdigest()[:16]
        if self._model is not None and self._model[0] == made:
            return self._model[1:]
        if how == "recipe":
            folder = self.cache / "ablation" / f"{recipe['name']}-{made}"
            if not (folder / "manifest.json").is_file():
                write_text(folder / "recipe.yaml", yaml.safe_dump(recipe))
                pretrain(folder / "recipe.yaml", folder, self.cache, self.mirror)
            model, genes = load(folder), read_genes(folder)
        else:
            config = PretrainConfig.model_validate(recipe)
            bulk = bool(config.gene_features)
            corpus = corpus_of(config.corpus, self.cache, self.mirror, bulk=bulk, atlas=config.atlas)
            model, genes = start(config, corpus, self.cache, self.mirror), corpus.genes
            if how == "random":
                model = initialised(model.config, job.seed)
            elif how == "shuffled":
                model = with_shuffled_weights(model, job.seed)
        self._model = (made, model.eval(), genes)
        return model, genes

    def _dataset(self, name: str) -> tuple[AnnData, Annotated]:
        from scarena.datasets.prepared import read_prepared
        from scarena.models.embedding import hand_over
        from scarena.models.scarena_fm import ScarenaFM
        from scarena.tasks import dataset_reference

        if self._data is None or self._data[0] != name:
            h5ad, reference = (self.folder / name / each for each in ("dataset.h5ad", "reference.npz"))
            if not h5ad.is_file() or not reference.is_file():
                fix = f"run `scarena run --config {self.config.board}` first"
                raise ConfigError("not prepared yet", where=str(h5ad.parent), fix=fix)
            data = hand_over(read_prepared(h5ad), ScarenaFM.card)
            self._data = (name, data, dataset_reference.read(reference))
        return self._data[1:]


def ablate(config: AblationConfig, kept: Path, cache: Path, mirror: Path | None = None) -> list[dict[str, Any]]:
    """Return a row for every job, measuring those that `kept` (JSON) does not hold.

    Raises
    ------
    ConfigError
        If the board's datasets were not prepared.
    """
    rows: dict[str, dict[str, Any]] = {row["key"]: row for row in read_json(kept)["rows"]} if kept.exists() else {}
    ablation, found = Ablation(config, cache, mirror), []
    wanted = list(jobs(config))
    for number, job in enumerate(wanted):
        key = ablation.key(job)
        tell("measuring variants", number, len(wanted), "runs", f"{job.variant} on {job.dataset}")
        if key not in rows:
            _LOG.info("%s, %s, seed %d, %s", job.variant, job.use, job.seed, job.dataset)
            about = {"variant": job.variant, "use": job.use, "seed": job.seed, "dataset": job.dataset}
            rows[key] = {"key": key, **about, **ablation.measured(job)}
            write_json(kept, {"rows": list(rows.values())})
        found.append(rows[key])
    return found


def table(config: AblationConfig, rows: list[dict[str, Any]]) -> list[list[str]]:
    """Return a row a variant and use: means over datasets with their SD over seeds; sets it lacks are counted.

    A mean is taken over the datasets for which *every* variant and use has a score, so that none gains by leaving a
    hard one out.
    """
    shared = _shared(config, rows)
    lines = []
    for name, variant in config.variants.items():
        for use in variant.uses:
            own = [row for row in rows if row["variant"] == name and row["use"] == use]
            done = {row["dataset"] for row in own if row["state"] == "ok"}
            means = [_over_seeds(own, shared[metric], metric) for metric in METRICS]
            unseen = shared["total"] - set(config.development)
            parts = [
                _over_seeds(own, part, "total") for part in (unseen - set(config.outside), unseen & set(config.outside))
            ]
            lines.append([name, use, *means, *parts, f"{len(done)}/{len(config.datasets)}"])
    return lines


COLUMNS = ["variant", "use", *METRICS, "total, not chosen on, in the atlas", "total, not chosen on, outside", "sets"]


def _shared(config: AblationConfig, rows: list[dict[str, Any]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for metric in METRICS:
        lacking = {row["dataset"] for row in rows if row["scores"].get(metric) is None}
        found[metric] = set(config.datasets) - lacking
    return found


def _over_seeds(rows: list[dict[str, Any]], datasets: set[str], metric: str) -> str:
    by_seed: dict[int, list[float]] = {}
    for row in rows:
        if row["dataset"] in datasets:
            by_seed.setdefault(row["seed"], []).append(row["scores"][metric])
    if not by_seed:
        return "n/a"
    means = [float(np.mean(values)) for values in by_seed.values()]
    spread = f" ± {np.std(means, ddof=1):.3f}" if len(means) > 1 else ""
    return f"{np.mean(means):.3f}{spread}"
