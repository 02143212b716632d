"""`scarena suggest-map` on files as users have them: a table, JSON, a map; one line for what it cannot use."""

import json
import warnings

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from scarena.base.errors import ScarenaError
from scarena.cli.app import app
from scarena.cli.suggest_map import labels_of, listed
from scarena.datasets.card import load_card
from scarena.datasets.proposals import Suggestion


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        done = CliRunner().invoke(app, [str(each) for each in arguments])
        if isinstance(done.exception, ScarenaError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done

    return call


@pytest.fixture
def write(tmp_path, cells, cache):
    """Write cells with a column of labels, as h5ad or zarr."""

    def make(values, name="my.h5ad"):
        from scarena.datasets.genes import gene_table

        cells.var_names = sorted(gene_table(cache=cache, mirror=None).symbol_to_id)[: cells.n_vars]
        cells.obs = pd.DataFrame({"donor": cells.obs["batch"], "type": pd.Series(values, index=cells.obs_names)})
        path = tmp_path / name
        with warnings.catch_warnings():
            # Of the zarr format that is written, which is no matter here.
            warnings.simplefilter("ignore")
            cells.write_zarr(path) if name.endswith("zarr") else cells.write_h5ad(path)
        if not (tmp_path / ".cache").exists():
            (tmp_path / ".cache").symlink_to(cache)
        return path

    return make


TYPES = ["B cells"] * 100 + ["NK"] * 60 + ["stellate"] * 40 + ["unknown"] * 39 + ["<b>T & 'K'</b>"]


@pytest.mark.parametrize("name", ["my.h5ad", "my.zarr"])
def test_a_list_has_each_label_with_its_cells_its_term_and_the_evidence(run, write, name):
    done = run("suggest-map", write(TYPES, name), "--label", "type")
    found = dict(zip(["title", "B cells", "NK", "stellate", "unknown", "T"], done.stdout.split("\n\n"), strict=True))
    assert found["B cells"].splitlines()[0] == "B cells (100 cells)"
    assert found["B cells"].split()[4:7] == ["0.96", "CL:0000236", "B"]
    assert "its name, written otherwise" in found["B cells"]
    assert found["unknown"].startswith("unknown (39 cells)") and "unlabelled" in found["unknown"]
    assert "CL:" not in found["unknown"] and found["T"].startswith("<b>T & 'K'</b> (1 cell)")
    assert "nothing was applied" in done.output


def test_json_has_every_proposal_and_the_most_labelled_first(run, write):
    found = json.loads(run("suggest-map", write(TYPES), "--label", "type", "--json", "--most", "3").stdout)
    assert [each["label"] for each in found] == ["B cells", "NK", "stellate", "unknown", "<b>T & 'K'</b>"]
    assert [each["cells"] for each in found] == [100, 60, 40, 39, 1]
    assert len(found[2]["proposals"]) == 3
    assert set(found[0]["proposals"][0]) == {"term", "name", "rule", "evidence", "score"}
    assert found[3]["proposals"] == [] and found[3]["reason"]


def test_a_tissue_that_the_ontology_does_not_know_is_said(run, write):
    file = write(TYPES)
    assert "'gizzardlike'" in run("suggest-map", file, "--label", "type", "--tissue", "gizzardlike").output
    assert "decides nothing" not in run("suggest-map", file, "--label", "type", "--tissue", "pancreas").output


def test_the_map_is_taken_by_add_dataset_once_it_is_corrected(run, write):
    file = write(TYPES)
    run("suggest-map", file, "--label", "type", "--tissue", "pancreas", "--out", "map.yaml")
    proposed = yaml.safe_load((file.parent / "map.yaml").read_text())
    assert proposed["B cells"] == "CL:0000236" and proposed["unknown"] is None
    run("add-dataset", file, "--batch", "donor", "--label", "type", "--ontology-map", "map.yaml", "--folder", "cards")
    assert load_card("my", file.parent / "cards").labels == proposed


def test_a_map_is_never_written_over_a_file(run, write, tmp_path):
    (tmp_path / "map.yaml").write_text("corrected: CL:0000236\n")
    with pytest.raises(ScarenaError, match="may have been corrected"):
        run("suggest-map", write(TYPES), "--label", "type", "--out", "map.yaml")
    assert (tmp_path / "map.yaml").read_text() == "corrected: CL:0000236\n"


def test_add_dataset_writes_the_map_when_asked_and_applies_nothing(run, write, tmp_path):
    file = write(TYPES)
    done = run("add-dataset", file, "--batch", "donor", "--label", "type", "--folder", "cards", "--suggest")
    assert set(load_card("my", tmp_path / "cards").labels.values()) == {None}
    assert yaml.safe_load((tmp_path / "my.map.yaml").read_text())["B cells"] == "CL:0000236"
    assert "my.map.yaml, which is not applied" in done.output
    with pytest.raises(ScarenaError, match="one of them alone"):
        run("add-dataset", file, "--batch", "donor", "--label", "type", "--suggest", "--ontology-map", "my.map.yaml")
    with pytest.raises(ScarenaError, match="may have been corrected"):
        run("add-dataset", file, "--batch", "donor", "--label", "type", "--folder", "others", "--suggest")
    assert not (tmp_path / "others").exists()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.arange(240), "holds int64"),
        (np.linspace(0, 1, 240), "holds float64"),
        (np.arange(240) % 2 == 0, "holds bool"),
        (pd.Categorical(np.arange(240) % 3), "holds int64"),
        (pd.Categorical([None] * 240, categories=["x"]), "no cell has a label"),
        (["B\x1b[31m cell"] * 240, "control characters"),
        (["B\ncell"] * 240, "control characters"),
    ],
)
def test_a_column_that_names_no_types_is_one_line(write, values, words):
    with pytest.raises(ScarenaError, match=words) as error:
        labels_of(write(values), "type")
    assert len(str(error.value).splitlines()) == 1


def test_a_column_that_is_not_there_is_named_with_those_that_are(write):
    with pytest.raises(ScarenaError, match="one of: donor, type"):
        labels_of(write(TYPES), "cell_type")


def test_too_many_labels_are_refused_before_any_is_looked_at(tmp_path):
    obs = pd.DataFrame({"type": [f"cell {n}" for n in range(100_000)]}, index=[str(n) for n in range(100_000)])
    anndata.AnnData(obs=obs).write_h5ad(tmp_path / "many.h5ad")
    with pytest.raises(ScarenaError, match="100,000 different values"):
        labels_of(tmp_path / "many.h5ad", "type")


def test_a_file_that_is_none_is_one_line(tmp_path):
    (tmp_path / "x.h5ad").write_bytes(b"no")
    for path in (tmp_path / "x.h5ad", tmp_path / "none.h5ad"):
        with pytest.raises(ScarenaError, match="h5ad"):
            labels_of(path, "type")


def test_missing_labels_and_unused_categories_are_no_labels(write):
    values = pd.Categorical(["B cell"] * 200 + [None] * 40, categories=["B cell", "T cell"])
    assert labels_of(write(values), "type") == ({"B cell": 200}, 40)


def test_markup_and_long_labels_do_not_spoil_the_list(run, write):
    values = ["[/bold] B cell"] * 120 + ["B" * 5_000] * 120
    done = run("suggest-map", write(values), "--label", "type")
    assert "[/bold] B cell" in done.output and "B" * 61 not in done.output


def test_a_label_without_proposals_is_listed_with_the_reason():
    assert listed([Suggestion("x", (), "why")], {"x": 1}, 80) == ["", "x (1 cell)", " " * 20 + "why"]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_cut(run, write, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    values = ["CD4+/CD25 T Reg"] * 120 + ["CD8+/CD45RA+ Naive Cytotoxic"] * 120
    lines = run("suggest-map", write(values), "--label", "type").stdout.splitlines()
    assert max(len(line) for line in lines) <= width
    assert any("CD25-positive, alpha-beta" in line for line in lines) and "CL:0000792" in "\n".join(lines)
