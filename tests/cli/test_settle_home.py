"""A home that cannot be written to stops no board: what libraries cache goes beside it."""

import os
import pwd
from getpass import getuser

import pytest

from scarena.base.errors import WorkspaceError
from scarena.cli.run import run_board, settle_home, settle_user


@pytest.fixture
def no_cache_named(monkeypatch) -> None:
    """Name no cache of the user; it is set before it is taken away, or what a test sets would stay for all after it."""
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.delenv("XDG_CACHE_HOME")


@pytest.mark.usefixtures("no_cache_named")
@pytest.mark.parametrize("home", ["/proc/nobody", "/proc/1/nobody", "/sys/nobody"])
def test_the_cache_is_beside_the_board_where_the_home_cannot_be_written(monkeypatch, tmp_path, home):
    monkeypatch.setenv("HOME", home)
    settle_home(tmp_path)
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / "home")


@pytest.mark.usefixtures("no_cache_named")
def test_a_home_that_can_be_written_is_left_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    settle_home(tmp_path / "cache")
    assert "XDG_CACHE_HOME" not in os.environ


@pytest.fixture
def nobody(monkeypatch) -> None:
    """A user whom neither the environment nor the system names, as one of a container has it."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "")

    def unknown(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.mark.usefixtures("nobody")
def test_a_user_whom_the_system_does_not_know_has_the_number_for_a_name():
    with pytest.raises((KeyError, OSError)):
        getuser()
    settle_user()
    assert getuser() == str(os.getuid())


def test_a_user_with_a_name_keeps_it(monkeypatch):
    monkeypatch.setenv("USER", "ada")
    monkeypatch.delenv("LOGNAME", raising=False)
    settle_user()
    assert getuser() == "ada"


@pytest.mark.parametrize("key", ["results", "cache"])
def test_folders_of_a_board_that_cannot_be_written_are_one_line_before_anything_runs(monkeypatch, tmp_path, key):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.yaml").write_text(f"board: b\ntitle: t\ndatasets: [pollen]\nmodels: [pca]\n{key}: /proc/nowhere\n")
    with pytest.raises(WorkspaceError, match="/proc/nowhere"):
        run_board(tmp_path / "b.yaml", 1, [])
    assert not list(tmp_path.glob("results/b/*.json"))
