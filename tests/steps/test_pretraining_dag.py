"""Pretraining in the DAG: what runs before what, what is stale when, and a board beside a pretraining that failed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scarena.cli.own_dataset import add_dataset
from scarena.cli.own_reader import OwnFile

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("run")]

SNAKEFILE = Path(__file__).parents[2] / "Snakefile"
TINY = {
    "gene_features": 0,
    "model": {"gene_width": 8, "width": 32, "heads": 2, "layers": 1, "feed_forward": 16, "embedding": 8},
    "task": {"cells": 16, "tokens": 16, "views": {"targets": 8, "zeros": 4}},
    "engine": {"steps": 4, "validate_every": None, "checkpoint_every": 4},
    "threads": 1,
}
BOARD = {
    "board": "b",
    "datasets": ["mine"],
    "models": ["pca", "scarena-fm@tiny", "scarena-fm@broken"],
    "pretrain": ["tiny.yaml", "broken.yaml"],
}
STEPS = ("corpus", "pretrain", "embed")


def recipe(place, name, h5ad):
    source = {"name": f"{name}-sample", "path": h5ad, "batch": "batch"}
    whole = {**TINY, "name": name, "corpus": {"name": "made-up", "h5ad": [source], "min_cells": 1}}
    (place / f"{name}.yaml").write_text(yaml.safe_dump(whole))


@pytest.fixture(scope="module")
def place(tmp_path_factory, cache, make_cells):
    """A folder with a user's dataset, a board, a pretraining that works and one whose corpus is not there."""
    from scarena.datasets.genes import gene_table

    folder = tmp_path_factory.mktemp("place")
    (folder / ".cache").mkdir()
    # Pulled files and compiled code are found again; corpora and trainings are the test's own.
    for kept in ("sha256", "members", "compiled", "ontology"):
        (cache / kept).mkdir(parents=True, exist_ok=True)
        (folder / ".cache" / kept).symlink_to((cache / kept).absolute())
    genes = sorted(gene_table(cache=cache, mirror=None).symbol_to_id)
    for name, n_cells in (("mine", 240), ("other", 80)):
        data = make_cells(n_cells=n_cells, seed=n_cells)
        data.var_names = genes[: data.n_vars]
        data.write_h5ad(folder / f"{name}.h5ad")
    (folder / "map.yaml").write_text("type0: CL:0000236\ntype1: CL:0000084\ntype2: CL:0000576\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        own = OwnFile(folder / "mine.h5ad", "batch", "cell_type", ontology_map=folder / "map.yaml")
        add_dataset(own, name=None, folder=folder / "config/datasets")
    recipe(folder, "tiny", "other.h5ad")
    recipe(folder, "broken", "gone.h5ad")
    (folder / "board.yaml").write_text(yaml.safe_dump(BOARD))
    return folder


def output_of(place, command):
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=600, check=False)
    return done.returncode, done.stdout + done.stderr


def snakemake(place, *more):
    """Run snakemake up to the board, whose page takes longest and has nothing to add."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
    ways = ["--configfile", "board.yaml", "--cores", "2", "--keep-going", "--rerun-incomplete", "--nolock"]
    code, output = output_of(place, [*command, "results/b/board.json", *ways, *more])
    assert code == 0, output
    return output


def jobs_of(output):
    """Return the steps of interest in a dry run: (rule, the file it makes)."""
    found = re.findall(r"^rule (\w+):\n(?:    (?!output)\S.*\n)*?    output: ([^\s,]+)", output, re.MULTILINE)
    return {(rule, str(Path(file).relative_to("results/b"))) for rule, file in found if rule in STEPS}


@pytest.fixture(scope="module")
def first(place):
    """The plan before anything was made; then the board is made."""
    plan = jobs_of(snakemake(place, "-n"))
    snakemake(place)
    return plan


def chain(name):
    return {("pretrain", f"pretrained/{name}/manifest.json"), ("embed", f"mine/scarena-fm@{name}/0/record.json")}


def corpus(name):
    return {("corpus", f"corpora/{name}.json")}


def test_each_pretraining_has_its_corpus_and_checkpoint_and_what_needs_it_comes_after(place):
    graph = snakemake(place, "--rulegraph")
    rule_of = dict(re.findall(r'(\d+)\[label = "(\w+)"', graph))
    pairs = {(rule_of[a], rule_of[b]) for a, b in re.findall(r"(\d+) -> (\d+)", graph)}
    assert {("corpus", "pretrain"), ("pretrain", "embed"), ("pretrain", "board"), ("embed", "score")} <= pairs
    assert {a for a, b in pairs if b == "corpus"} == set()
    assert {a for a, b in pairs if b == "pretrain"} == {"corpus"}


def test_all_is_planned_once_before_the_first_run(first):
    plan = corpus("tiny") | corpus("broken") | chain("tiny") | chain("broken")
    assert first == plan | {("embed", "mine/pca/0/record.json")}


def test_a_failed_pretraining_is_a_state_of_its_models_and_the_board_is_complete_without_them(place, first):
    board = json.loads((place / "results/b/board.json").read_text())
    cells = {cell["model"]: cell for cell in board["cells"]}
    states = {model: cell["state"] for model, cell in cells.items()}
    assert states == {"pca": "ok", "scarena-fm@tiny": "ok", "scarena-fm@broken": "failed(error)"}
    assert cells["scarena-fm@broken"]["reason"].startswith("pretraining broken: source error: gone.h5ad")
    assert cells["scarena-fm@broken"]["scores"] == {}
    assert all(cells[model]["scores"]["total"]["state"] == "ok" for model in ("pca", "scarena-fm@tiny"))
    cards = {card["name"]: card["training_corpus"] for card in board["models"]}
    assert cards == {"pca": [], "scarena-fm@tiny": ["tiny-sample"], "scarena-fm@broken": []}
    total = {row["model"]: row for row in board["overall"] if row["metric"] == "total"}
    assert total["scarena-fm@tiny"]["value"] > 0
    assert total.get("scarena-fm@broken", {"value": None})["value"] is None


def _stale(place, **changes):
    """Return what is planned after the recipe was changed, which is undone."""
    path = place / "tiny.yaml"
    before = path.read_text()
    path.write_text("# A comment.\n" + yaml.safe_dump({**yaml.safe_load(before), **changes}, sort_keys=False))
    try:
        return jobs_of(snakemake(place, "-n"))
    finally:
        path.write_text(before)


def test_comments_in_a_recipe_make_nothing_stale_and_its_keys_what_depends_on_them(place, first):
    assert _stale(place) == set()
    assert _stale(place, engine={**TINY["engine"], "steps": 5}) == chain("tiny")
    before = yaml.safe_load((place / "tiny.yaml").read_text())["corpus"]
    assert _stale(place, corpus={**before, "seed": 1}) == corpus("tiny") | chain("tiny")


def test_scarena_run_tries_only_the_corpus_that_failed_again_and_what_waits_for_it(place, first):
    run = [sys.executable, "-m", "scarena.cli", "run", "--config", "board.yaml", "--cores", "2", "--", "-n"]
    code, output = output_of(place, run)
    assert code == 0, output
    assert jobs_of(output) == corpus("broken") | chain("broken")


def test_a_model_of_no_pretraining_of_the_board_is_refused_before_anything_is_made(place):
    (place / "wrong.yaml").write_text(yaml.safe_dump({**BOARD, "board": "wrong", "models": ["scarena-fm@tinny"]}))
    code, output = output_of(place, [sys.executable, "-m", "scarena.cli", "run", "--config", "wrong.yaml"])
    assert code == 2
    assert "wrong.yaml: models: unknown model 'scarena-fm@tinny'; known: " in output
    assert len(output.strip().splitlines()) == 1
    assert not (place / "results" / "wrong").exists()
