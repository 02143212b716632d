"""Missing is not zero: aggregates and the state of a score."""

import math

import pytest

from scarena.metrics.aggregate import BATCH, BIO, aggregates
from scarena.metrics.scores import FAILED, NOT_APPLICABLE, OK, Score


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_becomes_a_failure(value):
    assert Score.of(value).state == FAILED
    assert Score.of(value).value is None
    with pytest.raises(ValueError, match="not finite"):
        Score(value)


@pytest.mark.parametrize("args", [(None,), (0.0, FAILED, "why"), (0.5, "fine")])
def test_a_value_and_its_state_cannot_contradict_each_other(args):
    with pytest.raises(ValueError, match="score"):
        Score(*args)


def test_a_reason_is_one_line():
    assert Score.failed("first\nsecond").reason == "first second"


def test_the_total_is_the_weighted_mean_of_the_groups():
    scores = {key: Score(0.5) for key in BIO} | {key: Score(1.0) for key in BATCH}
    found = aggregates(scores)
    assert [found[key].value for key in ("bio", "batch", "total")] == pytest.approx([0.5, 1.0, 0.7])


def test_an_aggregate_with_a_failed_part_has_failed_and_names_it():
    scores = {key: Score(0.5) for key in (*BIO, *BATCH)} | {
        "kbet": Score.failed("broke"),
        "pcr": Score.not_applicable("-"),
    }
    found = aggregates(scores)
    assert found["bio"].state == OK
    assert (found["batch"].state, found["batch"].value) == (FAILED, None)
    assert "kbet: broke" in found["batch"].reason
    assert "kbet: broke" in found["total"].reason


def test_an_aggregate_without_an_applicable_part_is_not_applicable():
    scores = {key: Score(0.5) for key in BIO} | {key: Score.not_applicable("one batch") for key in BATCH}
    found = aggregates(scores)
    assert (found["batch"].state, found["total"].state) == (NOT_APPLICABLE, NOT_APPLICABLE)
