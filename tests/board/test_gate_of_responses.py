"""The gate judges predicted responses by a replicate experiment above the negatives, and by models between them."""

import numpy as np
import pytest

from scarena.board.controls import control_checks
from scarena.board.gate import gate
from scarena.board.replicates import Sample
from scarena.models.base import ModelCard
from scarena.tasks.perturbation import Perturbation
from scarena.tasks.responses import Responses

# What a replicate experiment is the better answer to than what says nothing; the learning curve begins at nothing.
JUDGED = (
    "response_value", "response_value_reproducible", "response_nir", "response_pearson_control", "response_wmse",
    "response_mse", "response_r2_weighted", "response_pearson_training",
)  # fmt: skip
FAMILIES = {"response-duplicate": "positive", "response-no-change": "negative", "response-train-mean": "negative"}


def predicted(truth, name, asked, training):
    contexts = [truth.contexts.index(c) for c in truth.profiles["context"].iloc[asked]]
    control = truth.control_shown[contexts]
    if name == "response-duplicate":
        return truth.duplicate[asked]
    if name == "response-no-change" or not len(training):
        return control
    mean = truth.whole[training].mean(axis=0)
    return np.tile(mean, (len(asked), 1)) if name == "response-train-mean" else (truth.observed[asked] + mean) / 2


def card(name):
    said = {"name": name, "title": name, "description": "", "offers": "response"}
    if name not in FAMILIES:
        return ModelCard(family="baseline", **said).model_dump(mode="json")
    holds = {"holds": ("target",)} if FAMILIES[name] == "positive" else {}
    return ModelCard(family="control", control=FAMILIES[name], **said, **holds).model_dump(mode="json")


@pytest.fixture(scope="module")
def judged(make_responses, answered):
    truth = make_responses()
    cells, samples = [], {}
    for name in (*FAMILIES, "model"):
        said = answered(truth, lambda t, training, asked, name=name: predicted(t, name, asked, training))
        found = Perturbation().score(Responses(said, truth, 0))
        scores = {key: {"value": each.value, "state": each.state} for key, each in found.items()}
        cells.append({"dataset": "d", "model": name, "seed": 0, "state": "ok", "scores": scores})
        for key, each in found.items():
            if each.state == "ok":
                samples["d", name, key] = Sample(each.value, found.replicates.get(key))
    cards = [card(name) for name in (*FAMILIES, "model")]
    checks = control_checks(cells, cards, samples)
    return {row["metric"]: row for row in checks}, {row["metric"]: row for row in gate(cells, cards, checks)}


@pytest.mark.parametrize("metric", JUDGED)
def test_a_replicate_is_above_the_negatives_beyond_noise(judged, metric):
    check = judged[0][metric]
    assert check["counts"] and check["discriminates"] and check["margin_low"] > 0
    assert check["control"] == "response-duplicate"


@pytest.mark.parametrize("metric", JUDGED)
def test_a_model_half_way_passes_the_gate(judged, metric):
    assert judged[1][metric]["verdict"] == "passes", judged[1][metric]["reason"]
    assert judged[1][metric]["share"] > 0.3


def test_what_describes_the_dataset_is_not_judged(judged):
    assert not {"response_coverage", "response_drf", "response_rescaled", "response_reveal_gain"} & set(judged[1])
