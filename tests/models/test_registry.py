"""A model is found by name, without importing all others where the name says in which file it is."""

import subprocess
import sys

import pytest

from scarena.models import registry
from scarena.models.registry import all_models, find_model, in_tree_files


@pytest.mark.parametrize("name", sorted(all_models()))
def test_a_model_found_alone_is_the_one_found_among_all(name):
    alone = registry._alone(name)
    assert alone is None or alone is all_models()[name]
    assert find_model(name) is all_models()[name]


def test_most_models_are_found_alone():
    found = [name for name in all_models() if registry._alone(name) is not None]
    assert len(found) > 0.8 * len(all_models())


def test_beside_packages_that_bring_models_no_name_is_settled_alone(monkeypatch):
    monkeypatch.setattr(registry, "plugins", lambda group: ("something",))
    assert registry._alone("hvg") is None


@pytest.mark.parametrize("name", ["", '"', "hvg.*", "no-such-model", "../hvg"])
def test_other_words_are_no_model(name):
    assert registry._alone(name) is None


def test_a_baseline_is_found_without_torch():
    ask = "import sys; from scarena.models.registry import find_model; find_model('random-64')"
    ask += "; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"


def test_files_of_models_are_named_with_their_folders():
    assert {"scarena.models.baselines.hvg", "scarena.models.controls.labels", "scarena.models.scarena_fm"} <= set(
        in_tree_files()
    )
