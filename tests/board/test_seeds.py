"""What is said of seeds is what ran: models may have different ones."""

import pytest

from scarena.board.seeds import and_seeds, drawn_over, first_seeds, seeds_told


def board(seeds, *, kind="cells", **facts):
    cells = [{"dataset": d, "model": m, "seed": s} for d in ("a", "b") for m, each in seeds.items() for s in each]
    models = [{"name": name, **facts.get(name, {})} for name in seeds]
    return {"cells": cells, "models": models, "datasets": [{"card": {"kind": kind}}], "provenance": {}}


@pytest.mark.parametrize(
    ("seeds", "told", "more"),
    [
        ({"m": [0], "n": [3]}, "1 seed", ", one seed"),
        ({"m": [0, 1], "n": [0, 1]}, "2 seeds", " and seeds"),
        (
            {"m": [0, 1, 2], "n": [0], "o": [0]}, "3 seeds for 1 model or control, 1 seed for 2 models and controls",
            " and, where a model has several, over its seeds",
        ),
    ],
)  # fmt: skip
def test_seeds_are_counted_by_model(seeds, told, more):
    assert (seeds_told(board(seeds)), and_seeds(board(seeds))) == (told, more)


def test_an_interval_says_whether_seeds_are_in_it_and_why_not():
    given = board({"scvi": [0, 1], "pca": [0], "other": [0]}, pca={"draws": False})
    assert drawn_over(given) == {
        "scvi": "over cells and seeds", "pca": "over cells; one seed, and it draws nothing",
        "other": "over cells; one seed",
    }  # fmt: skip


def test_of_products_other_than_vectors_the_card_says_nothing():
    assert drawn_over(board({"pca": [0]}, kind="response", pca={"draws": False})) == {"pca": "over cells; one seed"}


def test_each_model_has_a_first_seed_of_its_own():
    assert first_seeds(board({"m": [2, 0], "n": [1]})) == {"m": 2, "n": 1}
