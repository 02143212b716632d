"""A model that predicts types is asked for types with donors held out, by the probe's folds, and for nothing else."""

import json
from dataclasses import replace

import numpy as np
import pytest

from scarena.base.files import write_json
from scarena.metrics import dataset_reference as reference_of
from scarena.metrics.lcad import lca_distances
from scarena.metrics.probes.held_out import held_out
from scarena.metrics.probes.linear import axes_of
from scarena.metrics.reference import OntologyReference
from scarena.models.embedding import write_embedding
from scarena.tasks import dataset_reference
from scarena.tasks.cells import Cells
from scarena.tasks.dataset_reference import Annotated
from scarena.tasks.registry import catalogue, find_tasks
from scarena.tasks.scoring import NO_VECTORS, score_tasks

PARENTS = {"cell": [], "t": ["cell"], "t4": ["t"], "b": ["cell"]}
TERMS = {"B": "b", "CD4": "t4", "T": "t"}
CLAIMED = ("probe_random", "probe_leak")


def annotated(n=300, n_donors=7, **changed):
    rng = np.random.default_rng(0)
    donor = np.array([f"d{i}" for i in rng.integers(0, n_donors, n)])
    labels = np.array(sorted(TERMS))[rng.integers(0, 3, n)]
    terms = np.array([TERMS[label] for label in labels])
    known = tuple(sorted(set(terms)))
    view = OntologyReference(terms, known, np.zeros((3, 3)), lca_distances(PARENTS, known))
    names = np.array([f"c{i}" for i in range(n)])
    return Annotated(names, donor, labels, reference_of(), view, ("", ""), **{"donor": donor, **changed})


def classes_of(known):
    return np.unique(known.labels, return_inverse=True)[1]


def asked(known, probabilities, tasks=("probe", "granularity")):
    return score_tasks(find_tasks(tasks), Cells(probabilities, known, 0, 1, "labels"))


def test_what_the_probe_itself_says_scores_as_the_probe():
    known = annotated()
    rng, classes = np.random.default_rng(1), classes_of(known)
    vectors = (np.eye(3)[classes] + rng.normal(size=(300, 3))).astype(np.float32)
    groups = np.unique(known.donor, return_inverse=True)[1]
    said = held_out(axes_of(vectors), classes, groups, seed=0).probabilities
    mine = asked(known, said)
    probe = score_tasks(find_tasks(("probe", "granularity")), Cells(vectors, known, 0, 1))
    assert mine.keys() == probe.keys()
    for key in mine.keys() - set(CLAIMED):
        assert mine[key] == probe[key], key
    assert {mine[key].reason for key in CLAIMED} == {"asked with donors held out alone"}
    np.testing.assert_array_equal(mine.replicates["probe_macro_f1"], probe.replicates["probe_macro_f1"])


def test_tasks_that_read_vectors_have_no_answer_and_compute_nothing(monkeypatch):
    names = [entry.name for entry in catalogue() if entry.task is not None and entry.task.product == "cells"]
    able = {entry.name for entry in catalogue() if entry.task is not None and entry.task.accepts_labels}
    assert able == {"probe", "granularity"}
    monkeypatch.setattr(Cells, "scored", lambda *given: pytest.fail("computed"))
    known = annotated()
    scores = asked(known, np.eye(3)[classes_of(known)], names)
    for task in find_tasks(names):
        states = {scores[key].reason for key in task.metrics()}
        assert (states == {NO_VECTORS}) == (task.name not in able)
    assert scores["probe_macro_f1"].value == 1 and scores["total"].state == "not applicable"
    assert set(scores) == {key for task in find_tasks(names) for key in task.metrics()}


def test_cells_of_a_type_of_one_donor_alone_are_counted():
    known = annotated()
    lone = (known.donor == "d0") & (known.labels == "B")
    labels = np.where(lone, "A lone one", known.labels)
    known = replace(known, labels=labels)
    scores = asked(known, np.eye(4)[classes_of(known)], ["probe"])
    assert f"{lone.sum()} cells of classes that no other group has" in scores["probe_macro_f1"].reason


@pytest.mark.parametrize("wrong", [np.ones((300, 3)), -np.eye(3)[np.zeros(300, int)], np.zeros((300, 2))])
def test_what_is_no_probability_of_these_types_fails(wrong):
    assert asked(annotated(), wrong)["probe_macro_f1"].state == "failed"


def test_types_that_no_scored_cell_has_are_left_out():
    known = annotated(types=("A", "B", "CD4", "T"))
    said = np.zeros((300, 4))
    said[np.arange(300), classes_of(known) + 1] = 1
    assert asked(known, said)["probe_macro_f1"].value == 1


def test_a_reference_of_a_part_of_the_cells_names_all_types(tmp_path, make_cells, ontology_npz):
    cells = make_cells()
    cells.obsm["pca"] = np.asarray(cells.X[:, :10].toarray(), np.float32)
    cells.uns["card"] = json.dumps({"not_applicable": {}})
    cells.obs["cell_type"] = np.where(np.arange(cells.n_obs) == 0, "rare", cells.obs["cell_type"].astype(str))
    cells.write_h5ad(tmp_path / "d.h5ad")
    for n_scored, types in ((40, ("rare", "type0", "type1", "type2")), (240, ())):
        found = dataset_reference.make(tmp_path / "d.h5ad", ontology_npz, "pca", 1, n_scored)
        dataset_reference.write(tmp_path / "r.npz", found)
        assert dataset_reference.read(tmp_path / "r.npz").types == types


def test_predictions_have_no_umap(tmp_path, monkeypatch):
    from scarena.steps import umap
    from scarena.steps.config import BoardConfig

    asked = {}
    card = {"family": "baseline"}
    for name, more in {"pca": {}, "forest": {"offers": "labels"}}.items():
        run = tmp_path / name
        run.mkdir()
        write_embedding(run / "embedding.npz", np.zeros((2, 2)), np.array(["a", "b"]))
        asked[run / "record.json"] = {**card, **more}

    class Run:
        def __init__(self, path):
            self.state, self.seed, self.card, self.model = "ok", 0, asked[path], path.parent.name

    given = []
    monkeypatch.setattr(umap, "read_record", Run)
    monkeypatch.setattr(umap, "in_child", lambda what, spec, *more: given.append(spec) or (None, {}))
    monkeypatch.setattr(umap, "verdict_of", lambda *told: ("ok", ""))
    write_json(tmp_path / "dataset.json", {"dataset": "d", "state": "ok", "reason": ""})
    config = BoardConfig(board="b", datasets=["d"], models=["pca", "hvg-forest"])
    umap.umap_step(tmp_path / "dataset.json", list(asked), tmp_path / "umaps.npz", config)
    assert list(given[0]["embeddings"]) == ["pca"]
