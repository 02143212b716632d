"""The README's model, in the package of docs/example-plugin, installed into an environment of its own and run."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from scarena.models.embedding import read_embedding
from scarena.steps.config import BoardConfig
from scarena.testing.cells import conformance_cells

ROOT = Path(__file__).parents[2]


def own_model():
    """Return the code block of the README's section."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Your own model\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)[0]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """An environment that sees this one's packages and has the example installed, with the README's model in it."""
    folder = tmp_path_factory.mktemp("plug-in")
    venv.create(folder / "env", with_pip=False)
    found = folder / "env/bin/python"
    asked = [found, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]
    site = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    here = sysconfig.get_paths()["purelib"]
    (site / "outer.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    package = shutil.copytree(ROOT / "docs/example-plugin", folder / "package")
    (package / "scarena_example/model.py").write_text(own_model())
    install = [found, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", package]
    subprocess.run(install, check=True, capture_output=True)
    return found


def scarena(python, *arguments, cwd):
    command = [python, "-m", "scarena.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def test_the_model_of_the_readme_is_that_of_the_example_and_fits_a_screen():
    assert own_model() == (ROOT / "docs/example-plugin/scarena_example/model.py").read_text(encoding="utf-8")
    assert len(own_model().splitlines()) <= 40


def test_model_metric_and_dataset_of_the_example_are_ready(python, tmp_path):
    for verb, key, name in (
        ("models", "name", "example-projection"),
        ("metrics", "key", "example_norm_ratio"),
        ("datasets", "name", "example_pollen"),
    ):
        rows = {row[key]: row for row in json.loads(scarena(python, verb, "--json", cwd=tmp_path).stdout)}
        assert rows[name]["state"] == "ready"
        assert rows[name]["origin"].startswith("scarena-example 1.0")


def test_the_model_of_the_readme_conforms(python, tmp_path):
    done = scarena(python, "check-model", "example-projection", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    others = {row["check"]: row["state"] for row in json.loads(done.stdout) if row["state"] != "passed"}
    # Its matrix is drawn from the seed.
    assert others == {"draws": "not applicable"}


def test_the_model_of_the_readme_is_embedded_and_its_sources_are_what_makes_a_score_stale(python, tmp_path):
    cells = conformance_cells()
    cells.write_h5ad(tmp_path / "dataset.h5ad")
    (tmp_path / "dataset.json").write_text('{"dataset": "d", "state": "ok", "reason": ""}')
    board = BoardConfig(board="b", datasets=["d"], models=["example-projection"])
    (tmp_path / "board.json").write_text(board.model_dump_json())
    done = scarena(
        python, "embed", "example-projection", "dataset.json", "--out", "run/record.json", "--settings", "board.json",
        cwd=tmp_path,
    )  # fmt: skip
    assert json.loads((tmp_path / "run/record.json").read_text())["state"] == "ok", done.stderr
    vectors, names = read_embedding(tmp_path / "run/embedding.npz")
    assert vectors.shape == (cells.n_obs, 32)
    assert list(names) == list(cells.obs_names)
    code = "from scarena.steps.record import metrics_fingerprint; print(metrics_fingerprint())"
    prints = {
        subprocess.run([each, "-c", code], capture_output=True, text=True, check=True).stdout
        for each in (python, sys.executable)
    }
    assert len(prints) == 2
