"""What imported scArena before the rooms still does."""

import importlib
import sys
import warnings

import pytest

from scarena.base.moved import MOVED


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_path_is_the_same_module_and_says_where_it_is_now(old: str, monkeypatch: pytest.MonkeyPatch):
    new = importlib.import_module(MOVED[old])
    monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(DeprecationWarning, match=MOVED[old].replace(".", r"\.")):
        assert importlib.import_module(old) is new
    assert new.__name__ == MOVED[old] and new.__spec__.name == MOVED[old]


def test_from_imports_of_old_paths_work():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from scarena.errors import ScarenaError
        from scarena.models.hvg import HVG

    from scarena.base.errors import ScarenaError as same_error
    from scarena.models.baselines.hvg import HVG as same_model

    assert ScarenaError is same_error and HVG is same_model


def test_a_path_that_never_was_is_refused_as_ever():
    with pytest.raises(ModuleNotFoundError, match=r"scarena\.nothing"):
        importlib.import_module("scarena.nothing")
