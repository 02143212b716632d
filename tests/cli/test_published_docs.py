"""docs/published-models.md says what the cards and files of the adapters say, and what they are really held to."""

import re
from pathlib import Path

import pytest

from scarena.cli.published_docs import HELD_TO, folder_of, markdown, published, unavailable

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_cards_make_of_it() -> None:
    page = (ROOT / "docs" / "published-models.md").read_text(encoding="utf-8")
    assert markdown() == page, "write it again: see benchmark/cli/published_docs.py"


def test_every_published_model_is_on_it() -> None:
    assert set(HELD_TO) == {model.card.name for model in published()}
    assert all(folder_of(model) for model in published())
    assert {model.card.name for model in unavailable()}.isdisjoint(HELD_TO)


@pytest.mark.parametrize(
    ("name", "version"), re.findall(r"([a-z][a-z0-9-]+) (\d+\.\d[\w.]*)", " ".join(HELD_TO.values()))
)
def test_a_package_it_names_is_one_that_a_test_installs(name: str, version: str) -> None:
    tests = ROOT / "tests" / "models" / "adapters"
    assert any(f"{name}=={version}" in path.read_text(encoding="utf-8") for path in tests.rglob("*.py"))
