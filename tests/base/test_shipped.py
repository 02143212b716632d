"""A configuration is found by the path that it has in a clone, also where there is no clone to run from."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import scarena
from scarena.base.errors import ConfigError
from scarena.base.shipped import shipped
from scarena.steps.config import load_config


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder in which there is nothing."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_comes_with_the_package_is_found_from_any_folder(elsewhere):
    assert load_config(Path("config/demo.yaml")).board == "demo"
    assert (shipped(Path("profiles/slurm")) / "config.yaml").exists()


def test_a_file_that_is_here_goes_before_that_of_the_same_name_that_is_shipped(elsewhere):
    (elsewhere / "config").mkdir()
    (elsewhere / "config/demo.yaml").write_text("board: mine\ndatasets: [a]\nmodels: [hvg]\n")
    assert load_config(Path("config/demo.yaml")).board == "mine"


@pytest.mark.parametrize("path", ["config/none.yaml", "../config/demo.yaml", "/config/demo.yaml"])
def test_nothing_else_is_found(elsewhere, path):
    assert shipped(Path(path)) == Path(path)
    with pytest.raises(ConfigError, match=Path(path).stem):
        load_config(Path(path))


def test_a_dry_run_says_which_configuration_it_took(elsewhere, capsys):
    from scarena.cli.run import _found

    assert _found(Path("config/demo.yaml")) == scarena.WORKFLOW / "config/demo.yaml"
    assert "is not in this folder" in capsys.readouterr().err


def test_the_version_is_that_of_what_is_installed():
    try:
        assert scarena.__version__ == version("scarena")
    except PackageNotFoundError:
        assert scarena.__version__ == "unknown"
    with pytest.raises(AttributeError, match="no attribute"):
        _ = scarena.nothing
