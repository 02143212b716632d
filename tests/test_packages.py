"""What is installed from a wheel is what a clone has: every folder of code, and what lies in it that is no code."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = "scarena.workflow"
"""The package of what is no code and lies at the top."""
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


TOPS = [folder for package, folder in SETTINGS["package-dir"].items() if package != FILES]


def folder_of(package: str) -> Path:
    """Return the folder of a package, by the longest entry of package-dir that it begins with."""
    name = max((each for each in SETTINGS["package-dir"] if f"{package}.".startswith(f"{each}.")), key=len)
    return ROOT / SETTINGS["package-dir"][name] / package[len(name) + 1 :].replace(".", "/")


def test_every_folder_of_code_is_a_package():
    known = {folder_of(package) for package in SETTINGS["packages"]}
    assert all(folder.is_dir() for folder in known)
    code = {
        path.parent for top in TOPS for path in (ROOT / top).rglob("*.py")
        if "__pycache__" not in path.parts
    }  # fmt: skip
    assert code <= known


def test_every_file_that_is_no_code_is_data_of_a_package():
    data = {path for package, patterns in SETTINGS["package-data"].items() for pattern in patterns
            for path in folder_of(package).glob(pattern)}  # fmt: skip
    found = {
        path for top in TOPS for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc", ".nbi", ".nbc") and "__pycache__" not in path.parts
    }  # fmt: skip
    assert found <= data


def test_an_installed_package_has_the_workflow_as_a_clone_has_it():
    data = {path.relative_to(ROOT).as_posix() for pattern in SETTINGS["package-data"][FILES]
            for path in ROOT.glob(pattern)}  # fmt: skip
    asked = re.findall(r'(?:include|configfile): "(.*)"|validate\(config, "(.*)"\)', (ROOT / "Snakefile").read_text())
    assert len(asked) > 5
    assert {one or other for one, other in asked} <= data
    boards = {path.relative_to(ROOT).as_posix() for path in (ROOT / "config").glob("*.yaml")}
    assert {"Snakefile", "constraints.txt", *boards} <= data


def test_source_and_wheel_leave_out_what_git_knows_but_nobody_installs():
    assert SETTINGS["include-package-data"] is False
