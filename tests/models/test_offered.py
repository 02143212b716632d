"""Which kinds of dataset a model can be asked about, told before it runs."""

import pytest

from scarena.models.offered import lacks_product
from scarena.models.registry import all_models

MODELS, KINDS = all_models(), ("cells", "genes", "network", "response")


@pytest.mark.parametrize(
    ("name", "cells", "genes", "network", "response"),
    [
        ("hvg", True, False, False, False),
        ("hvg-forest", True, False, False, False),
        ("gene-tissues", False, True, True, True),
        ("net-pearson", False, False, True, False),
        ("response-bilinear", False, False, False, True),
        ("scarena-fm", True, True, True, True),
        ("scgpt-gene-context", False, True, True, True),
    ],
)
def test_a_model_is_asked_for_what_its_class_and_card_offer(name, cells, genes, network, response):
    asked = [not lacks_product(MODELS[name], kind) for kind in KINDS]
    assert asked == [cells, genes, network, response]


def test_every_model_has_an_answer_to_some_kind_and_says_one_line_of_the_others():
    for name, model in MODELS.items():
        reasons = [lacks_product(model, kind) for kind in KINDS]
        assert "" in reasons, name
        assert all("\n" not in reason for reason in reasons)
