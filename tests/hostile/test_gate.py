"""`make lint` reports what could run code from a file, wherever it is planted in what is shipped."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNSAFE = {
    "import pickle\n\npickle.load(open('x', 'rb'))\n": "S301",
    "import pickle\n\npickle.loads(b'')\n": "S301",
    "import pickle\n\npickle.Unpickler(None)\n": "S301",
    "from pickle import loads\n\nloads(b'')\n": "S301",
    "import dill\n\ndill.loads(b'')\n": "TID251",
    "import joblib\n\njoblib.load('x')\n": "TID251",
    "from joblib import load\n\nload('x')\n": "TID251",
    "import cloudpickle\n": "TID251",
    "import pandas as pd\n\npd.read_pickle('x')\n": "S301",
    "import marshal\n\nmarshal.loads(b'')\n": "S302",
    "import shelve\n\nshelve.open('x')\n": "S301",
    "import yaml\n\nyaml.load('x', Loader=yaml.Loader)\n": "S506",
    "import yaml\n\nyaml.unsafe_load('x')\n": "TID251",
    "import yaml\n\nyaml.full_load('x')\n": "TID251",
    "eval('1')\n": "S307",
    "exec('1')\n": "S102",
    "import tarfile\n\ntarfile.open('x').extractall()\n": "S202",
    "import subprocess\n\nsubprocess.run('ls', shell=True, check=False)\n": "S602",
    "import os\n\nos.system('ls $X')\n": "S605",
    "import os\n\nos.popen('ls $X')\n": "S605",
}
PLACES = ["benchmark", "models", "datasets", "metrics", "docs/example-plugin/scarena_example"]


def reported(code: str, place: str) -> str:
    command = [sys.executable, "-m", "ruff", "check", "--output-format", "concise", "--stdin-filename"]
    found = subprocess.run(
        [*command, f"{place}/planted.py", "-"], input=code, capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert found.returncode in (0, 1), found.stderr
    return found.stdout


@pytest.mark.parametrize(("code", "rule"), UNSAFE.items(), ids=[code.split()[-1] for code in UNSAFE])
def test_ruff_reports_what_runs_code(code, rule):
    assert f" {rule} " in reported(f'"""Planted."""\n\n{code}', "benchmark")


@pytest.mark.parametrize("place", PLACES)
def test_the_rules_hold_in_all_that_is_shipped(place):
    assert " S301 " in reported('"""Planted."""\n\nimport pickle\n\npickle.loads(b"")\n', place)


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("models/planted.py", "np.load(path, allow_pickle=True)"),
        ("datasets/planted.py", "np.load(path, allow_pickle = flag)"),
        ("benchmark/planted.py", "torch.load(path)"),
        ("benchmark/planted.py", "torch.load(path, weights_only=False)"),
        ("Snakefile", "import pickle"),
        ("benchmark/rules/board.smk", "yaml.load(open('x'))"),
        ("benchmark/rules/board.smk", "eval('1')"),
    ],
)
def test_what_ruff_does_not_read_is_searched(place, code, tmp_path):
    for folder in ("benchmark/rules", "models", "datasets", "metrics", "docs/example-plugin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "Snakefile").write_text("rule all:\n")
    (tmp_path / "benchmark/rules/board.smk").write_text("rule board:\n")
    search = ["make", "--no-print-directory", "-f", str(ROOT / "Makefile"), "unsafe"]
    assert subprocess.run(search, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    with (tmp_path / place).open("a") as file:
        file.write(code + "\n")
    found = subprocess.run(search, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode != 0
    assert place in found.stdout
