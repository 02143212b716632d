"""Which kinds of dataset a model can be asked about, told before it runs."""

import pytest

from scarena.models.offered import lacks_product
from scarena.models.registry import all_models

MODELS = all_models()


@pytest.mark.parametrize(
    ("name", "cells", "genes", "network"),
    [
        ("hvg", True, False, False),
        ("gene-tissues", False, True, True),
        ("net-pearson", False, False, True),
        ("scarena-fm", True, True, True),
        ("scgpt-gene-context", False, True, True),
    ],
)
def test_a_model_is_asked_for_what_its_class_and_card_offer(name, cells, genes, network):
    kinds = ("cells", "genes", "network")
    asked = [not lacks_product(MODELS[name], kind) for kind in kinds]
    assert asked == [cells, genes, network]


def test_every_model_has_an_answer_to_some_kind_and_says_one_line_of_the_others():
    for name, model in MODELS.items():
        reasons = [lacks_product(model, kind) for kind in ("cells", "genes", "network")]
        assert "" in reasons, name
        assert all("\n" not in reason for reason in reasons)
