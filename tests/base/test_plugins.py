"""Packages bring models, metrics and datasets; a broken one, or two of one name, spoil nothing else."""

import json
import os
import subprocess
import sys

import pytest

MODEL = """
from scarena.models.base import Model, ModelCard

class One(Model):
    card = ModelCard(name="{name}", title="One", family="baseline", description="made up", unavailable="{unavailable}")
    def embed(self, data, ctx): return data.X.toarray()

class Needy(One):
    card = ModelCard(name="needy", title="Needy", family="baseline", description="made up")
    @classmethod
    def lacks(cls): return "the weights"
"""
METRIC = """
from scarena.metrics.info import count
from scarena.metrics.measured import Measured
from scarena.metrics.plug_in import Metric

def cells(i):
    return {{"{key}": Measured(float(len(i.x)))}}

METRIC = Metric((count("{key}", "Cells", "structure", 1e9, "how many cells", "-", "-", cost="-"),), cells)
"""
CARD = """
name: {name}
title: made up
description: made up
files: [{{key: a, url: "https://example.org/x"}}]
reader: {{name: h5ad}}
"""


class Packages:
    """Installed packages, each a folder with a module and its entry points."""

    def __init__(self, folder):
        self.folder, self.names = folder, []

    def add(self, name, text, group, point):
        home = self.folder / name
        (home / f"{name}-1.dist-info").mkdir(parents=True)
        (home / f"{name}_code.py").write_text(text)
        (home / f"{name}-1.dist-info/METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (home / f"{name}-1.dist-info/entry_points.txt").write_text(f"[scarena.{group}]\n{point}\n")
        self.names.append(name)

    def run(self, *command):
        paths = os.pathsep.join(str(self.folder / name) for name in self.names)
        env = {**os.environ, "PYTHONPATH": paths}
        done = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, check=False, cwd=self.folder, env=env
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def rows(self, verb, key="name"):
        done = self.run("-m", "scarena.cli", verb, "--json")
        assert done.returncode == 0, done.stderr
        return {row[key] + "@" + row["origin"].split()[0]: row for row in json.loads(done.stdout)}, done.stderr


@pytest.fixture
def packages(tmp_path):
    return Packages(tmp_path)


FINDING = """
from scarena.base.errors import ScarenaError
from scarena.models.registry import all_models, find_model
for name in ({names}):
    try: print(find_model(name).card.name)
    except ScarenaError as error: print(error)
print("pca" in all_models())
"""


@pytest.mark.parametrize(
    "fault", ["raise ValueError('no\\nluck')", "import sys; sys.exit(3)", "1/0", "import absent_1"]
)
def test_a_broken_package_is_one_line_and_a_state_and_the_rest_works(packages, fault):
    packages.add("bad", fault, "models", "lost = bad_code:Lost")
    packages.add("good", MODEL.format(name="one", unavailable=""), "models", "one = good_code:One")
    rows, stderr = packages.rows("models")
    assert len(stderr.strip().splitlines()) == 1
    assert "lost of bad 1 (bad_code:Lost)" in stderr
    assert rows["lost@bad"]["state"].startswith("broken: ")
    assert rows["one@good"]["state"] == rows["pca@scarena.models.baselines.pca"]["state"] == "ready"


def test_what_a_model_lacks_is_its_state(packages):
    points = "one = good_code:One\nneedy = good_code:Needy\nodd = good_code:Model\nalso = good_code:absent"
    packages.add("good", MODEL.format(name="one", unavailable="no weights"), "models", points)
    rows, _ = packages.rows("models")
    states = {key: row["state"] for key, row in rows.items() if key.endswith("@good")}
    assert states["one@good"] == "not available: no weights"
    assert states["needy@good"] == "needs the weights"
    assert states["odd@good"] == "broken: not a Model with a card"
    assert states["also@good"].startswith("broken: AttributeError")


def test_two_models_of_one_name_are_an_error_that_names_both_when_asked_for(packages):
    packages.add("first", MODEL.format(name="hvg", unavailable=""), "models", "x = first_code:One")
    packages.add("lost", "1/0", "models", "lost = lost_code:One")
    rows, _ = packages.rows("models")
    assert "several models" in rows["hvg@first"]["state"]
    assert "several models" in rows["hvg@scarena.models.baselines.hvg"]["state"]
    assert rows["pca@scarena.models.baselines.pca"]["state"] == "ready"
    hvg, lost, pca, still = packages.run("-c", FINDING.format(names="'hvg', 'lost', 'pca'")).stdout.splitlines()
    assert "model error: first 1 (first_code:One), scarena.models.baselines.hvg: several models are called 'hvg'" in hvg
    assert "model error: lost 1 (lost_code:One): cannot be imported (ZeroDivisionError" in lost
    assert (pca, still) == ("pca", "True")


def test_a_board_that_asks_for_a_broken_model_gets_one_line(packages):
    packages.add("lost", "1/0", "models", "lost = lost_code:One")
    (packages.folder / "c.yaml").write_text("board: x\ndatasets: [baron_h1]\nmodels: [lost]\n")
    done = packages.run("-m", "scarena.cli", "run", "--config", "c.yaml")
    assert done.returncode == 1
    assert "model error: lost 1" in done.stderr.splitlines()[-1]


SCORING = """
import numpy as np
from scarena.base.errors import ScarenaError
from scarena.metrics import score_embedding
x = np.random.default_rng(0).normal(size=(40, 3))
given = dict(batch=np.arange(40) % 2, labels=np.arange(40) % 4 // 2)
for keys in ({keys}):
    try: print({{key: score.value for key, score in score_embedding(x, metrics=keys, **given).items()}})
    except ScarenaError as error: print(error)
"""


def test_a_metric_of_a_package_is_scored_like_any_other(packages):
    packages.add("good", METRIC.format(key="n_cells"), "metrics", "n = good_code:METRIC")
    packages.add("bad", "1/0", "metrics", "gone = bad_code:METRIC")
    packages.add("odd", "METRIC = 3", "metrics", "odd = odd_code:METRIC")
    rows, stderr = packages.rows("metrics", "key")
    assert rows["n_cells@good"]["state"] == "ready"
    assert rows["gone@bad"]["state"].startswith("broken: ZeroDivisionError")
    assert "not a scarena.metrics.plug_in.Metric" in rows["odd@odd"]["state"]
    assert len(stderr.strip().splitlines()) == 2
    found, gone = packages.run("-c", SCORING.format(keys="['n_cells'], ['gone']")).stdout.splitlines()
    assert found == "{'n_cells': 40.0}"
    assert "bad 1 (bad_code:METRIC): 'gone': ZeroDivisionError" in gone


def test_two_metrics_of_one_key_are_an_error_when_asked_for(packages):
    packages.add("first", METRIC.format(key="n_cells"), "metrics", "n = first_code:METRIC")
    packages.add("second", METRIC.format(key="n_cells"), "metrics", "n = second_code:METRIC")
    packages.add("third", METRIC.format(key="effective_rank"), "metrics", "n = third_code:METRIC")
    keys = "['n_cells'], ['effective_rank'], ['knn_accuracy']"
    cells, rank, knn = packages.run("-c", SCORING.format(keys=keys)).stdout.splitlines()
    assert "several metrics have this key: first 1 (first_code:METRIC), second 1 (second_code:METRIC)" in cells
    assert "scarena, third 1 (third_code:METRIC)" in rank
    assert "knn_accuracy" in knn
    code = "from scarena.metrics.families import FAMILIES as f; print(f['effective_rank',].__module__)"
    assert packages.run("-c", code).stdout.strip() == "scarena.metrics.families"


LOADING = """
from pathlib import Path
from scarena.datasets.card import load_card
from scarena.base.errors import ScarenaError
for name in ({names}):
    try: print(load_card(name, Path("own")).title)
    except ScarenaError as error: print(error)
"""


def test_cards_of_packages_are_found_and_two_of_one_name_are_an_error_when_asked_for(packages):
    (packages.folder / "own").mkdir()
    for name in ("far", "pollen"):
        (packages.folder / f"{name}.yaml").write_text(CARD.format(name=name))
    code = f"from pathlib import Path\ndef cards(): return sorted(Path({str(packages.folder)!r}).glob('*.yaml'))\n"
    packages.add("good", code, "datasets", "mine = good_code:cards")
    packages.add("bad", "1/0", "datasets", "gone = bad_code:cards")
    packages.add("none", "def cards(): return ['nowhere.yaml']", "datasets", "none = none_code:cards")
    names = "'far', 'pollen', 'gone', 'none', 'baron_h1'"
    far, pollen, gone, none, baron = packages.run("-c", LOADING.format(names=names)).stdout.splitlines()
    assert (far, baron.split()[0] != "card") == ("made up", True)
    assert "scarena, good 1 (good_code:cards): several datasets are called 'pollen'" in pollen
    assert "bad 1 (bad_code:cards): cannot be imported (ZeroDivisionError" in gone
    assert "no card at nowhere.yaml" in none
    rows, stderr = packages.rows("datasets")
    assert rows["far@good"]["state"] == "ready"
    assert rows["gone@bad"]["state"].startswith("broken")
    assert len(stderr.strip().splitlines()) == 2
