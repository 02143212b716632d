"""Whatever is in a file that comes from outside, it ends in one typed line, soon and in little memory."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import h5py
import pytest

from scarena.datasets.genes import gene_table

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from hostile_cases import groups  # noqa: E402
from hostile_cases.case import CANARY, Case  # noqa: E402
from hostile_cases.seeds import CACHE  # noqa: E402

TYPED = re.compile(r"(config|card|source|data|ontology|model|not available|not applicable) error: .+: .+; .+")
# A case takes a twentieth of a second. This only ends a process that waits for ever, as on a pipe.
HANGS_S = 120
GROUPS = groups()
# All but those of `make soak`.
USUAL = [group for group in GROUPS if group != "soak"]


def outside(root: Path) -> dict[str, object]:
    """Return what lies outside of the workspaces: names, contents and times of the last change."""
    found = {}
    for path in sorted((root / "outside").iterdir()):
        found[path.name] = (path.stat().st_mtime_ns, None if path.is_fifo() else path.read_bytes())
    return found


def make_outside(root: Path) -> None:
    (root / "outside").mkdir()
    (root / "outside" / "canary.txt").write_text(CANARY)
    os.mkfifo(root / "outside" / "pipe")
    with h5py.File(root / "outside" / "canary.h5", "w") as file:
        file["secret"] = [[7]] * 24
        file["secret"].attrs["encoding-type"], file["secret"].attrs["encoding-version"] = "array", "0.2.0"


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def run(group: str, root: Path) -> dict[str, dict]:
    """Run all cases of a group; one that ends or holds the process up is put down as such, and the next begins."""
    env = os.environ | {
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "MALLOC_ARENA_MAX": "1",
        "MPLCONFIGDIR": str(root / "mpl"),
    }
    env |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "NUMBA", "MKL")}
    answers, cases, found = root / f"{group}.jsonl", GROUPS[group], {}
    while len(found) < len(cases):
        command = [sys.executable, "worker.py", group, str(root), str(len(found))]
        worker = subprocess.Popen(
            command, cwd=HERE, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        said, ended = 0, None
        while ended is None:
            try:
                ended = worker.wait(HANGS_S)
            except subprocess.TimeoutExpired:
                if len(lines(answers)) == said:
                    worker.kill()
                said = len(lines(answers))
        rows = lines(answers)
        found = {row["case"]: row for row in rows if "case" in row}
        if len(found) < len(cases):
            assert rows and "begins" in rows[-1], f"the worker did not start: {worker.stderr.read()[-2000:]}"
            found[rows[-1]["begins"]] = {"case": rows[-1]["begins"], "end": f"killed ({ended})", "said": ""}
            with answers.open("a") as file:
                file.write(json.dumps(found[rows[-1]["begins"]]) + "\n")
        worker.stderr.close()
    return found


@cache
def outcomes(group: str, root: Path) -> dict[str, dict]:
    gene_table(cache=CACHE)
    make_outside(root)
    before = outside(root)
    found = run(group, root)
    assert outside(root) == before, "something outside of the workspace changed"
    return found


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


def line_of(found: dict) -> str:
    """Return the one line that a case ended with; the state, where a step has one."""
    if found["end"] == "exit":
        assert found["code"] in (1, 2)
        assert found["stderr"].count("\n") == 1, found["stderr"]
        return found["stderr"].strip()
    if found["end"] == "error":
        assert found["stderr"] == ""
    return found["said"]


def holds(case: Case, found: dict, work: Path) -> None:
    """Assert what is asked of every case."""
    assert found["end"] in ("ok", "exit", "error", "state"), (found["end"], found["said"])
    assert (found["end"] == "ok") <= (case.expects != "refused"), "it was accepted"
    assert (found["end"] == "ok") >= (case.expects == "ok"), (found["said"], found.get("stderr"))
    assert found["seen"] == []
    if found["end"] != "ok":
        line = line_of(found)
        assert TYPED.search(line) and line.isprintable(), line
        # Above the limit it would have taken what there is.
        assert "MemoryError" not in line and "allocate" not in line
    written = [path for path in work.rglob("*") if path.is_file() and not path.is_symlink()]
    told = {path: path.read_bytes() for path in written}
    assert not [path for path, held in told.items() if CANARY.encode() in held]
    assert CANARY not in found["said"]


@pytest.mark.parametrize(
    ("group", "case"),
    [
        pytest.param(group, case, id=f"{group}-{case.name}", marks=pytest.mark.xdist_group(f"hostile-{group}"))
        for group in USUAL
        for case in GROUPS[group]
    ],
)
def test_a_malformed_input_is_one_typed_line_and_nothing_else(group, case, root):
    (root / group).mkdir(exist_ok=True)
    found = outcomes(group, root / group)[case.name]
    holds(case, found, root / group / group / case.name)


@pytest.mark.soak
def test_thousands_of_flipped_files_are_one_typed_line_or_a_valid_file(root):
    (root / "soak").mkdir()
    found = outcomes("soak", root / "soak")
    for case in GROUPS["soak"]:
        holds(case, found[case.name], root / "soak" / "soak" / case.name)


def test_there_are_hundreds_of_cases_and_each_has_a_name_of_its_own():
    for cases in GROUPS.values():
        assert len({case.name for case in cases}) == len(cases)
    assert sum(case.expects == "refused" for group in USUAL for case in GROUPS[group]) > 900
