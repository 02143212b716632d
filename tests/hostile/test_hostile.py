"""Whatever is in a file that comes from outside, it ends in one typed line, soon and in little memory."""

import json
import os
import random
import re
import subprocess
import sys
from functools import cache
from math import ceil
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
# All but the thousands of flipped files, which are of `make soak` alone.
USUAL = [group for group in GROUPS if group != "soak"]
# Of every five cases of a kind so many are tried for every change, all of them in `make soak`.
SHARE = 2 / 5
SEED = int(os.environ.get("SCARENA_HOSTILE_SEED", "0"))


def kind_of(case: Case) -> str:
    """Return the first word of a case's name: the entry point, or the reader, that it is for."""
    return case.name.split("-")[0]


def sample(cases: list[Case], seed: int = SEED) -> list[Case]:
    """Return cases in their order, some of every kind: all valid files, at least one of a kind, drawn by the seed."""
    kinds: dict[str, list[Case]] = {}
    for case in cases:
        kinds.setdefault(kind_of(case), []).append(case)
    draw, kept = random.Random(seed), {case.name for case in cases if case.expects == "ok"}
    for _, alike in sorted(kinds.items()):
        kept |= {case.name for case in draw.sample(alike, ceil(SHARE * len(alike)))}
    return [case for case in cases if case.name in kept]


SAMPLES = {group: sample(GROUPS[group]) for group in USUAL}


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


def run(group: str, root: Path, cases: list[Case]) -> dict[str, dict]:
    """Run some cases of a group; one that ends or holds the process up is put down as such, and the next begins."""
    env = os.environ | {
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "MALLOC_ARENA_MAX": "1",
        "MPLCONFIGDIR": str(root / "mpl"),
    }
    env |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "NUMBA", "MKL")}
    answers, found = root / f"{group}.jsonl", {}
    (root / "cases.json").write_text(json.dumps([case.name for case in cases]))
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
def outcomes(group: str, root: Path, *, every: bool = False) -> dict[str, dict]:
    gene_table(cache=CACHE)
    make_outside(root)
    before = outside(root)
    found = run(group, root, GROUPS[group] if every else SAMPLES[group])
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
        for case in SAMPLES[group]
    ],
)
def test_a_malformed_input_is_one_typed_line_and_nothing_else(group, case, root):
    (root / group).mkdir(exist_ok=True)
    found = outcomes(group, root / group)[case.name]
    holds(case, found, root / group / group / case.name)


@pytest.mark.soak
@pytest.mark.parametrize("group", GROUPS)
def test_every_malformed_input_and_thousands_of_flipped_files(group, root):
    place = root / f"every-{group}"
    place.mkdir()
    found = outcomes(group, place, every=True)
    for case in GROUPS[group]:
        holds(case, found[case.name], place / group / case.name)


def test_there_are_hundreds_of_cases_and_each_has_a_name_of_its_own():
    for cases in GROUPS.values():
        assert len({case.name for case in cases}) == len(cases)
    assert sum(case.expects == "refused" for group in USUAL for case in GROUPS[group]) > 900


def test_a_sample_has_some_of_every_kind_and_other_seeds_draw_others():
    for group in USUAL:
        cases, kept = GROUPS[group], SAMPLES[group]
        assert {kind_of(case) for case in kept} == {kind_of(case) for case in cases}
        assert {case.name for case in cases if case.expects == "ok"} <= {case.name for case in kept}
        assert len(kept) < len(cases) and sample(cases, SEED) == kept
        assert {case.name for seed in range(40) for case in sample(cases, seed)} == {case.name for case in cases}
