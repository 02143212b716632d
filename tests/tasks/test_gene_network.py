"""What the task of networks says of a model: joined by name, one reason where there is no answer, chance where none."""

from dataclasses import replace

import numpy as np
import pytest

from scarena.datasets.network_truth import NetworkTruth
from scarena.metrics.info_networks import KEYS
from scarena.metrics.networks.ranked import ENOUGH
from scarena.metrics.registry import METRICS
from scarena.tasks.gene_network import NetworkTask
from scarena.tasks.network import Network

N_REGULATORS, N_GENES = 14, 170
EFFECTS = ("network_wasserstein", "network_wasserstein_1000", "network_omission")


def made(seed=0, *, perturbed=True, n_unmeasured=6):
    rng = np.random.default_rng(seed)
    genes = tuple(f"G{i}" for i in range(N_GENES))
    unmeasured = tuple(f"X{i}" for i in range(n_unmeasured))
    regulators = (*genes[: N_REGULATORS - n_unmeasured], *unmeasured)
    edges = rng.random((N_REGULATORS, N_GENES)) < rng.uniform(0.05, 0.3, N_REGULATORS)[:, None]
    asked = np.array(regulators, object)[:, None] != np.array(genes, object)[None]
    edges &= asked
    distance = np.where(asked, rng.exponential(0.1, edges.shape) + edges, np.nan).astype(np.float32)
    p = np.where(asked, np.where(edges, 0.001, 0.9), np.nan).astype(np.float32)
    effects = (distance, p) if perturbed else (None, None)
    return NetworkTruth(regulators, genes, edges, asked, *effects)


def scores(matrix, truth, **names):
    named = {"regulators": truth.regulators, "genes": truth.genes, **names}
    return NetworkTask().score(Network(np.asarray(matrix, np.float32), **named, truth=truth, seed=0))


def noise(seed, shape=(N_REGULATORS, N_GENES)):
    return np.random.default_rng([seed, 1]).random(shape)


def test_every_metric_has_a_score_within_its_range():
    found = scores(noise(0), made())
    assert tuple(found) == KEYS
    for key, score in found.items():
        assert score.state == "ok", (key, score.reason)
        assert METRICS[key].low <= score.value <= METRICS[key].high


def test_the_truth_itself_scores_best_and_its_opposite_worst():
    truth = made()
    best, worst = scores(truth.edges, truth), scores(1.0 - truth.edges, truth)
    assert best["network_auroc"].value == 1 and worst["network_auroc"].value == 0
    assert best["network_omission"].value == 0 and worst["network_omission"].value > 0.1
    chance = scores(noise(1), truth)
    for key in ("network_auprc_ratio", "network_epr", "network_auprc_ratio_pooled", "network_wasserstein"):
        assert best[key].value > chance[key].value > worst[key].value
    assert best["network_unmeasured"].value > 2


def test_a_random_network_is_at_chance():
    truth = made()
    found = [scores(noise(seed), truth) for seed in range(40)]
    for key, chance in (("network_auprc_ratio", 1), ("network_epr", 1), ("network_auroc", 0.5)):
        values = np.array([each[key].value for each in found])
        assert abs(values.mean() - chance) < 4 * values.std() / np.sqrt(len(values)), key
    mean = np.mean([each["network_wasserstein"].value for each in found])
    assert mean == pytest.approx(found[0]["network_wasserstein_all"].value, rel=0.05)


def test_intervals_of_random_networks_hold_chance():
    held = 0
    for seed in range(20):
        score = scores(noise(seed), made(seed, n_unmeasured=0))["network_auprc_ratio"]
        held += score.low <= 1 <= score.high
    assert held >= 15


def test_a_ranking_by_regulator_alone_is_at_chance_within_rows_and_above_it_pooled():
    truth = made()
    degree = np.broadcast_to((truth.edges.sum(axis=1, keepdims=True)), truth.edges.shape)
    found = scores(degree, truth)
    assert found["network_auprc_ratio"].value == pytest.approx(1) and found["network_auroc"].value == 0.5
    assert found["network_auprc_ratio_pooled"].value == pytest.approx(found["network_degree"].value) != 1
    assert found["network_degree"].value > 1.1


def test_popularity_is_known_from_other_regulators_alone():
    truth = made(perturbed=False, n_unmeasured=0)
    popular = np.zeros_like(truth.edges)
    popular[:, 40:60] = True
    all_alike = scores(noise(0), replace(truth, edges=popular & truth.asked))["network_popularity"].value
    # Regulators whose targets no other has: there is nothing to be known from them.
    own = np.zeros_like(truth.edges)
    for row in range(N_REGULATORS):
        own[row, 20 + row * ENOUGH : 20 + (row + 1) * ENOUGH] = True
    apart = scores(noise(0), replace(truth, edges=own))["network_popularity"].value
    assert all_alike > 5 and apart < 1


def test_names_join_and_places_do_not():
    truth, matrix = made(), noise(2)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(N_REGULATORS), rng.permutation(N_GENES)
    turned = scores(
        matrix[np.ix_(rows, columns)], truth, regulators=tuple(truth.regulators[i] for i in rows),
        genes=tuple(truth.genes[i] for i in columns),
    )  # fmt: skip
    assert dict(turned) == dict(scores(matrix, truth))


def test_the_sign_of_a_score_does_not_matter():
    matrix = noise(3)
    assert dict(scores(-matrix, made())) == dict(scores(matrix, made()))


def test_what_is_not_said_ranks_last_and_is_counted():
    truth, matrix = made(n_unmeasured=0), noise(4)
    half = np.where(noise(5) < 0.5, matrix, np.nan)
    found = scores(half, truth)
    assert found["network_coverage"].value == pytest.approx(np.isfinite(half)[truth.asked].mean())
    filled = np.where(np.isfinite(half), half + 1, 1e-9)
    other = scores(filled, truth)
    for key in ("network_auprc_ratio", "network_auroc", "network_wasserstein", "network_omission"):
        assert found[key].value == pytest.approx(other[key].value), key


def test_saying_nothing_of_unmeasured_regulators_costs_nothing_but_the_score_of_these():
    truth, matrix = made(), noise(6)
    silent = np.where(truth.measured[:, None], matrix, np.nan)
    found, other = scores(silent, truth), scores(matrix, truth)
    assert found["network_unmeasured"].state == "not applicable" and other["network_unmeasured"].state == "ok"
    assert {key: found[key] for key in KEYS if key != "network_unmeasured"} == {
        key: other[key] for key in KEYS if key != "network_unmeasured"
    }


def test_without_perturbation_effects_are_not_applicable_and_the_rest_is_scored():
    found = scores(noise(0), made(perturbed=False))
    assert {found[key].reason for key in EFFECTS} == {"no gene was perturbed"}
    assert found["network_auprc_ratio"].state == "ok"


def test_too_few_true_edges_are_one_reason():
    truth = made()
    few = np.zeros_like(truth.edges)
    few[:, 20 : 20 + ENOUGH - 1] = True
    found = scores(noise(0), replace(truth, edges=few))
    reason = f"0 regulators have {ENOUGH} true edges or more: 5 are needed"
    assert {found[key].reason for key in ("network_auprc_ratio", "network_epr", "network_auroc")} == {reason}
    assert found["network_auprc_ratio_pooled"].state == "ok"
    none = scores(noise(0), replace(truth, edges=few & False))
    assert none["network_omission"].reason == "no pair is significant"
    assert none["network_auprc_ratio_pooled"].state == "not applicable"


def test_few_regulators_rank_nobody_and_say_so():
    truth = made(n_unmeasured=N_REGULATORS - 3)
    found = scores(noise(0), truth)
    assert found["network_auprc_ratio"].state == "not applicable"
    assert found["network_auprc_ratio"].reason == f"3 regulators have {ENOUGH} true edges or more: 5 are needed"
    # What perturbing them did is told all the same.
    assert (
        found["network_wasserstein"].state == "ok" and "too few for an interval" in found["network_wasserstein"].reason
    )


def test_all_models_have_the_same_draws():
    truth = made()
    one, other = (scores(matrix, truth) for matrix in (truth.edges * 1.0, truth.edges * 2.0))
    assert one.replicates and set(one.replicates) == set(other.replicates)
    for key in one.replicates:
        np.testing.assert_array_equal(one.replicates[key], other.replicates[key])


def test_a_dataset_without_edges_is_not_asked():
    from scarena.tasks.facts import Facts

    assert NetworkTask().unanswerable(Facts(1, 1, 1)) and not NetworkTask().unanswerable(
        Network(noise(0), made().regulators, made().genes, made(), 0).facts
    )
