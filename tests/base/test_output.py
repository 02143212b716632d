"""What could not be written afterwards is refused before anything is computed."""

import subprocess
import sys

import pytest

from scarena.base.errors import ConfigError, WorkspaceError
from scarena.base.files import check_output


def test_an_output_that_is_an_input_is_refused_under_any_name(tmp_path):
    path = tmp_path / "x.h5ad"
    path.write_text("x")
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "hard").hardlink_to(path)
    for name in ("x.h5ad", "link", "hard", "../" + tmp_path.name + "/x.h5ad"):
        with pytest.raises(ConfigError, match="is what is read"):
            check_output(tmp_path / name, path)
    check_output(tmp_path / "y.h5ad", path, None)


def test_a_folder_in_a_files_place_and_the_other_way_round(tmp_path):
    (tmp_path / "file").write_text("x")
    for path, folder in ((tmp_path, False), (tmp_path / "file", True), (tmp_path / "file" / "below", False)):
        with pytest.raises(ConfigError):
            check_output(path, folder=folder)


@pytest.mark.parametrize("place", ["/proc/x.csv", "/proc/1/fd/new/x.csv", "/sys/x.csv"])
def test_a_place_that_may_not_be_written_is_one_line(tmp_path, place):
    from pathlib import Path

    with pytest.raises(WorkspaceError) as caught:
        check_output(Path(place))
    assert place in str(caught.value) and "\n" not in str(caught.value)


def test_nothing_is_left_behind(tmp_path):
    check_output(tmp_path / "new" / "folder" / "x.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", [["fm", "embed"], ["fm", "network"], ["fm", "adapt", "--batch", "batch"]])
def test_a_verb_does_not_overwrite_what_it_reads(tmp_path, cells, verb):
    path = tmp_path / "x.h5ad"
    cells.write_h5ad(path)
    before = path.read_bytes()
    group, name, *more = verb
    command = [sys.executable, "-m", "scarena.cli", group, name, str(path), "--out", str(path), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "is what is read" in done.stderr
    assert path.read_bytes() == before
