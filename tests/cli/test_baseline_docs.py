"""docs/baselines.md says what the cards of the baselines say, and leaves none out."""

import re
from pathlib import Path

from scarena.cli.baseline_docs import COLUMNS, WHOSE, baselines, markdown
from scarena.models.registry import all_models

PAGE = Path(__file__).parents[2] / "docs" / "baselines.md"


def rows():
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    head, _, *body = [[each.strip().replace(r"\|", "|") for each in re.split(r"(?<!\\)\|", x)[1:-1]] for x in lines]
    assert head == list(COLUMNS)
    return [dict(zip(head, entries, strict=True)) for entries in body]


def test_the_page_is_what_the_cards_make_of_it():
    made = markdown()
    assert made == PAGE.read_text(encoding="utf-8"), "write it again: see benchmark/cli/baseline_docs.py"


def test_every_baseline_has_one_row_that_says_what_its_card_says():
    cards = {f"`{card.name}`": card for card in baselines()}
    # The others know what scArena-FM learned of genes, and are described with it.
    known = {name for name, model in all_models().items() if model.card.family == "baseline"}
    assert known - {card.name for card in baselines()} == {"atlas-harmony", "atlas-pca", "atlas-random", "atlas-within"}
    assert [row["name"] for row in rows()] == list(cards)
    for row in rows():
        card = cards[row["name"]]
        assert row["what it is"] == card.description
        assert (row["source"], row["licence"]) == (card.source, card.licence)
        said = {column: row[column] == "yes" for column in ("uses batch", "uses labels", "trains on target")}
        assert list(said.values()) == [card.uses_batch, card.uses_labels, card.trains_on_target]
        assert all(key in row["settings"] for key in card.settings)
        needs = card.environment.pip if card.environment else ()
        assert all(each in row["where it runs"] for each in needs)


def test_no_entry_is_empty_and_it_is_said_whose_the_settings_of_each_are():
    assert all(all(row.values()) for row in rows())
    assert list(WHOSE) == [card.name for card in baselines()]


def test_no_baseline_is_said_to_be_missing():
    missing = PAGE.read_text(encoding="utf-8").split("## What is not there")[1]
    named = re.findall(r"[A-Za-z]+", " ".join(re.findall(r"\*\*(.+?)\*\*", missing, re.DOTALL)))
    assert "BBKNN" in named
    assert not {word.lower() for word in named} & {card.name for card in baselines()}


def test_only_scanvi_and_predictors_see_labels_as_the_page_says():
    predictors = {f"`{card.name}`" for card in baselines() if card.offers == "labels"}
    assert {row["name"] for row in rows() if row["uses labels"] == "yes"} == {"`scanvi`", *predictors}
    said = PAGE.read_text(encoding="utf-8").split("**Predictors.** ")[1].split(" have no vectors")[0]
    assert predictors == set(re.findall(r"`[a-z-]+`", said))
