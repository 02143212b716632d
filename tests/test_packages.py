"""What is installed from a wheel is what a clone has: every folder of code, and what lies in it that is no code."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def folder_of(package: str) -> Path:
    """Return the folder of a package, by the longest entry of package-dir that it begins with."""
    name = max((each for each in SETTINGS["package-dir"] if f"{package}.".startswith(f"{each}.")), key=len)
    return ROOT / SETTINGS["package-dir"][name] / package[len(name) + 1 :].replace(".", "/")


def test_every_folder_of_code_is_a_package():
    known = {folder_of(package) for package in SETTINGS["packages"]}
    assert all(folder.is_dir() for folder in known)
    code = {
        path.parent for top in SETTINGS["package-dir"].values() for path in (ROOT / top).rglob("*.py")
        if "__pycache__" not in path.parts
    }  # fmt: skip
    assert code <= known


def test_every_file_that_is_no_code_is_data_of_a_package():
    data = {path for package, patterns in SETTINGS["package-data"].items() for pattern in patterns
            for path in folder_of(package).glob(pattern)}  # fmt: skip
    found = {
        path for top in SETTINGS["package-dir"].values() for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc", ".nbi", ".nbc") and "__pycache__" not in path.parts
    }  # fmt: skip
    assert found <= data
