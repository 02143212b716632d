"""A target says of each cell yes, no, a group or nothing; what a card does not foresee is refused."""

import hashlib

import pytest

from scarena.base.errors import CardError, DataError
from scarena.datasets.card import card_names, load_card, parse_card
from scarena.datasets.targets import Target, target_values

BASE = {
    "name": "x",
    "title": "x",
    "description": "x",
    "files": [{"key": "a", "url": "file:/a"}],
    "reader": {"name": "h5ad"},
}
SIDES = {"yes": ["malignant"], "no": ["normal"], "other": ["unclear"]}


def test_a_binary_target_says_yes_no_or_nothing():
    values = ["malignant", "normal", "unclear", None]
    assert target_values(values, "malignant", Target(**SIDES), "d") == ["yes", "no", "", ""]


def test_groups_take_any_text_but_what_belongs_to_none():
    assert target_values(["a", "b", None], "layer", Target(other=["b"]), "d") == ["a", "", ""]


def test_a_value_that_the_card_does_not_foresee_is_named_in_one_line():
    with pytest.raises(DataError, match=r"'doubtful' of the target malignant is not on the card; put it under"):
        target_values(["doubtful"], "malignant", Target(**SIDES), "d")


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ({"sick": SIDES}, "unknown target 'sick'"),
        ({"treated": {"yes": ["drug"]}}, "needs the values that mean"),
        ({"layer": SIDES}, "has groups"),
        ({"response": {"yes": ["a"], "no": ["a "]}}, "stands twice"),
        ({"response": {"yes": [True], "no": ["a"]}}, "valid string"),
        ({"response": {**SIDES, "maybe": ["x"]}}, "maybe"),
    ],
)
def test_targets_that_contradict_themselves_are_refused(targets, said):
    with pytest.raises(CardError, match=said):
        parse_card({**BASE, "targets": targets}, "x.yaml")


def test_a_card_without_further_truths_is_written_as_before_there_were_any():
    written = parse_card(BASE, "x.yaml").model_dump_json()
    assert hashlib.sha256(written.encode()).hexdigest().startswith("fd905b60cd84583d")
    for name in card_names():
        card = load_card(name)
        if not (card.targets or card.proteins or card.coordinates or card.network or card.answered_by or card.response):
            assert list(card.model_dump())[-3:] == ["min_counts", "not_applicable", "notes"]


def test_a_card_with_further_truths_survives_being_written():
    card = parse_card({**BASE, "targets": {"malignant": SIDES}, "proteins": {"CD3": None}, "coordinates": True}, "x")
    assert parse_card(card.model_dump(), "x") == card
