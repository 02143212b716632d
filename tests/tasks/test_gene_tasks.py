"""Vectors that hold nothing score nothing on every task of genes, those that hold the answer do; families are whole."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from scarena.datasets.gene_truth import GeneTruth
from scarena.metrics.registry import METRICS
from scarena.tasks.cells import Cells
from scarena.tasks.gene_task import GeneTask
from scarena.tasks.genes import Genes
from scarena.tasks.registry import catalogue, find_tasks
from scarena.tasks.scoring import score_tasks

TASKS = {entry.name: entry.task for entry in catalogue() if isinstance(entry.task, GeneTask)}
KINDS = {"function": "sets", "function, newer": "newer", "tissue": "sets", "classes": "stated", "pairs": "sets"}
CHANCE = {
    "function_gain": 0.0, "function_auroc": 0.5, "function_covered": 0.5, "function_all_negatives": 0.5,
    "tissue_tau_residual": 0.0, "classes_gain": 0.0, "classes_auroc": 0.5, "pairs_auroc": 0.5, "pairs_cosine": 0.5,
}  # fmt: skip
N_KNOWN = 850


def run(truth, vectors, seed=0):
    return Genes(vectors[:N_KNOWN].astype(np.float32), np.arange(min(N_KNOWN, len(vectors))), truth, seed)


@pytest.fixture(scope="module")
def scored(make_gene_truth):
    """Return the scores of vectors that hold the answer and of a shuffled copy, by task and kind of dataset."""
    found = {}

    def scores(name, what):
        if (name, what) not in found:
            truth, latent = make_gene_truth(KINDS[name])
            rng = np.random.default_rng(0)
            vectors = {"latent": latent, "shuffled": latent[rng.permutation(len(latent))]}[what]
            found[name, what] = TASKS[name.partition(",")[0]].score(run(truth, vectors))
        return found[name, what]

    return scores


@pytest.mark.parametrize("name", KINDS)
def test_a_shuffled_copy_of_any_vectors_scores_chance_within_its_interval(name, scored):
    scores = scored(name, "shuffled")
    asked = [key for key in scores if key in CHANCE]
    assert asked
    for key in asked:
        assert scores[key].low <= CHANCE[key] <= scores[key].high, key


@pytest.mark.parametrize("name", KINDS)
def test_vectors_that_hold_the_answer_are_far_from_chance(name, scored):
    scores = scored(name, "latent")
    headline = TASKS[name.partition(",")[0]].headline
    assert scores[headline].low > CHANCE[headline] + 0.05


@pytest.mark.parametrize("name", KINDS)
def test_every_metric_is_told_of_and_what_is_about_the_dataset_is_the_same_for_all_models(name, scored):
    scores, task = scored(name, "latent"), TASKS[name.partition(",")[0]]
    assert tuple(scores) == task.keys and {score.state for score in scores.values()} == {"ok"}
    assert all(METRICS[key].low <= score.value <= METRICS[key].high for key, score in scores.items())
    same = [key for key in task.keys if key.endswith(("_bias", "_bias_all", "_expression", "_degree", "_coverage"))]
    assert same and all(scores[key] == scored(name, "shuffled")[key] for key in same)
    leak, claimed, headline = (scores[key].value for key in (f"{task.name}_leak", f"{task.name}_random", task.headline))
    assert leak == pytest.approx(claimed - headline, abs=1e-8)


def test_what_anybody_knows_gains_nothing(make_gene_truth):
    truth, _ = make_gene_truth()
    facts = truth.genes[["mean_expression", "tau", "length", "elsewhere"]].fillna(0).to_numpy()
    gain = TASKS["function"].score(run(truth, facts))["function_gain"]
    assert gain.low <= 0 <= gain.high


def of_families(stated=False, n=400):
    """Return a dataset whose sets are whole families, and vectors that tell families apart and nothing else."""
    rng = np.random.default_rng(0)
    family = np.arange(n) // 4
    sets = (rng.random((family.max() + 1, 1 if stated else 8)) < 0.4).astype(np.int8)[family]
    genes = pd.DataFrame(rng.normal(size=(n, 4)), columns=["mean_expression", "tau", "length", "elsewhere"])
    genes["symbol"], genes["family"] = [f"G{i}" for i in range(n)], [f"F{i}" for i in family]
    nothing = np.zeros((n, 0), np.float32), (), np.zeros((0, 3), np.int64)
    sets = sets * 2 - 1 if stated else sets
    truth = GeneTruth(genes, csr_matrix(sets), tuple(f"S{i}" for i in range(sets.shape[1])), *nothing)
    return truth, rng.normal(size=(family.max() + 1, 40))[family]


@pytest.mark.parametrize("name", ["function", "classes"])
def test_knowing_a_genes_family_is_nothing_with_families_held_out_and_much_with_random_folds(name):
    truth, vectors = of_families(stated=name == "classes")
    scores = TASKS[name].score(run(truth, vectors))
    gain = scores[f"{name}_gain"]
    assert gain.low <= 0 <= gain.high
    assert scores[f"{name}_random"].value > 0.2 and scores[f"{name}_leak"].value > 0.2


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_task_without_its_data_says_so_for_all_of_its_metrics_and_computes_nothing(name, monkeypatch):
    monkeypatch.setattr(Genes, "x", property(lambda self: pytest.fail("computed")))
    truth, vectors = of_families()
    truth = GeneTruth(truth.genes, csr_matrix((400, 0), dtype=np.int8), (), np.zeros((400, 0)), (), truth.pairs)
    scores = TASKS[name].score(run(truth, vectors))
    assert tuple(scores) == TASKS[name].keys
    assert {score.state for score in scores.values()} == {"not applicable"} and all(s.reason for s in scores.values())


def test_a_dataset_whose_sets_are_too_small_says_so():
    truth, vectors = of_families()
    few = truth.sets.toarray()
    few[40:] = 0
    few[:40:4] = 0
    few[:, :] *= np.cumsum(few, axis=0) < 10
    small = GeneTruth(truth.genes, csr_matrix(few), truth.set_names, truth.tissues, (), truth.pairs)
    scores = TASKS["function"].score(run(small, vectors))
    assert {score.state for score in scores.values()} == {"not applicable"}
    assert "no set has 10 genes" in scores["function_gain"].reason


def test_a_gene_that_the_model_does_not_know_counts_and_coverage_says_so(make_gene_truth, scored):
    truth, latent = make_gene_truth()
    half = Genes(latent[:450].astype(np.float32), np.arange(450), truth, 0)
    scores = TASKS["function"].score(half)
    assert 0.4 < scores["function_coverage"].value < 0.6 < scored("function", "latent")["function_coverage"].value
    assert scores["function_auroc"].value < scored("function", "latent")["function_auroc"].value - 0.1
    assert scores["function_covered"].value > scores["function_auroc"].value + 0.1


def test_tasks_on_cells_are_not_asked_of_a_dataset_of_genes_nor_the_other_way_round(make_gene_truth, monkeypatch):
    truth, latent = make_gene_truth("stated")
    cellular, of_genes = find_tasks(["integration", "probe"]), find_tasks(["function", "tissue"])
    scores = score_tasks([*cellular, *of_genes], run(truth, latent))
    assert {scores[key].reason for task in cellular for key in task.metrics()} == {"the dataset asks about genes"}
    assert scores["function_gain"].reason == "the dataset has no sets of genes"
    assert {score.state for score in scores.values()} == {"not applicable"}
    scores = score_tasks(of_genes, Cells(latent, None, 0, 1))
    assert {score.reason for score in scores.values()} == {"the dataset asks about cells"}


def test_two_runs_give_the_same_bytes(make_gene_truth, scored):
    truth, latent = make_gene_truth()
    again = TASKS["pairs"].score(run(truth, latent))
    assert dict(again) == dict(scored("pairs", "latent"))
    assert all(
        np.array_equal(again.replicates[key], scored("pairs", "latent").replicates[key]) for key in again.replicates
    )
