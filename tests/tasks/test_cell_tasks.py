"""No split lets a cell of a test group into training, over all tasks; and what a task cannot answer is a state."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scarena.base import folds as folds_module
from scarena.metrics import dataset_reference
from scarena.metrics.lcad import lca_distances
from scarena.metrics.probes import held_out, linear, patients, ridge
from scarena.metrics.reference import OntologyReference
from scarena.metrics.registry import METRICS, OF_EMBEDDING, OF_TASKS
from scarena.tasks.cell_task import CellTask
from scarena.tasks.cells import Cells
from scarena.tasks.dataset_reference import Annotated
from scarena.tasks.own_task import OwnTask
from scarena.tasks.registry import catalogue
from scarena.tasks.within import neighbours_before

TASKS = {entry.name: entry.task for entry in catalogue() if isinstance(entry.task, CellTask)}
PARENTS = {"cell": [], "t": ["cell"], "t4": ["t"], "t8": ["t4"], "b": ["cell"]}
TERMS = {"T": "t", "CD4": "t4", "CD8": "t8", "B": "b"}
SPECIES = "species"


def annotated(n=240, n_donors=6, seed=0, **changed):
    """Return cells of some donors that can answer every question."""
    rng = np.random.default_rng(seed)
    donor = np.array([f"d{i}" for i in rng.integers(0, n_donors, n)])
    labels = np.array(sorted(TERMS))[rng.integers(0, len(TERMS), n)]
    terms = np.array([TERMS[label] for label in labels])
    known = tuple(sorted(set(terms)))
    view = OntologyReference(terms, known, np.zeros((len(known),) * 2), lca_distances(PARENTS, known))
    responds = np.where(np.isin(donor, ("d0", "d2", "d4")), "yes", "no")
    targets = {
        "malignant": rng.choice(["yes", "no", ""], n), "cancer": np.where(np.isin(donor, ("d0", "d1")), "a", "b"),
        "treated": rng.choice(["yes", "no"], n), "response": responds,
        SPECIES: np.where(np.isin(donor, ("d0", "d1", "d2")), "human", "mouse"), "layer": labels,
    }  # fmt: skip
    proteins = rng.poisson(5, (n, 3)).astype(np.float32)
    matrices = {"proteins": proteins, "coding_rna": proteins + 1, "coordinates": rng.normal(size=(n, 2))}
    names = np.array([f"c{i}" for i in range(n)])
    return Annotated(
        names, donor, labels, dataset_reference(), view, ("", ""),
        **{"donor": donor, "targets": targets, "matrices": matrices, "proteins": ("a", "b", "c"), **changed},
    )  # fmt: skip


def run(known, d=6, seed=0):
    rng = np.random.default_rng(seed)
    types = np.unique(known.labels, return_inverse=True)[1]
    return Cells(rng.normal(size=(4, d))[types] * 2 + rng.normal(size=(len(types), d)), known, 0, 1)


def watch(patch, x):
    """Return a list that fills with pairs of rows of `x`: those that a probe learned from, those it was asked about."""
    place = {row.tobytes(): number for number, row in enumerate(x)}
    learned, seen = {}, []
    fitted, probabilities = linear._fitted, linear.Probe.probabilities
    begin, predicted = ridge.Ridge.__init__, ridge.Ridge.predicted

    def told(fit, asked):
        seen.append([np.array([place[row.tobytes()] for row in rows]) for rows in (learned[id(fit)], asked)])

    def note_fit(model, x, classes):
        learned[id(model)] = x
        return fitted(model, x, classes)

    def note_probabilities(probe, x, n_classes):
        if probe.model is not None:
            told(probe.model, x)
        return probabilities(probe, x, n_classes)

    def note_begin(self, x, y):
        learned[id(self)] = x
        begin(self, x, y)

    def note_predicted(self, x, penalty):
        told(self, x)
        return predicted(self, x, penalty)

    patch.setattr(linear, "_fitted", note_fit)
    patch.setattr(linear.Probe, "probabilities", note_probabilities)
    patch.setattr(ridge.Ridge, "__init__", note_begin)
    patch.setattr(ridge.Ridge, "predicted", note_predicted)
    return seen


def held_by(name, cells):
    """Return what a task holds out together ``[n_cells]``."""
    return cells.known.targets[SPECIES] if name == SPECIES else cells.groups


@pytest.mark.parametrize("name", [*sorted(set(TASKS) - {"intra-type"}), "niche, layers"])
@given(seed=st.integers(0, 50), n_donors=st.integers(4, 8))
@settings(deadline=None, max_examples=2)
def test_no_split_lets_a_cell_of_a_test_group_into_training(name, seed, n_donors):
    with pytest.MonkeyPatch.context() as patch:
        name, _, layers = name.partition(", ")
        known = annotated(n=400, n_donors=n_donors, seed=seed)
        if layers:
            known = replace(known, reference=dataset_reference(not_applicable={"labels": "none"}))
        cells = run(known, seed=seed)
        seen = watch(patch, cells.probed.x)
        # What random folds would have claimed leaks on purpose: it is told apart by the folds that it asks for.
        random = []
        for module in (folds_module, held_out, patients):
            patch.setattr(module, "random_folds", lambda *given, **more: random.append(len(seen)) or stop())
        scores = TASKS[name].score(cells)
        assert {score.state for score in scores.values()} == {"failed"} if random else {"ok"}
        groups = held_by(name, cells)
        assert seen and bool(random) == (name != "granularity")
        for learned, asked in seen:
            assert not set(groups[learned]) & set(groups[asked])


class Stopped(Exception):
    """Raised where random folds are asked for, after all that counts was computed."""


def stop():
    raise Stopped


@pytest.mark.parametrize("name", ["probe", "malignant", "protein"])
def test_what_random_folds_claim_is_seen_to_leak(name):
    with pytest.MonkeyPatch.context() as patch:
        cells = run(annotated(n=400))
        seen = watch(patch, cells.probed.x)
        assert TASKS[name].score(cells)[TASKS[name].headline].state == "ok"
        assert any(set(cells.groups[learned]) & set(cells.groups[asked]) for learned, asked in seen)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_task_without_its_data_says_so_for_all_of_its_metrics_and_computes_nothing(name, monkeypatch):
    monkeypatch.setattr(Cells, "probed", property(lambda self: pytest.fail("computed")))
    known = annotated(donor=np.full(240, "unknown"), targets={}, matrices={})
    one = Annotated(known.names, np.full(240, "b"), known.labels, known.reference, None, ("", ""), known.donor)
    scores = TASKS[name].score(run(one))
    assert tuple(scores) == TASKS[name].keys
    assert {score.state for score in scores.values()} == {"not applicable"}
    assert all(score.reason for score in scores.values())


def test_a_response_that_is_the_sample_is_not_scored():
    scores = TASKS["response"].score(run(annotated(not_identifiable={"response": "one sample a response"})))
    assert scores["response_auroc"].reason == "not identifiable: one sample a response"


def test_a_task_that_breaks_is_a_state_of_its_own_metrics(monkeypatch):
    monkeypatch.setattr(linear, "axes_of", lambda x: 1 / 0)
    scores = TASKS["probe"].score(run(annotated()))
    assert {score.state for score in scores.values()} == {"failed"} and "division" in scores["probe_leak"].reason


def test_metrics_of_tasks_are_told_of_once_and_are_none_of_score_embedding():
    keys = [key for entry in catalogue() if isinstance(entry.task, OwnTask) for key in entry.task.keys]
    assert sorted(keys) == sorted(OF_TASKS) and not OF_TASKS.keys() & OF_EMBEDDING.keys()
    assert all(METRICS[task.headline].better != "none" for task in TASKS.values())


def test_a_finer_answer_counts_and_a_coarser_one_does_not():
    known = annotated()
    cells = run(known)
    held = cells.probed.of_types
    types = list(cells.probed.types)
    truth = cells.probed.classes
    table = {"T": "CD8", "CD4": "CD8", "CD8": "T", "B": "B"}
    said = np.array([types.index(table[label]) for label in known.labels])
    cells.probed.__dict__["of_types"] = held_out.HeldOut(np.eye(4)[said], held.folds, held.strengths, 0, 0)
    found = TASKS["granularity"].score(cells)
    right = {label: (np.array(known.labels) == label).sum() for label in types}
    # CD8, called T, is wrong, and T, called CD8, counts as T.
    f1 = [1.0, 1.0, 0.0, 2 * right["T"] / (2 * right["T"] + right["CD8"])]
    assert [types[i] for i in range(4)] == ["B", "CD4", "CD8", "T"]
    assert found["granular_macro_f1"].value == pytest.approx(np.mean(f1), abs=1e-9)
    assert found["granular_gain"].value == pytest.approx(np.mean(f1) - 1 / 4, abs=1e-9)
    assert truth.max() == 3


def test_neighbours_within_types_are_kept_by_the_space_they_come_from(make_cells):
    import scanpy as sc

    data = make_cells()
    log = data.copy()
    log.X = log.X.astype(np.float32)
    sc.pp.normalize_total(log, target_sum=1e4)
    sc.pp.log1p(log)
    log.obs["cell_type"] = "one"
    log.obs["batch"] = np.where(np.arange(log.n_obs) < log.n_obs // 2, "a", "b")
    near = neighbours_before(log)
    batch = log.obs["batch"].to_numpy()
    assert all((batch[near[key]] == batch[:, None]).all() for key in near)
    known = Annotated(
        np.array(log.obs_names), batch, np.full(log.n_obs, "one"), dataset_reference(), None, ("", ""),
        np.full(log.n_obs, "unknown"), {}, near,
    )  # fmt: skip
    same = TASKS["intra-type"].score(Cells(np.asarray(log.X.toarray()), known, 0, 1))
    noise = TASKS["intra-type"].score(Cells(np.random.default_rng(0).normal(size=(log.n_obs, 9)), known, 0, 1))
    assert same["intra_jaccard"].value > noise["intra_jaccard"].value
    assert same["intra_ceiling"] == noise["intra_ceiling"]
