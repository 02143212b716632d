"""Nobody is told to remove a file: what was given may be somebody's own, and another than was meant."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import scarena
from scarena.base.errors import ScarenaError
from scarena.base.files import write_json
from scarena.cli.own_dataset import add_dataset
from scarena.cli.own_reader import OwnFile
from scarena.datasets.card import load_card, parse_card
from scarena.datasets.sources import pull

SOURCES = [
    path for room in ("benchmark", "models", "datasets", "metrics") for path in (scarena.ROOT / room).rglob("*.py")
]
# A checkpoint of a training, made by the machine in its cache, is the one thing that has to go for it to go on.
KEPT = {"models/foundation/training/state.py", "models/foundation/training/logs.py"}


def texts_of_fixes(path):
    """Yield the texts that a file gives as `fix`, by name or through a name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        named = node.value if isinstance(node, ast.keyword) and node.arg == "fix" else None
        if isinstance(node, ast.Assign):
            names = {
                each.id.lower() for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)
            }
            named = node.value if any("fix" in name or "again" in name for name in names) else named
        for each in ast.walk(named) if named is not None else ():
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each.value


def test_no_advice_is_to_remove_a_file():
    found = {(str(path.relative_to(scarena.ROOT)), text) for path in SOURCES for text in texts_of_fixes(path)}
    assert len(found) > 300
    wrong = {(path, text) for path, text in found if "remove" in text or "delete" in text}
    assert {path for path, _ in wrong} <= KEPT


@pytest.fixture
def mine(tmp_path, make_cells, cache, monkeypatch):
    """A folder with a user's h5ad, and a board's configuration."""
    from scarena.datasets.genes import gene_table

    monkeypatch.chdir(tmp_path)
    (tmp_path / ".cache").symlink_to(cache)
    data = make_cells()
    data.var_names = sorted(gene_table(cache=cache, mirror=None).symbol_to_id)[: data.n_vars]
    data.write_h5ad(tmp_path / "my.h5ad")
    (tmp_path / "b.yaml").write_text("board: b\ndatasets: [mine]\nmodels: [pca]\n")
    np.savez(tmp_path / "my.npz", embedding=np.zeros((2, 2)))
    write_json(tmp_path / "my.json", {"cells": 3})
    return tmp_path


@pytest.mark.parametrize("given", ["my.h5ad", "my.npz", "my.json", "gone.json"])
@pytest.mark.parametrize(
    "words",
    [
        "embed harmony {} --out out/record.json",
        "reference {} my.npz --out out/reference.json",
        "score {} my.json --out out/scores.json",
        "umap {} --out out/umaps.npz my.json",
        "prepare mine {} --out out/dataset.json",
        "report {} --out out/board.html",
        "verify {}",
        "diff {} my.json",
        "merge {} my.json --out out",
    ],
    ids=lambda words: words.split()[0],
)
def test_a_file_of_ones_own_in_the_place_of_a_boards_is_left_alone_and_said_to_be_another(words, given, mine):
    before = {path: path.read_bytes() for path in mine.glob("my.*")}
    line = words.format(given)
    settings = ["--settings", "b.yaml"] if "--out out/" in line else []
    done = subprocess.run(
        [sys.executable, "-m", "scarena.cli", *line.split(), *settings], cwd=mine, env=os.environ, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    said = done.stderr.strip().splitlines()
    assert done.returncode in (1, 2) and given in said[-1], done.stderr
    assert not any(word in said[-1] for word in ("remove", "delete", "makes it again", "Traceback"))
    assert {path: path.read_bytes() for path in mine.glob("my.*")} == before


def test_a_damaged_file_of_a_board_is_made_again_by_a_command(mine):
    from scarena.steps.states import read_state

    path = Path("results/b/mine/dataset.json")
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(ScarenaError, match=rf"`scarena run --config … -- --forcerun {path}` makes it again"):
        read_state(path)


def added(mine):
    add_dataset(OwnFile(mine / "my.h5ad", "batch", "cell_type"), name="mine", folder=mine / "cards")
    return load_card("mine", mine / "cards")


@pytest.mark.parametrize("spoil", [lambda b: b[:-50], lambda b: b + b"x", lambda b: b[:100] + b"\0" + b[101:]])
def test_a_file_of_ones_own_that_changed_is_to_be_added_again(mine, spoil):
    card = added(mine)
    file = mine / "my.h5ad"
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(ScarenaError, match="run `scarena add-dataset` again") as caught:
        pull(card, cache=mine / ".cache")
    assert "remove" not in str(caught.value) and "pull again" not in str(caught.value)


def test_a_file_of_ones_own_that_is_gone_is_to_be_restored_or_added_again(mine):
    card = added(mine)
    (mine / "my.h5ad").unlink()
    with pytest.raises(ScarenaError, match=r"no such file; restore it, or run `scarena add-dataset` again"):
        pull(card, cache=mine / ".cache")


def test_a_mirrors_wrong_file_is_the_mirrors_to_mend(mine):
    (mine / "mirror/mine").mkdir(parents=True)
    (mine / "mirror/mine/data.h5ad").write_bytes(b"another")
    card = added(mine).model_dump(mode="json")
    card["files"] = [{"key": "h5ad", "url": "https://example.org/data.h5ad", "sha256": "0" * 64, "bytes": 7}]
    with pytest.raises(ScarenaError, match="into the mirror, or correct the card"):
        pull(parse_card(card, "card"), cache=mine / "new", mirror=mine / "mirror")
    assert (mine / "mirror/mine/data.h5ad").read_bytes() == b"another"
