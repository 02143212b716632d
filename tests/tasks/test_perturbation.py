"""What the task of responses says of a model: joined by name, 0 for the better negative, 1 for a replicate."""

from dataclasses import replace

import numpy as np
import pytest

from scarena.datasets.response_truth import Split
from scarena.metrics.details import OF_PROFILE
from scarena.metrics.info_responses import KEYS as KEYS_OF
from scarena.metrics.info_responses import PREFIX
from scarena.metrics.registry import METRICS
from scarena.metrics.scores import Scores
from scarena.tasks.details import read_details, write_details
from scarena.tasks.facts import Facts
from scarena.tasks.perturbation import Perturbation, PerturbationContext, PerturbationPair
from scarena.tasks.responses import Responses, row_names

KEYS = KEYS_OF["gene"]
TASKS = {task.setting: task for task in (Perturbation, PerturbationPair, PerturbationContext)}
LEARNED = tuple(f"response_reveal_{k}" for k in (0, 5, 10, 20))


def contexts_of(truth, rows):
    return [truth.contexts.index(c) for c in truth.profiles["context"].iloc[rows]]


def perfect(truth, _, asked):
    return truth.observed[asked]


def replicate(truth, _, asked):
    return truth.duplicate[asked]


def no_change(truth, _, asked):
    return truth.control_shown[contexts_of(truth, asked)]


def train_mean(truth, training, asked):
    if not len(training):
        return no_change(truth, training, asked)
    return np.repeat(truth.whole[training].astype(float).mean(axis=0, keepdims=True), len(asked), axis=0)


def mean_shift(truth, training, asked):
    if not len(training):
        return no_change(truth, training, asked)
    shift = truth.whole[training].astype(float) - truth.control_shown[contexts_of(truth, training)]
    return no_change(truth, training, asked) + shift.mean(axis=0)


def half_way(truth, training, asked):
    return (perfect(truth, training, asked) + no_change(truth, training, asked)) / 2


def scores(predicted, truth):
    """Return the scores of the task that asks about what is unseen here, by the keys of `perturbation`."""
    found = TASKS[truth.setting]().score(Responses(np.asarray(predicted, np.float32), truth, 0))
    prefix = PREFIX[truth.setting]
    replicates = {key.removeprefix(prefix): rows for key, rows in found.replicates.items()}
    return Scores({key.removeprefix(prefix): score for key, score in found.items()}, replicates, found.details)


@pytest.fixture(scope="module")
def truth(make_responses):
    return make_responses()


def test_every_metric_has_a_score_within_its_range(truth, answered):
    found = scores(answered(truth, half_way), truth)
    assert tuple(found) == KEYS
    for key, score in found.items():
        assert score.state == "ok", (key, score.reason)
        assert METRICS[key].low <= score.value <= METRICS[key].high


def test_a_replicate_has_one_and_what_knows_the_truth_more(truth, answered):
    found = scores(answered(truth, replicate), truth)
    for key in ("response_value", "response_value_reproducible", "response_value_covered", *LEARNED):
        assert found[key].value == pytest.approx(1, abs=1e-6), key
    assert scores(answered(truth, perfect), truth)["response_value"].value > 1


def test_without_cells_a_perfect_prediction_has_one_and_halves_are_not_applicable(make_responses, answered):
    truth = make_responses(cells=False)
    found = scores(answered(truth, perfect), truth)
    assert found["response_value"].value == pytest.approx(1, abs=1e-9) and found["response_nir"].value == 1
    assert "1 a perfect prediction" in found["response_value"].reason
    lost = {key for key, score in found.items() if score.state == "not applicable"}
    assert lost == {
        "response_value_reproducible", "response_nir_reproducible", "response_wmse", "response_r2_weighted",
        "response_drf", "response_bds", "response_nir_duplicate", "response_value_interpolated",
    }  # fmt: skip
    assert "one control" in found["response_pearson_control"].reason


@pytest.mark.parametrize("common", [0.0, 0.3])
def test_both_negatives_are_at_most_zero_and_the_better_one_is_zero(make_responses, answered, common):
    truth = make_responses(common=common, noise=0.02)
    values = [scores(answered(truth, each), truth)["response_value"].value for each in (no_change, train_mean)]
    # Where all perturbations shift alike the mean is the zero, else the control.
    assert max(values) == pytest.approx(0, abs=1e-6) and min(values) < -0.01
    assert (values[1] > values[0]) == (common > 0)


def test_with_contexts_held_out_the_mean_shift_is_the_negative(make_responses, answered):
    truth = make_responses("context", n=12, n_contexts=4)
    values = [
        scores(answered(truth, each), truth)["response_value"].value for each in (mean_shift, no_change, train_mean)
    ]
    assert values[0] == pytest.approx(0, abs=1e-6) and max(values[1:]) < -0.1


def test_no_change_correlates_with_the_truth_only_where_one_control_is_in_both(make_responses, answered):
    truth = make_responses(n=40, n_genes=600, common=0, size=0.05, noise=0.1)
    found = scores(answered(truth, no_change), truth)
    one = replace(truth, control_shown=truth.control_scored, shared_control=True)
    both = scores(answered(one, lambda t, _, asked: truth.control_shown[contexts_of(t, asked)]), one)
    # The other half of the control, taken for a prediction.
    assert found["response_pearson_control"].value == 0
    assert f"{len(truth.profiles)} undefined" in found["response_pearson_control"].reason
    assert found["response_pearson_shared"].value > 0.1 and both["response_pearson_control"].value > 0.1
    # A prediction that is noise about its own control has no correlation from two halves, and one from one.
    noisy = answered(truth, no_change) + np.random.default_rng(3).normal(0, 0.1, (sum(map(len, asked_of(truth))), 600))
    split = scores(noisy, truth)
    assert abs(split["response_pearson_control"].value) < 0.03 < 0.1 < split["response_pearson_shared"].value


def asked_of(truth):
    return [split.asked for split in truth.splits]


def test_the_mean_of_training_is_below_chance_among_candidates_that_it_was_made_of(make_responses, answered):
    """Candidates are of one split, since the mean of the others is nearer to each of them than to the own truth."""
    truth = make_responses(n=20, n_genes=1000, common=0, weak=1, noise=0.01)
    names = list(truth.profiles.index)
    assert scores(answered(truth, train_mean), truth)["response_nir"].value == pytest.approx(0.5, abs=0.05)
    alone = [Split(f"f{i}", "fold", (*names[:i], *names[i + 1 :]), (name,)) for i, name in enumerate(names)]
    single = replace(truth, splits=tuple(alone))
    assert scores(answered(single, train_mean), single)["response_nir"].state == "not applicable"
    # Literally, with all others as candidates:
    said = answered(single, train_mean)
    distance = ((said[:, None] - truth.observed[None]) ** 2).sum(axis=2)
    assert np.mean(distance > np.diagonal(distance)[:, None]) * len(names) / (len(names) - 1) < 0.2


def test_what_is_not_predicted_has_the_negatives_value_and_lowers_coverage(truth, answered):
    whole = answered(truth, half_way)
    some = whole.copy()
    some[::2] = np.nan
    found, other, zero = (scores(each, truth) for each in (some, whole, answered(truth, train_mean)))
    assert found["response_coverage"].value == pytest.approx(0.5, abs=0.02)
    assert 0 < found["response_value"].value < other["response_value"].value
    # Of what is predicted nothing is lost.
    alone = scores(np.where(np.isfinite(some), some, np.nan), truth)
    assert found["response_value_covered"] == alone["response_value_covered"]
    assert found["response_value_covered"].value > 0.3
    filled = np.where(np.isfinite(some), some, answered(truth, train_mean))
    same = scores(filled, truth)
    for key in ("response_value", "response_nir", "response_mse", "response_pearson_training", "response_wmse"):
        assert found[key].value == pytest.approx(same[key].value, abs=1e-6), key
    assert zero["response_value"].value == pytest.approx(0, abs=1e-6)


def test_a_model_that_says_nothing_has_exactly_no_value(truth):
    nothing = np.full((len(row_names(truth.splits)), len(truth.measured)), np.nan, np.float32)
    found = scores(nothing, truth)
    assert found["response_value"].value == 0 and found["response_coverage"].value == 0
    assert found["response_value_covered"].reason == "it predicts no profile"


def test_genes_that_a_split_perturbs_count_for_nothing(truth, answered):
    """Their own prediction is anybody's, and of the others it would tell who is asked about."""
    said = answered(truth, half_way)
    spoiled, names = said.copy(), row_names(truth.splits)
    place = {gene: i for i, gene in enumerate(truth.measured)}
    for split in truth.splits:
        genes = [place[g] for g in truth.profiles.loc[list(split.asked), "targets"] if g in place]
        rows = [i for i, name in enumerate(names) if name.startswith(f"{split.name} |")]
        spoiled[np.ix_(rows, genes)] = 99
    assert dict(scores(spoiled, truth)) == dict(scores(said, truth))
    assert dict(scores(said + np.float32(0.5), truth)) != dict(scores(said, truth))


def test_profiles_genes_and_splits_in_another_order_have_the_same_scores(truth, answered):
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(len(truth.profiles)), rng.permutation(len(truth.measured))
    turned = {
        name: getattr(truth, name)[np.ix_(rows, columns)]
        for name in ("observed", "whole", "duplicate", "strength", "doubt")
    }
    turned |= {name: getattr(truth, name)[:, columns] for name in ("control_scored", "control_shown")}
    splits = tuple(
        replace(split, asked=split.asked[::-1], training=split.training[::-1]) for split in truth.splits[::-1]
    )
    other = replace(
        truth, profiles=truth.profiles.iloc[rows], measured=tuple(truth.measured[i] for i in columns), splits=splits,
        **turned,
    )  # fmt: skip
    one, two = (scores(answered(each, half_way), each) for each in (truth, other))
    for key in KEYS:
        assert one[key].value == pytest.approx(two[key].value, abs=1e-6), key
        assert one[key].low == pytest.approx(two[key].low, abs=1e-6), key


def test_the_value_does_not_change_with_the_unit_of_expression(truth, answered):
    """Nor do correlations, retrieval and what describes the dataset; errors do, by its square."""
    arrays = ("observed", "whole", "duplicate", "control_scored", "control_shown")
    scaled = replace(truth, **{name: getattr(truth, name) * np.float32(4) for name in arrays})
    one, two = (scores(answered(each, half_way), each) for each in (truth, scaled))
    for key in KEYS:
        factor = 16 if key in ("response_mse", "response_wmse") else 1
        assert two[key].value == pytest.approx(factor * one[key].value, rel=1e-6), key


def test_effects_of_the_wrong_size_are_noticed(truth, answered):
    def doubled(truth, training, asked):
        return 2 * perfect(truth, training, asked) - no_change(truth, training, asked)

    right, wrong = (scores(answered(truth, each), truth)["response_rescaled"] for each in (perfect, doubled))
    assert right.value < 0 and right.reason == ""
    assert wrong.value > 0.1 and wrong.reason == "effects × 0.5 score better"
    small = scores(answered(truth, half_way), truth)["response_rescaled"]
    assert small.reason == "effects × 2 score better"


def test_more_to_learn_from_is_a_gain(truth, answered):
    found = scores(answered(truth, train_mean), truth)
    assert found["response_reveal_0"].value == 0 and found["response_reveal_20"].value > 0.1
    assert found["response_reveal_gain"].value == pytest.approx(found["response_reveal_20"].value)
    # The same perturbations are drawn at each point.
    gain = found.replicates["response_reveal_20"] - found.replicates["response_reveal_0"]
    np.testing.assert_allclose(found.replicates["response_reveal_gain"], gain)


def test_all_models_have_the_same_draws_and_differences_are_paired(truth, answered):
    one, other = (scores(answered(truth, each), truth) for each in (replicate, half_way))
    assert set(one.replicates) >= {"response_value", "response_nir", "response_mse", "response_value_reproducible"}
    # A replicate is 1 in every draw: numerator and denominator are of the same perturbations.
    np.testing.assert_allclose(one.replicates["response_value"], 1, atol=1e-6)
    drawn = other.replicates["response_value"]
    assert drawn.std() > 0 and other["response_value"].low < other["response_value"].value


def test_whole_perturbations_are_drawn(make_responses, answered):
    """In three contexts there is as little to draw from as in one."""
    truth = make_responses(n=12, n_contexts=3, common=0.1)
    wide = scores(answered(truth, half_way), truth)
    assert "36 profiles of 12 perturbations" in wide["response_value"].reason
    few = make_responses(n=4, n_contexts=3, n_folds=2)
    found = scores(answered(few, half_way), few)["response_value"]
    assert found.low is None and "4 perturbations: too few for an interval" in found.reason


def test_a_dataset_without_measurable_effects_is_not_applicable(make_responses, answered):
    truth = make_responses(common=0, size=0, noise=0.1)
    found = scores(answered(truth, half_way), truth)["response_value"]
    assert found.state == "not applicable" and found.reason.startswith("no measurable effect")


def test_published_splits_count_where_there_are_no_folds(truth, answered):
    folds = [split for split in truth.splits if split.kind == "fold"]
    published = replace(folds[0], name="theirs", kind="published")
    both, alone = replace(truth, splits=(*folds, published)), replace(truth, splits=(published,))
    assert dict(scores(answered(both, half_way), both))["response_value"].reason.endswith(
        "30 profiles of 30 perturbations"
    )
    assert scores(answered(alone, half_way), alone)["response_value"].reason.endswith("6 profiles of 6 perturbations")


def test_what_a_dataset_must_hold():
    def why(*targets):
        return Perturbation().unanswerable(Facts(1, 1, 1, targets=frozenset(targets)))

    assert not why("response", "fold", "gene")
    assert not why("response", "published", "gene")
    assert "holds no profile out" in why("response", "reveal", "gene")
    assert "what perturbations do" in why("fold", "gene")
    assert "no unseen gene" in why("response", "fold", "pair")


def test_numbers_of_each_profile_add_up_to_the_scores(truth, answered):
    given = Responses(answered(truth, half_way), truth, 0)
    table, found = given.per_profile, Perturbation().score(given)
    assert sorted(table.index) == sorted(truth.profiles.index)
    assert list(table["perturbation"]) == [name.split(" in ")[0] for name in table.index]
    error, negative, duplicate = (table[column].mean() for column in ("error", "negative", "duplicate"))
    assert found["response_value"].value == pytest.approx((negative - error) / (negative - duplicate), abs=1e-9)
    assert found["response_nir"].value == pytest.approx(table["nir"].mean(), abs=1e-9)
    assert found["response_mse"].value == pytest.approx(error, abs=1e-9)


def test_numbers_of_each_profile_are_kept_as_details(truth, answered, tmp_path):
    given = Responses(answered(truth, half_way), truth, 0)
    found = Perturbation().score(given)
    write_details(tmp_path / "details.npz", found.details)
    kept = read_details(tmp_path / "details.npz").profiles
    assert set(kept.names) <= set(row_names(truth.splits)) and len(kept.names) == len(truth.profiles)
    table = given.per_profile
    for column, name in enumerate(OF_PROFILE):
        np.testing.assert_allclose(kept.numbers[:, column], table[name].to_numpy(float), atol=1e-6)


@pytest.mark.parametrize("setting", ["gene", "context"])
def test_a_dataset_answers_the_task_of_its_setting_alone(make_responses, answered, setting):
    truth = make_responses(setting)
    given = Responses(np.asarray(answered(truth, half_way), np.float32), truth, 0)
    for other, task in TASKS.items():
        found = task().score(given)
        assert tuple(found) == KEYS_OF[other]
        assert (found[task.headline].state == "ok") == (other == setting)
        if other != setting:
            assert found[task.headline].reason == f"the dataset asks about no unseen {other}"
            assert found.details is None
