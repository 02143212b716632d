"""`scarena fm`: every verb runs on a file, and what a user got wrong is one line and an exit code."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from scarena.cli import progress
from scarena.cli.app import main
from scarena.models.foundation import checkpoint
from scarena.models.foundation.model import SIZES as SHAPES
from scarena.models.foundation.model import FoundationConfig, initialised

SIZES = {"gene_width": 8, "width": 32, "layers": 1, "feed_forward": 32, "embedding": 8, "length": 64}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def fm(monkeypatch, capsys, tmp_path, cells, cache):
    """Return a function that runs a verb on a small file and a small checkpoint in a folder of its own."""
    cells.write_h5ad(tmp_path / "some.h5ad")
    for kind in ("bag", "transformer"):
        model = initialised(FoundationConfig(kind=kind, n_genes=300, n_groups=1, **SIZES), 0)
        checkpoint.save(tmp_path / kind, model, [f"ENSG{i:011d}" for i in range(300)], {"name": kind, "corpus": []})
    monkeypatch.chdir(tmp_path)
    # However long it takes on a machine that has much to do.
    monkeypatch.setattr(progress, "QUIET_S", 1e6)

    def run(line, *, code=0):
        words = [*line.split(), *(["--cache", str(cache)] if "some.h5ad" in line else [])]
        monkeypatch.setattr(sys, "argv", ["scarena", "fm", *words])
        ended = 0
        try:
            main()
        except SystemExit as stopped:
            ended = stopped.code or 0
        said = capsys.readouterr()
        assert ended == code, said.err
        return said.out if code == 0 else said.err

    return run


def test_help_imports_no_heavy_library():
    code = (
        "import sys\nfrom scarena.cli.app import app\n"
        "try: app(['fm', 'finetune', '--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'scanpy', 'anndata', 'pandas', 'sklearn') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_cells_are_embedded_and_the_model_adapted(fm, cells, tmp_path):
    assert "240 cells, 8 dimensions" in fm("embed some.h5ad --out z.npz --checkpoint bag")
    said = fm("adapt some.h5ad --batch batch --out a.npz --model adapted --steps 2 --checkpoint bag")
    assert "wrote adapted: the adapted model" in said
    fm("embed some.h5ad --out b.npz --checkpoint adapted")
    found = {}
    for name in "zab":
        with np.load(tmp_path / f"{name}.npz", allow_pickle=False) as file:
            assert list(file["obs_names"]) == list(cells.obs_names)
            found[name] = file["embedding"]
    np.testing.assert_allclose(found["a"], found["b"], atol=0.05)
    assert not np.allclose(found["a"], found["z"], atol=1e-3)


def test_a_model_is_fine_tuned_and_annotates(fm, cells, tmp_path):
    said = fm("finetune some.h5ad --label cell_type --batch batch --mode lora --steps 25 --out d --checkpoint bag")
    assert "wrote d: 3 labels from 240 cells, 0 without a label" in said
    assert "cells held out by" in said
    said = fm("annotate d some.h5ad --out p.csv --every-label")
    assert "240 cells, 0 of them without a known gene" in said
    found = pd.read_csv(tmp_path / "p.csv", index_col="cell")
    assert list(found.index) == list(cells.obs_names)
    assert (found["label"] == cells.obs["cell_type"]).mean() > 0.8
    np.testing.assert_allclose(found[[f"p:type{i}" for i in range(3)]].sum(axis=1), 1, atol=1e-5)


@pytest.fixture
def atlas_types(fm, cells, tmp_path):
    """The checkpoint `bag` with an atlas of two types of the file, each of two studies, and one of its own."""
    from scarena.models.foundation.atlas_types import types_of, write_types
    from scarena.models.foundation.atlas_use import Laid

    rows, kinds = [], ["type0", "type1", "other"] * 2
    for number, kind in enumerate(kinds):
        of_kind = (cells.obs["cell_type"] == kind).to_numpy()
        own = np.arange(300) + 1.0 + number
        values = np.asarray(cells.X[of_kind].mean(axis=0)).ravel()[:300] if of_kind.any() else own
        rows.append(values / values.sum() * 1e4)
    terms = {"type0": "CL:0000236", "type1": "CL:0000084", "other": "CL:0000576"}
    term_P = np.array([terms[kind] for kind in kinds])
    laid = Laid(np.array(rows, np.float32), np.ones((6, 300), bool), np.repeat([0, 1], 3), ("s", "t"), term_P)
    words = {"label": np.array(kinds), "term": term_P, "tissue": np.full(6, ""), "source": np.repeat(["s", "t"], 3)}
    write_types(types_of(checkpoint.load(tmp_path / "bag"), laid, words), tmp_path / "bag")


def test_without_labels_cells_are_named_by_the_types_of_an_atlas(fm, atlas_types, cells, tmp_path):
    said = fm("annotate bag some.h5ad --out p.csv")
    found = pd.read_csv(tmp_path / "p.csv", index_col="cell")
    assert list(found.index) == list(cells.obs_names)
    assert list(found.columns) == ["label", "term", "tissue", "source", "score", "needed", "nearest"]
    far = int(found["label"].isna().sum())
    assert f"wrote p.csv: 240 cells, {far} of them near no type of the atlas" in said and "CL:0000236" in said
    for kind, term in (("type0", "CL:0000236"), ("type1", "CL:0000084")):
        named = found[(cells.obs["cell_type"] == kind).to_numpy()].dropna(subset=["label"])
        assert len(named) > 40 and (named["term"] == term).mean() > 0.8
    assert "have no probabilities" in fm("annotate bag some.h5ad --out p.csv --every-label", code=2)


def test_an_annotator_of_a_model_with_an_atlas_names_its_own_labels(fm, atlas_types, cells, tmp_path):
    fm("finetune some.h5ad --label cell_type --mode head --steps 5 --out d --checkpoint bag")
    fm("annotate d some.h5ad --out p.csv")
    assert list(pd.read_csv(tmp_path / "p.csv", index_col="cell").columns) == ["label", "probability"]


def test_a_file_with_few_of_the_genes_of_training_is_said(fm, cells, tmp_path, capsys, monkeypatch):
    cells[:, :60].copy().write_h5ad(tmp_path / "few-some.h5ad")
    fm("finetune some.h5ad --label cell_type --mode head --steps 5 --out d --checkpoint bag")
    monkeypatch.setattr(sys, "argv", ["scarena", "fm", "annotate", "d", "few-some.h5ad", "--out", "p.csv"])
    main_exit(main)
    assert "measures 20% of the genes" in capsys.readouterr().err
    fm("finetune some.h5ad --label cell_type --mode head --steps 5 --out d --checkpoint bag --among few-some.h5ad")
    main_exit(main)
    assert capsys.readouterr().err == ""


def main_exit(run):
    with pytest.raises(SystemExit) as stopped:
        run()
    assert not stopped.value.code


def test_labels_are_probed(fm, tmp_path):
    said = fm("probe some.h5ad --label cell_type --batch batch --checkpoint bag --json --out cells.csv")
    rows = json.loads(said)
    assert [row["fold"] for row in rows] == ["batch0", "batch1"]
    assert len(pd.read_csv(tmp_path / "cells.csv")) == 240
    assert "accuracy" in fm("probe some.h5ad --label cell_type --checkpoint bag")


@pytest.mark.parametrize(("by", "kind"), [("jacobian", "bag"), ("attention", "transformer")])
def test_pairs_of_genes_are_listed(fm, by, kind, tmp_path):
    line = f"network some.h5ad --by {by} --top 8 --pairs 5 --cells 50 --checkpoint {kind} --json --out n.csv"
    rows = json.loads(fm(line))
    assert len(rows) == 5
    table = pd.read_csv(tmp_path / "n.csv")
    np.testing.assert_allclose(table["score"], [row["score"] for row in rows])
    named = json.loads(fm(f"{line} --genes ENSG00000000001,ENSG00000000002 --genes ENSG00000000003"))
    assert {row["source"] for row in named} <= {f"ENSG{i:011d}" for i in (1, 2, 3)}


def test_genes_are_knocked_out(fm, tmp_path):
    line = "knockout some.h5ad --genes ENSG00000000001,ENSG00000000002 --checkpoint bag --json"
    rows = json.loads(fm(f"{line} --label cell_type --toward type1 --out shifts.csv"))
    assert len(rows) == 2
    assert rows[0]["shift"] >= rows[1]["shift"] > 0
    shifts = pd.read_csv(tmp_path / "shifts.csv", index_col="cell")
    assert shifts.shape == (240, 2)
    assert shifts[rows[0]["gene"]].mean() == pytest.approx(rows[0]["shift"], abs=1e-6)
    assert json.loads(fm(f"{line} --factor 5"))[0]["shift"] > 0


def test_neighbours_of_a_gene_are_listed(fm, tmp_path, cache):
    genes = ["ENSG00000254647", "ENSG00000115263", "ENSG00000157005"]
    model = initialised(FoundationConfig(kind="bag", n_genes=3, n_groups=1, **SIZES), 0)
    checkpoint.save(tmp_path / "named", model, genes, {"name": "named"})
    rows = json.loads(fm(f"genes INS --checkpoint named --json --cache {cache}"))
    assert sorted(row["symbol"] for row in rows) == ["GCG", "SST"]


def test_sizes_are_listed_and_what_a_bag_has_not_is_missing(fm):
    rows = {row["name"]: row for row in json.loads(fm("sizes --json"))}
    assert list(rows) == list(SHAPES)
    assert [rows[name]["width"] for name in rows] == [shape.width for shape in SHAPES.values()]
    assert rows["student"]["layers"] is rows["student"]["genes_one_by_one"] is None
    assert rows["base"]["without_gene_tables"] < rows["base"]["parameters"]
    head, named, *lines = fm("sizes").splitlines()
    assert [*named.split(), *head.split()] == list(rows["nano"])
    assert lines[0].split() == [str(value) for value in rows["student"].values() if value is not None]
    assert lines[1].split() == [str(value) for value in rows["nano"].values()]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("probe some.h5ad --label cell_type --checkpoint bag --json", ["reading some.h5ad", "telling labels apart"]),
        ("knockout some.h5ad --genes ENSG00000000001 --checkpoint bag --json", ["reading some.h5ad", "changing genes"]),
        ("network some.h5ad --top 8 --checkpoint bag --json", ["opening the checkpoint bag", "looking at 240 cells"]),
    ],
)
def test_what_takes_long_is_said_on_stderr_and_never_beside_json(line, told, fm, monkeypatch, capsys):
    said = []
    monkeypatch.setattr(progress, "QUIET_S", 0.0)
    monkeypatch.setattr(progress.Lines, "show", lambda self, doing: said.append(doing.what))
    assert json.loads(fm(line))
    assert [what for what in said if what in told] == told


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("embed none.h5ad --out z.npz", 1, "no such file"),
        ("embed some.h5ad --out z.txt", 2, "end it in .npz or .h5ad"),
        ("embed some.h5ad --out z.npz --checkpoint none", 1, "no checkpoint"),
        ("embed some.h5ad --out z.npz --layer counts", 1, "has no layer 'counts'"),
        ("adapt some.h5ad --batch donor --out z.npz", 1, "obs has no column 'donor'"),
        ("finetune some.h5ad --label kind --out d", 1, "obs has no column 'kind'"),
        ("finetune some.h5ad --label cell_type --out d --mode all", 2, "unknown mode 'all'"),
        ("finetune some.h5ad --label cell_type_id --out d --checkpoint bag", 1, "0 labels in 0 labelled cells"),
        ("finetune some.h5ad --label cell_type --out d --freeze-blocks 1 --checkpoint bag", 2, "has 0 blocks"),
        ("annotate bag some.h5ad --out p.csv", 1, "knows no labels"),
        ("network some.h5ad --by attention --checkpoint bag", 1, "a bag has no attention"),
        ("network some.h5ad --by x --checkpoint bag", 2, "attention or jacobian"),
        ("network some.h5ad --genes INS --checkpoint bag", 1, "not measured: INS"),
        ("knockout some.h5ad --genes ENSG00000000001 --factor 1 --checkpoint bag", 2, "a factor of 1"),
    ],
)
def test_what_a_user_got_wrong_is_one_line(fm, line, code, words):
    said = fm(line, code=code)
    assert words in said
    assert len(said.strip().splitlines()) == 1
