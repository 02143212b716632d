"""A user's first card and first adapter work as they are written."""

import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import anndata
import pytest
import yaml

from scarena.base.errors import ScarenaError
from scarena.cli.own_dataset import add_dataset
from scarena.cli.own_reader import OwnFile
from scarena.cli.scaffold import new_model
from scarena.datasets.card import load_card
from scarena.testing import CHECKS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def h5ad(tmp_path, cells, monkeypatch, cache):
    """A file as a user has it: symbols that exist, one column for the donor, one for the type."""
    from scarena.datasets.genes import gene_table

    cells.var_names = sorted(gene_table(cache=cache, mirror=None).symbol_to_id)[: cells.n_vars]
    cells.obs = cells.obs.rename(columns={"batch": "donor", "cell_type": "type"})[["donor", "type"]]
    cells.write_h5ad(tmp_path / "My Data.h5ad")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".cache").symlink_to(cache)
    return tmp_path / "My Data.h5ad"


WAYS = {"name", "folder", "replace"}


def add(h5ad, **changes):
    ways = {"name": None, "folder": h5ad.parent / "cards"} | {k: changes.pop(k) for k in WAYS & set(changes)}
    return add_dataset(OwnFile(h5ad, **{"batch": "donor", "label": "type", **changes}), **ways)


def test_a_card_is_written_that_the_next_board_can_load(h5ad):
    h5ad.with_name("map.yaml").write_text("type0: CL:0000236\ntype1: CL:0000084\n")
    path, lines = add(h5ad, ontology_map=h5ad.with_name("map.yaml"))
    card = load_card("my_data", path.parent)
    assert card.labels == {"type0": "CL:0000236", "type1": "CL:0000084", "type2": None}
    assert "2 batches, 3 cell types" in lines[0]
    assert any("no Cell Ontology term for: type2" in line for line in lines)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch": "nope"}, "one of: donor, type"),
        ({"label": "nope"}, "--label"),
        ({"name": "../x"}, "--name"),
        ({"name": "pancreas"}, "give another --name"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_written(h5ad, changes, words):
    with pytest.raises(ScarenaError, match=words):
        add(h5ad, **changes)
    assert not (h5ad.parent / "cards").exists()


def test_an_unknown_term_in_the_map_is_refused(h5ad):
    h5ad.with_name("map.yaml").write_text(yaml.safe_dump({"type0": "CL:9999999"}))
    with pytest.raises(ScarenaError, match="CL:9999999"):
        add(h5ad, ontology_map=h5ad.with_name("map.yaml"))


def test_a_map_of_other_labels_is_refused_and_one_with_more_labels_is_told(h5ad):
    table = h5ad.with_name("map.yaml")
    table.write_text("typo0: CL:0000236\n")
    with pytest.raises(ScarenaError, match="labels in the file: type0, type1, type2"):
        add(h5ad, ontology_map=table)
    table.write_text("type0: CL:0000236\ntypo1: CL:0000084\n")
    path, lines = add(h5ad, ontology_map=table)
    assert any("typo1" in line for line in lines)
    assert set(load_card("my_data", path.parent).labels) == {"type0", "type1", "type2"}


def test_a_layer_called_counts_is_preferred_to_x(h5ad):
    data = anndata.read_h5ad(h5ad)
    data.layers["counts"], data.X = data.X.copy(), data.X * 0.5
    data.write_h5ad(h5ad)
    path, lines = add(h5ad)
    assert load_card("my_data", path.parent).reader.options["layer"] == "counts"
    assert "2 batches" in lines[0]


def test_cell_names_that_occur_twice_are_one_line(h5ad):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = anndata.read_h5ad(h5ad)
        data.obs_names = ["same"] * data.n_obs
        data.write_h5ad(h5ad)
    # A warning besides would be an error here, and not the one expected.
    with pytest.raises(ScarenaError, match="occur twice"):
        add(h5ad)


def test_a_truncated_file_is_refused(h5ad):
    h5ad.write_bytes(h5ad.read_bytes()[:2000])
    with pytest.raises(ScarenaError, match=r"My Data\.h5ad"):
        add(h5ad)


@pytest.mark.parametrize("name", ["Bad", "a_b", "-x", "hvg"])
def test_a_name_that_is_none_or_is_taken_is_refused(name):
    with pytest.raises(ScarenaError):
        new_model(name)


@pytest.fixture
def copied(tmp_path):
    """A copy of the code: an adapter in the checkout itself would be a model to every test that runs meanwhile."""
    unwanted = shutil.ignore_patterns("checkpoints", "__pycache__")
    shutil.copytree(ROOT / "benchmark", tmp_path / "scarena", ignore=unwanted)
    for name in ("models", "datasets", "metrics"):
        shutil.copytree(ROOT / name, tmp_path / "scarena" / name, ignore=unwanted)
    return tmp_path


@pytest.mark.slow
def test_the_adapter_and_its_test_work_as_written(copied):
    def run(*command):
        return subprocess.run(
            [sys.executable, *command], cwd=copied, env={**os.environ, "PYTHONPATH": str(copied)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    wrote = run("-c", "from scarena.cli.scaffold import new_model; print(*new_model('trial-adapter'), sep='\\n')")
    adapter, test = map(Path, wrote.stdout.split())
    assert adapter == copied / "scarena/models/trial_adapter.py", wrote.stderr
    done = run("-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider", "-n0", str(test))
    # What a model does not offer, as vectors of genes, is not asked of it.
    asked = sum(int(n) for n in re.findall(r"(\d+) (?:passed|skipped)", done.stdout))
    assert done.returncode == 0 and asked == len(CHECKS), done.stdout + done.stderr
