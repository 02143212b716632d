"""A model whose card names an environment runs in it, and only there; one that cannot be made is a state."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from scarena.base.errors import NotAvailable
from scarena.base.files import write_json
from scarena.models.base import Environment, Model, ModelCard
from scarena.steps import environments
from scarena.steps.config import BoardConfig
from scarena.steps.environments import constraints_for, digest_of, ensure, environments_of, package_name
from scarena.testing.cells import conformance_cells

ROOT = Path(__file__).parents[2]
# Any other than the one here.
OTHER = "2.2.6" if np.__version__ != "2.2.6" else "2.3.5"
PLUGIN = """
from scarena.models.base import Environment, Model, ModelCard
from old_tools.part import factor

told = dict(family="baseline", description="made up", source="a test", licence="MIT")

class Old(Model):
    card = ModelCard(name="old", title="Old", environment=Environment(pip=("numpy=={version}",)), **told)
    def embed(self, data, ctx):
        import numpy, sys
        assert numpy.__version__ == "{version}", numpy.__version__
        total = numpy.zeros((data.n_obs, 1), dtype="float32") + data.X.sum(axis=1)
        return numpy.asarray(factor() * total, dtype="float32")

class Conda(Old):
    card = ModelCard(name="in-conda", title="C", environment=Environment(conda="env.yaml"), **told)

class Container(Old):
    card = ModelCard(name="in-container", title="C", environment=Environment(container="docker://x@sha256:0"), **told)

class Torn(Old):
    card = ModelCard(name="torn", title="T", environment=Environment(conda="missing.yaml"), **told)

class Nowhere(Old):
    card = ModelCard(name="nowhere", title="N", environment=Environment(pip=("no-such-package-at-all==9",)), **told)
"""
NAMES = {"old": "Old", "in-conda": "Conda", "in-container": "Container", "nowhere": "Nowhere", "torn": "Torn"}

TOOLS = {
    "apptainer": "#!/bin/sh\necho apptainer version 1.3.4\n",
    "conda": """#!/bin/sh
case "$*" in
  *info*) echo '{"conda_prefix": "/x", "root_prefix": "/x", "conda_version": "24.11.0", "platform": "linux-64"}';;
  *channel_priority*) echo '{"get": {"channel_priority": "strict"}}';;
  *) echo conda 24.11.0;;
esac
""",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a package of models that name environments, prepared cells and a board."""
    folder = tmp_path_factory.mktemp("environments")
    home = folder / "packages"
    (home / "old_tools").mkdir(parents=True)
    (home / "old-1.dist-info").mkdir()
    (home / "old_tools/__init__.py").write_text("")
    (home / "old_tools/part.py").write_text("def factor(): return 2.0\n")
    (home / "old_tools/models.py").write_text(PLUGIN.format(version=OTHER))
    (home / "old-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: old\nVersion: 1\n")
    points = "\n".join(f"{name} = old_tools.models:{kind}" for name, kind in NAMES.items())
    (home / "old-1.dist-info/entry_points.txt").write_text(f"[scarena.models]\n{points}\n")
    (home / "old_tools/env.yaml").write_text("channels: [conda-forge]\ndependencies: [python=3.12]\n")
    # A dry run asks conda and apptainer for no more than what they say here.
    (folder / "bin").mkdir()
    for tool, answers in TOOLS.items():
        (folder / "bin" / tool).write_text(answers)
        (folder / "bin" / tool).chmod(0o755)
    conformance_cells().write_h5ad(folder / "dataset.h5ad")
    write_json(folder / "dataset.json", {"dataset": "d", "state": "ok", "reason": ""})
    board = BoardConfig(board="b", datasets=["baron_h1"], models=list(NAMES))
    (folder / "board.json").write_text(board.model_dump_json())
    return folder


def run(place, *command):
    path = os.pathsep.join([str(place / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PYTHONPATH": str(place / "packages"), "PATH": path}
    call = [sys.executable, "-m", *command]
    return subprocess.run(call, cwd=place, env=env, capture_output=True, text=True, check=False)


def embedded(place, name, *more):
    where = ["dataset.json", "--out", f"{name}/record.json", "--settings", "board.json"]
    done = run(place, "scarena.cli", "embed", name, *where, *more)
    record = json.loads((place / name / "record.json").read_text())
    assert done.returncode == (0 if record["state"] == "ok" else 1), done.stderr
    return json.loads((place / name / "record.json").read_text())


@pytest.mark.upstream
@pytest.mark.soak
def test_a_model_runs_with_the_numpy_of_its_card_and_the_record_names_it(place):
    record = embedded(place, "old")
    assert (record["state"], record["versions"]["numpy"]) == ("ok", OTHER), record["reason"]
    assert np.__version__ != OTHER
    with np.load(place / "old/embedding.npz") as file:
        np.testing.assert_allclose(file["embedding"][:, 0], 2 * np.asarray(conformance_cells().X.sum(axis=1)).ravel())
    made = place / ".cache/environments" / digest_of(Environment(pip=(f"numpy=={OTHER}",)))
    before = (made / "ready.json").stat().st_mtime_ns
    checked = run(place, "scarena.cli", "check-model", "old", "--json")
    states = {row["check"]: row["state"] for row in json.loads(checked.stdout)}
    assert set(states.values()) == {"passed"}, checked.stdout
    assert (made / "ready.json").stat().st_mtime_ns == before


def test_a_conda_file_that_is_not_there_is_a_state_of_its_model_and_the_workflow_goes_on(place):
    record = embedded(place, "torn", "--deployed")
    assert record["state"] == "not available"
    assert "no conda environment file missing.yaml" in record["reason"]
    assert "scarena embed torn" in dry_run(place, "--software-deployment-method", "conda")


@pytest.mark.parametrize(("name", "words"), [("in-conda", "env.yaml"), ("in-container", "docker://x")])
def test_what_only_the_workflow_deploys_is_not_available_elsewhere(place, name, words):
    record = embedded(place, name)
    assert record["state"] == "not available"
    assert words in record["reason"]
    assert "--software-deployment-method" in record["reason"]


@pytest.fixture
def no_pip(monkeypatch):
    """An interpreter whose pip fails; what is created is a folder and nothing else."""
    tried = []

    def fail(command, **_):
        tried.append(command)
        if "venv" in command:
            (Path(command[-1]) / "lib/python3/site-packages").mkdir(parents=True)
            return subprocess.CompletedProcess(command, 0, "")
        text = "Looking\nERROR: Could not find a version\nERROR: No matching distribution found for x\nhint\n"
        return subprocess.CompletedProcess(command, 1, text)

    monkeypatch.setattr(environments.subprocess, "run", fail)
    return tried


def test_an_environment_that_cannot_be_made_is_not_available_with_pips_last_word_and_is_tried_again(no_pip, tmp_path):
    for times in (1, 2):
        with pytest.raises(NotAvailable, match="No matching distribution found for x"):
            ensure(Environment(pip=("x",)), tmp_path)
        assert len(no_pip) == 2 * times
    assert not list(tmp_path.glob("environments/*/ready.json"))


def test_a_board_says_why_and_its_models_believe_it(no_pip, tmp_path):
    class Lost(Model):
        card = ModelCard(name="lost", title="L", family="baseline", description="", environment=Environment(pip=("x",)))

    config = BoardConfig(board="b", datasets=["d"], models=["lost"], results=tmp_path, cache=tmp_path / "cache")
    out = environments.answer_file(config, Lost.card.environment)
    write_json(out, {"state": "not available", "reason": "pip said no"})
    with pytest.raises(NotAvailable, match="pip said no"):
        environments.python_of(Lost, config)
    assert no_pip == []


def test_a_requirement_goes_before_the_pins_and_cannot_be_an_option_of_pip(no_pip, tmp_path):
    pins = constraints_for(Environment(pip=("NumPy==1.26",)))
    assert not any(package_name(pin) == "numpy" for pin in pins)
    assert any(package_name(pin) == "scipy" for pin in pins)
    with pytest.raises(NotAvailable):
        ensure(Environment(pip=("--index-url=https://example.org",)), tmp_path)
    install = no_pip[-1]
    assert install.index("--") < install.index("--index-url=https://example.org")


def test_models_that_ask_for_the_same_share_an_environment():
    def model(name, *pip):
        card = ModelCard(name=name, title="", family="baseline", description="", environment=Environment(pip=pip))
        return type(name, (Model,), {"card": card})

    found = environments_of([model("a", "x==1", "y"), model("b", "y", "x==1"), model("c", "x==2")])
    assert sorted(found.values()) == ["a", "c"]


def dry_run(place, *more):
    (place / "board.yaml").write_text(yaml.safe_dump({"board": "b", "datasets": ["baron_h1"], "models": list(NAMES)}))
    where = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "board.yaml", "--cores", "1", "--nolock"]
    done = run(place, "snakemake", *where, "--dry-run", "--printshellcmds", *more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_workflow_makes_each_environment_before_the_models_that_need_it(place):
    told = dry_run(place)
    for version in (f"numpy=={OTHER}", "no-such-package-at-all==9"):
        assert f"results/b/environments/{digest_of(Environment(pip=(version,)))}.json" in told
    assert told.count("scarena environment ") == 2
    assert "--deployed" not in told


@pytest.mark.parametrize(
    ("method", "name", "other", "words"),
    [
        ("apptainer", "in-container", "in-conda", "docker://x@sha256:0"),
        ("conda", "in-conda", "in-container", "env.yaml"),
    ],
)
def test_the_workflow_deploys_what_a_card_names_where_it_is_told_to(place, method, name, other, words):
    told = dry_run(place, "--software-deployment-method", method)
    calls = {model: [line for line in told.splitlines() if f"scarena embed {model} " in line] for model in NAMES}
    assert all("--deployed" in line for line in calls[name])
    assert not any("--deployed" in line for model in (other, "old") for line in calls[model])
    assert words in told
