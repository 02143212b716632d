import pytest
from anndata import AnnData

from scarena.base.errors import NotAvailable, state_of
from scarena.models.base import Context
from scarena.models.registry import all_models, find_model

NAMES = ("cellfm", "genemamba", "sckgbert", "scplantllm", "teddy")


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_cannot_be_run_is_listed_with_the_reason_and_is_no_failure(name: str, cells: AnnData) -> None:
    model = find_model(name)
    assert name in all_models() and model.lacks() == model.card.unavailable != ""
    with pytest.raises(NotAvailable, match=model.card.unavailable) as raised:
        model().embed(cells, Context())
    assert state_of(raised.value) == "not available"
