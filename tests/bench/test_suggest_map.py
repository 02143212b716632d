"""What `scarena bench suggest-map` counts: distinct pairs, held-out cards apart, obsolete ids as what replaced them."""

import pytest

from scarena.base.errors import DataError, OntologyError
from scarena.bench.suggest_map import (
    ALL,
    DEVELOPMENT,
    HELD_OUT,
    Place,
    by_rule,
    distinct,
    groups_of,
    missed,
    of_cards,
    of_table,
)
from scarena.datasets.ontology import CellOntology
from scarena.datasets.proposals import Proposal

SURE = Proposal("CL:0000236", "B cell", "exact", "label 'B cell'", 1.0)


@pytest.fixture(scope="module")
def ontology():
    return CellOntology.load()


def place(of, label, rank, best=SURE):
    return Place(of, (label, "CL:0000236"), rank, best)


def test_every_third_card_is_held_out_and_tables_are_no_cards():
    groups = groups_of(["a", "b", "c", "d", "e", "f", "mine"], ["a", "b", "c", "d", "e", "f"])
    assert groups[HELD_OUT] == ["c", "f"] and groups[DEVELOPMENT] == ["a", "b", "d", "e"]
    assert groups[ALL] == ["a", "b", "c", "d", "e", "f"] and groups["mine"] == ["mine"]


def test_a_pair_counts_once_and_not_as_held_out_where_another_card_has_it():
    found = {"a": [place("a", "B", 1)], "b": [place("b", "B", 2), place("b", "b", 0)]}
    assert [each.of for each in distinct(found, ["a", "b"])] == ["a", "b"]
    assert [each.pair[0] for each in distinct(found, ["b"], without=["a"])] == ["b"]


def test_the_cards_terms_are_current_ones(ontology):
    cards = of_cards(ontology)
    assert len(cards) >= 10 and all(labels.terms for labels in cards)
    assert {term for labels in cards for term in labels.terms.values()} <= set(ontology.names)


def test_a_table_of_ones_own_is_read_and_its_obsolete_terms_are_replaced(tmp_path, ontology):
    old, new = next((old, new) for old, new in ontology.replaced.items() if new in ontology.names)
    (tmp_path / "mine.tsv").write_text(f"B cells\tCL:0000236\nodd\t{old}\nnone\t\nnor\tNA\n")
    assert of_table(tmp_path / "mine.tsv", ontology).terms == {"B cells": "CL:0000236", "odd": new}


@pytest.mark.parametrize(
    ("text", "error"), [("B cells\n", DataError), ("B\tCL:9999999\n", OntologyError), ("a\tb\tc\n", DataError)]
)
def test_a_table_that_is_none_is_refused(tmp_path, ontology, text, error):
    (tmp_path / "mine.tsv").write_text(text)
    with pytest.raises(error):
        of_table(tmp_path / "mine.tsv", ontology)


def test_the_first_proposals_are_counted_by_their_rule_and_those_that_are_wrong_listed():
    less = Proposal("CL:0000787", "memory B cell", "shared words", "words", 0.5)
    found = [place("a", "B", 1), place("a", "b", 2), place("a", "c", 0, less), place("a", "d", 0, None)]
    assert {row[0]: row[1:3] for row in by_rule(found)} == {
        "exact": ["2", "1 (50.0%)"], "shared words": ["1", "0 (0.0%)"],
    }  # fmt: skip
    assert [row[1] for row in missed(found)] == ["b", "c", "d"]
