"""The audit knows atlases by their studies: the file itself, and the one in a checkpoint's manifest."""

import json

import pytest
from typer.testing import CliRunner

from scarena.base.errors import DataError
from scarena.cli.corpus import app
from scarena.datasets.card import load_card
from scarena.models.foundation.atlas.store import write_atlas
from scarena.models.foundation.corpus.audit import audit, audit_card
from scarena.models.foundation.corpus.fingerprints import FILE, read_fingerprints
from scarena.models.foundation.corpus.lookup import find_corpus


@pytest.fixture
def atlas(atlas_of, written, make_table):
    def build(**more):
        return atlas_of(written(make_table(), **more), allow_contaminated=True)

    return build


def state(model, dataset="baron_h1"):
    return audit_card(find_corpus(str(model)), load_card(dataset), 10).state


@pytest.mark.parametrize(("study", "found"), [(["Enge 2017"], "clean"), (["Baron 2016"], "study"), ([], "unknown")])
def test_an_atlas_is_clean_contaminated_or_unknown_by_its_studies(study, found, atlas, tmp_path):
    write_atlas(atlas(study=study), tmp_path / "a.h5ad")
    assert state(tmp_path / "a.h5ad") == found
    assert state(tmp_path / "a.h5ad", "kang") == ("unknown" if not study else "clean")


def checkpoint(folder, *rows):
    (folder / "manifest.json").write_text(json.dumps({"name": "m", "parameters": 1, "corpus": list(rows)}))
    return folder


@pytest.mark.parametrize(("study", "found"), [(["Enge 2017"], "clean"), (["Baron 2016"], "study"), ([], "unknown")])
def test_a_checkpoint_is_judged_by_the_atlas_that_it_started_from(study, found, atlas, tmp_path):
    pool = {"dataset": "kang_stim", "kind": "card", "study": ["GSE96583"], "cells": 5}
    folder = checkpoint(tmp_path, pool, atlas(study=study).corpus_entry())
    assert state(folder) == found
    assert state(folder, "kang") == "study"


@pytest.mark.parametrize(("study", "found"), [(["Enge 2017"], "clean"), (["Baron 2016"], "study"), ([], "unknown")])
def test_so_is_one_with_fingerprints(study, found, atlas, tmp_path, make_cells):
    import numpy as np

    cells = make_cells(60)
    about = json.dumps([{"name": "pool", "study": ["S"], "donors": []}]).encode()
    np.savez(
        tmp_path / FILE, minhash=np.zeros((3, 128), np.uint16), names=np.array([b"pool:x"] * 3),
        dataset=np.zeros(3, np.uint32), measured=np.packbits(np.ones((1, 400), bool), axis=1),
        genes=np.array(list(cells.var_names), "S"), datasets=np.frombuffer(about, np.uint8),
    )  # fmt: skip
    checkpoint(tmp_path, atlas(study=study).corpus_entry())
    said = read_fingerprints(tmp_path)
    assert [each.name for each in said.datasets] == ["pool", "a"]
    answer = audit("m", said, cells, load_card("baron_h1"))
    assert answer.state == found
    assert answer.studies == (("GSE84133",) if found == "study" else ())


def test_a_prepared_dataset_is_no_atlas(make_cells, tmp_path):
    make_cells(20).write_h5ad(tmp_path / "d.h5ad")
    with pytest.raises(DataError, match=r"d\.h5ad: no atlas"):
        find_corpus(str(tmp_path / "d.h5ad"))


def test_the_command_line_builds_and_says_what_it_refused(written, make_table, tmp_path, cache, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept, refused = written(make_table()), written(make_table(seed=1), "other", study=["Muraro"])
    tables = [{**each, "path": str(each["path"])} for each in (kept, refused)]
    (tmp_path / "c.yaml").write_text(json.dumps({"name": "c", "tables": tables}))
    run = CliRunner()
    done = run.invoke(app, ["atlas", "c.yaml", "--out", "a.h5ad", "--cache", str(cache)])
    assert done.exit_code == 0, done.output
    assert "other: refused 4 profiles: 4 of GSE85241, a study of the benchmark set scib_pancreas" in done.stdout
    assert "4 profiles of 4 labels, 3 with one of 3 Cell Ontology terms" in done.stdout
    assert "300 genes, 300 of them measured by every source" in done.stdout
    first = (tmp_path / "a.h5ad").read_bytes()
    assert run.invoke(app, ["atlas", "c.yaml", "--out", "a.h5ad", "--cache", str(cache)]).exit_code == 0
    assert (tmp_path / "a.h5ad").read_bytes() == first
