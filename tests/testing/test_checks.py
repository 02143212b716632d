"""Every check finds the fault it is for, and no check finds one in a model without faults."""

import socket
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from scarena.base.errors import ConfigError, NotApplicable
from scarena.models.base import Model, ModelCard
from scarena.models.predicting import Predictor
from scarena.models.registry import find_model
from scarena.steps.record import Cost
from scarena.testing import CHECKS, Unsuitable, Violation, check_model, model_conformance
from scarena.testing.cells import conformance_cells, gene_names
from scarena.testing.outcome import judged
from scarena.testing.processes import LIMIT_MB, Stage, memory
from scarena.testing.subject import Subject
from scarena.testing.trial import Trial


def card(**changes):
    told = {"name": "made-up", "title": "Made up", "family": "baseline", "description": "counts times a fixed matrix"}
    return ModelCard(**{**told, "source": "this file", "licence": "MIT", **changes})


def projected(data, of=None):
    """Project log counts on directions that belong to the genes' names."""
    rows = [np.random.default_rng(abs(int(name[4:])) % 2**31).standard_normal(5) for name in data.var_names]
    return (np.log1p(data.X if of is None else of) @ np.array(rows)).astype(np.float32)


class Sound(Model):
    card = card()

    def embed(self, data, ctx):
        return projected(data)


class Empty(Sound):
    card = card(licence=" ", family="foundation")


class Endless(Sound):
    card = card(settings={"rate": float("inf")})


class Transposed(Sound):
    def embed(self, data, ctx):
        return projected(data).T


class Words(Sound):
    def embed(self, data, ctx):
        return projected(data).astype(str)


class Holes(Sound):
    def embed(self, data, ctx):
        found = projected(data)
        found[3, 1] = np.nan
        return found


class Drawing(Sound):
    def embed(self, data, ctx):
        return projected(data) + np.random.default_rng().standard_normal((data.n_obs, 5))


class Writing(Sound):
    def embed(self, data, ctx):
        data.obs["clusters"] = 0
        data.X.data[:] = 1
        return projected(data)


class ByRow(Sound):
    def embed(self, data, ctx):
        return projected(data) + np.arange(data.n_obs)[:, None]


class ByColumn(Sound):
    def embed(self, data, ctx):
        return np.asarray(data.X[:, :5].toarray(), dtype=np.float32)


class Pairs(Sound):
    def embed(self, data, ctx):
        if data.obs["batch"].nunique() < 2:
            raise ValueError("two batches, please")
        return projected(data)


class Known(Sound):
    def embed(self, data, ctx):
        known = set(gene_names()[0]) & set(data.var_names)
        return projected(data[:, sorted(known)]) / (len(known) or np.nan)


class Dividing(Sound):
    def embed(self, data, ctx):
        total = np.asarray(data.X.sum(axis=1), dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return projected(data) / total


class Named(Sound):
    def embed(self, data, ctx):
        return projected(data) * np.array([[2.0 if "twin" in name else 1.0] for name in data.obs_names])


class Calling(Sound):
    def embed(self, data, ctx):
        socket.create_connection(("127.0.0.1", 9), timeout=5)
        return projected(data)


class Resuming(Sound):
    def embed(self, data, ctx):
        begun = ctx.cache / "begun"
        factor = 2.0 if begun.exists() else 1.0
        begun.parent.mkdir(parents=True, exist_ok=True)
        begun.touch()
        time.sleep(0.2)
        return projected(data) * factor


class Centroids(Predictor):
    """Says of a cell which type's known cells it lies nearest to."""

    card = card(name="nearest", offers="labels", uses_labels=True, trains_on_target=True)

    def probabilities(self, data, labels, classes, ctx):
        x = projected(data)
        middles = np.array([x[labels == name].mean(axis=0) for name in classes])
        return np.eye(len(classes))[np.linalg.norm(x[:, None] - middles, axis=2).argmin(axis=1)]


class Peeking(Centroids):
    def embed(self, data, ctx):
        return np.eye(3)[np.unique(data.obs["cell_type"], return_inverse=True)[1]]


class TwoColumns(Centroids):
    def embed(self, data, ctx):
        return super().embed(data, ctx)[:, :2]


class Bound(Sound):
    """Needs a checkpoint, and can make one to be tested with."""

    weights = None

    @classmethod
    def lacks(cls):
        return "" if cls.weights else "a checkpoint"

    @classmethod
    def example(cls, folder):
        (folder / "scale.txt").write_text("3.0")
        return type("Bound", (cls,), {"weights": folder / "scale.txt", "__module__": cls.__module__})

    def embed(self, data, ctx):
        return projected(data) * np.float32(float(self.weights.read_text()))


class Seeded(Sound):
    card = card(draws=False)

    def embed(self, data, ctx):
        return projected(data) + np.float32(0.1 * ctx.seed)


DIRECT = [check for check in CHECKS.values() if check.direct]


def broken_by(model, folder):
    trial = Trial(model, folder)
    results = [judged(model.card.name, check.name, lambda check=check: check.direct(trial)) for check in DIRECT]
    return {result.check: result.reason for result in results if result.state == "failed"}


@pytest.mark.parametrize(
    ("model", "check", "words"),
    [
        (Empty, "card", "licence, parameters"),
        (Endless, "card", "no JSON"),
        (Transposed, "shape", r"\(5, 60\)"),
        (Words, "dtype", "<U"),
        (Holes, "finite", "1 cells"),
        (Drawing, "deterministic", "second time"),
        (Seeded, "draws", "another seed, though the card says draws=False: 60 of 60"),
        (Writing, "input-untouched", "X, obs"),
        (ByRow, "cells-permuted", "vectors differ"),
        (ByColumn, "genes-permuted", "vectors differ"),
        (Pairs, "one-batch", "ValueError: two batches"),
        (Known, "no-gene-overlap", "shape"),
        (Dividing, "empty-cell", "NaN"),
        (Named, "duplicate-cells", "8 of 8"),
        (Peeking, "labels", "very cells that are predicted"),
        (TwoColumns, "shape", r"\(60, 3\)"),
    ],
)
def test_each_check_finds_the_fault_it_is_for(model, check, words, tmp_path):
    found = broken_by(model, tmp_path)
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(found[check])


@pytest.mark.parametrize("model", [Sound, Centroids])
def test_no_check_finds_a_fault_in_a_sound_model(model, tmp_path):
    assert broken_by(model, tmp_path) == {}


def test_a_seed_is_no_question_where_the_card_promises_nothing(tmp_path):
    silent = type("S", (Seeded,), {"card": card()})
    assert judged("m", "c", lambda: CHECKS["draws"].direct(Trial(silent, tmp_path))).state == "not applicable"


@pytest.mark.parametrize("name", ["hvg", "pca", "pca-centred", "pearson-pca", "atlas-pca", "atlas-within", "depth"])
def test_baselines_that_say_they_draw_nothing_draw_nothing(name, tmp_path):
    CHECKS["draws"].direct(Trial(find_model(name), tmp_path))


def test_a_predictor_has_nothing_to_say_of_one_batch(tmp_path):
    trial = Trial(Centroids, tmp_path)
    assert judged("m", "c", lambda: CHECKS["one-batch"].direct(trial)).state == "not applicable"
    assert judged("m", "c", lambda: CHECKS["labels"].direct(trial)).state == "passed"


def test_a_model_that_is_fitted_to_the_cells_may_depend_on_their_order(tmp_path):
    fitted = type("Fitted", (ByRow,), {"card": card(trains_on_target=True)})
    assert broken_by(fitted, tmp_path) == {}


def test_labels_are_no_question_where_the_card_says_they_are_used(tmp_path):
    with pytest.raises(Unsuitable, match="card"):
        CHECKS["labels"].direct(Trial(type("L", (Sound,), {"card": card(uses_labels=True)}), tmp_path))


def test_labels_that_were_handed_over_are_found(tmp_path):
    trial = Trial(Sound, tmp_path)
    trial.first[1].obs["guess"] = "type1"
    with pytest.raises(Violation, match="guess"):
        CHECKS["labels"].direct(trial)


def test_a_model_that_says_it_has_nothing_to_say_breaks_no_promise():
    def decline():
        raise NotApplicable("mouse only", where="species", fix="none")

    assert judged("m", "c", decline).state == "not applicable"


def staged(model, folder):
    return Stage(Subject.of_class(model, folder), model.card, folder, folder / "shared", Path(sys.executable))


def test_a_model_that_asks_for_the_network_is_found(tmp_path):
    with pytest.raises(Violation, match="asked for the network"):
        CHECKS["offline"].staged(staged(Calling, tmp_path))


def test_a_model_that_goes_on_from_half_a_cache_is_found(tmp_path):
    stage = staged(Resuming, tmp_path)
    with pytest.raises(Violation, match="other numbers after the kill"):
        CHECKS["resume"].staged(stage)
    assert stage.left_by_kill == []


@pytest.mark.parametrize(("more", "kept"), [(-1.0, True), (1.0, False)])
def test_memory_is_counted_above_the_imports(more, kept):
    cost = Cost(wall_s=1, cpu_s=1, peak_rss_mb=100 + LIMIT_MB + more)
    stage = SimpleNamespace(undisturbed=SimpleNamespace(cost=cost), baseline_mb=100.0, cells=conformance_cells())
    assert judged("m", "memory", lambda: memory(stage)).state == ("passed" if kept else "failed")


def test_a_class_inside_a_function_is_refused_since_no_other_process_finds_it(tmp_path):
    class Inner(Sound):
        pass

    with pytest.raises(ConfigError, match="inside a function"):
        Subject.of_class(Inner, tmp_path)


def test_an_example_checkpoint_is_made_where_a_model_offers_one(tmp_path):
    bound = Subject.of_class(Bound, tmp_path).load()
    assert not bound.lacks()
    assert broken_by(bound, tmp_path) == {}
    assert (tmp_path / "example/scale.txt").exists()


def test_a_checkpoint_for_a_model_that_takes_none_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="takes no checkpoint"):
        check_model("pca", tmp_path)
    with pytest.raises(ConfigError, match="no such folder"):
        check_model("pca", tmp_path / "nowhere")


def test_the_genes_are_those_of_the_vocabulary_and_every_cell_has_counts():
    from scarena.models.foundation.checkpoint import STUDENT, read_genes

    ids, symbols = gene_names()
    assert set(ids) <= set(read_genes(STUDENT))
    assert len(set(symbols)) == len(ids)
    assert conformance_cells().X.sum(axis=1).min() > 0


test_a_bound_model_conforms = model_conformance(Bound)
