"""The digest of code covers what is really imported, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from scarena.models.foundation import code
from scarena.models.foundation.code import digest_of

FOLDER = Path(code.__file__).parent
PACKAGE = "scarena.models.foundation"


@pytest.fixture
def tree(tmp_path):
    """Return the folder of modules: a imports b.c (in a function) and, by the package's name, d; e imports a."""
    (tmp_path / "b").mkdir()
    (tmp_path / "a.py").write_text(f"from {PACKAGE}.b import c\nfrom {PACKAGE}.d import value\nimport numpy\n")
    (tmp_path / "b" / "c.py").write_text(f"def late():\n    import {PACKAGE}.f\n")
    for name in ("d", "f", "g"):
        (tmp_path / f"{name}.py").write_text("value = 1\n")
    (tmp_path / "e.py").write_text(f"from {PACKAGE} import a\n")
    return tmp_path


@pytest.mark.parametrize("name", ["a", "b/c", "d", "f"])
def test_a_change_in_a_module_or_in_what_it_imports_at_any_depth_changes_the_digest(tree, name):
    before = digest_of("a", folder=tree)
    (tree / f"{name}.py").write_text((tree / f"{name}.py").read_text() + "more = 2\n")
    assert digest_of("a", folder=tree) != before


@pytest.mark.parametrize("name", ["e", "g"])
def test_a_change_elsewhere_does_not(tree, name):
    before = digest_of("a", folder=tree)
    (tree / f"{name}.py").write_text("other = 3\n")
    assert digest_of("a", folder=tree) == before


def test_content_that_moves_from_one_file_to_another_is_another_digest(tree):
    (tree / "d.py").write_text("")
    before = digest_of("a", folder=tree)
    (tree / "d.py").write_text("value = 1\n")
    (tree / "f.py").write_text("")
    assert digest_of("a", folder=tree) != before


def test_the_folder_may_lie_anywhere(tree, tmp_path_factory):
    import shutil

    other = tmp_path_factory.mktemp("other") / "copy"
    shutil.copytree(tree, other)
    assert digest_of("a", "e", folder=other) == digest_of("e", "a", folder=tree)


def test_a_module_that_is_not_there_is_an_error(tree):
    with pytest.raises(FileNotFoundError, match="nothing"):
        digest_of("nothing", folder=tree)


@pytest.mark.parametrize("module", ["pretrain", "embed"])
def test_all_that_python_imports_is_covered(module):
    ask = (
        f"import sys, {PACKAGE}.{module}\n"
        f"print(*[m.__file__ for n, m in sys.modules.items() if n.startswith('{PACKAGE}.') and m.__file__])"
    )
    imported = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.split()
    covered = set(code._closure((module,), FOLDER))
    assert len(imported) > 5
    assert {Path(name) for name in imported} <= covered
    assert FOLDER / "corpus" / "audit.py" not in covered
