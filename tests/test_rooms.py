"""The code is eleven rooms with arrows one way and no circle of imports, not even one that a function closes."""

import ast
import tomllib
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]
TOPS = {"benchmark": "scarena", **{name: f"scarena.{name}" for name in ("models", "datasets", "metrics")}}
# From the bottom: each may import those before it.
ROOMS = ("base", "metrics", "datasets", "models", "tasks", "steps", "board", "report", "testing", "bench", "cli")
OWN_TESTS = {"faults", "hostile", "hpc", "page"}
"""Folders of tests that are of no single room."""


def modules(root=ROOT):
    """Return every module of the code, with its file."""
    found = {}
    for top, package in TOPS.items():
        for path in sorted((root / top).rglob("*.py")):
            parts = path.relative_to(root / top).with_suffix("").parts
            found[".".join([package, *(part for part in parts if part != "__init__")])] = path
    return found


def imported(path, known):
    """Return the modules that a file imports anywhere: in functions, and for its annotations alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            full = [f"{node.module}.{each.name}" for each in node.names]
            # The package as well: its own file is run before any of its modules.
            names = [node.module, *full]
        found |= {name for name in names if name in known}
    return found


@pytest.fixture(scope="module")
def graph():
    known = modules()
    arrows = [(name, other) for name, path in known.items() for other in imported(path, known) if other != name]
    return nx.DiGraph(arrows)


def circles(graph):
    return [sorted(each) for each in nx.strongly_connected_components(graph) if len(each) > 1]


def room_of(module):
    return ([*module.split("."), ""])[1]


def test_there_is_no_circle_of_imports(graph):
    assert len(graph) > 300
    assert circles(graph) == []


def test_a_circle_that_a_function_closes_is_found(tmp_path):
    for top in TOPS:
        (tmp_path / top).mkdir()
    (tmp_path / "benchmark/one.py").write_text("import scarena.two\n")
    (tmp_path / "benchmark/two.py").write_text("def f():\n    from scarena import three\n")
    (tmp_path / "benchmark/three.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from scarena.one import x\n"
    )
    known = modules(tmp_path)
    found = nx.DiGraph([(name, other) for name, path in known.items() for other in imported(path, known)])
    assert circles(found) == [["scarena.one", "scarena.three", "scarena.two"]]


def test_a_room_imports_only_rooms_below_it(graph):
    wrong = [
        (a, b)
        for a, b in graph.edges
        if room_of(a) and room_of(b) and ROOMS.index(room_of(b)) > ROOMS.index(room_of(a))
    ]
    assert wrong == []


def test_metrics_know_arrays_alone_and_models_know_no_metrics(graph):
    assert not [(a, b) for a, b in graph.edges if room_of(a) == "metrics" and room_of(b) not in ("metrics", "base")]
    assert not [(a, b) for a, b in graph.edges if room_of(a) == "models" and room_of(b) == "metrics"]
    assert not [(a, b) for a, b in graph.edges if room_of(a) == "datasets" and room_of(b) == "metrics"]
    for path in (ROOT / "metrics").rglob("*.py"):
        names = {
            name.split(".")[0] for node in ast.walk(ast.parse(path.read_text()))
            for name in ([each.name for each in node.names] if isinstance(node, ast.Import)
                         else [node.module] if isinstance(node, ast.ImportFrom) else [])
        }  # fmt: skip
        assert not names & {"anndata", "scanpy", "torch"} - ({"torch"} if path.stem in TORCH else set()), path


TORCH = {"pairs_torch", "pairs", "devices"}
"""The metrics' files that may take a GPU."""


def test_the_contract_is_the_one_of_the_rooms():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert [each["type"] for each in contracts] == ["layers"]
    levels = [level.split(" | ") for level in contracts[0]["layers"]]
    assert sorted(room for level in levels for room in level) == sorted(ROOMS)


def test_the_folder_of_the_package_holds_rooms_and_nothing_else():
    held = {path.name for path in (ROOT / "benchmark").iterdir() if path.name != "__pycache__"}
    assert held == {"__init__.py", "py.typed", "rules", *set(ROOMS) - set(TOPS)}


def test_tests_mirror_the_rooms():
    folders = {path.name for path in (ROOT / "tests").iterdir() if any(path.rglob("*.py"))}
    assert folders == {*ROOMS, *OWN_TESTS}


def test_the_map_of_the_code_names_every_room_and_what_it_says_is_there():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    for room in ROOMS:
        assert f"| `scarena.{room}` |" in text
    tops = {*TOPS, "tests", "docs", "config", "profiles"}
    named = {part for part in text.split("`") if "/" in part and part.split("/")[0] in tops}
    missing = [part for part in named if not (ROOT / part).exists()]
    assert named and not missing
