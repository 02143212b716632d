"""The audit, on made-up cells whose origin is known."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from typer.testing import CliRunner

from scarena.base.errors import DataError
from scarena.cli.corpus import app
from scarena.datasets.card import load_card
from scarena.models.base import ModelCard
from scarena.models.foundation.corpus.audit import audit, audit_card, studies_of
from scarena.models.foundation.corpus.fingerprints import corpus_fingerprints, read_fingerprints, write_fingerprints
from scarena.models.foundation.corpus.lookup import audit_model, find_corpus
from scarena.models.foundation.corpus.matches import barcode
from scarena.models.foundation.corpus.verdict import card_verdict


def card_of(*study):
    return load_card("baron_h1").model_copy(update={"name": "d", "study": study})


def thinned(data, keep, seed=0):
    """Return the cells with every count kept with a probability, as another processing would lose some."""
    data = data.copy()
    counts = data.X.astype(np.int64)
    counts.data = np.random.default_rng(seed).binomial(counts.data, keep)
    counts.eliminate_zeros()
    data.X = csr_matrix(counts)
    return data


def renamed(data):
    data = data.copy()
    data.obs_names = [f"cell{i}" for i in range(data.n_obs)]
    return data


@pytest.fixture(scope="module")
def others(make_sparse):
    """Cells that are in no corpus, of the same kinds as those that are."""
    return make_sparse(350, seed=1)[150:].copy()


@pytest.fixture(scope="module")
def found(corpus):
    return corpus_fingerprints(corpus)


@pytest.fixture(scope="module")
def alone(corpus, tmp_path_factory):
    """The fingerprints without the corpus."""
    folder = tmp_path_factory.mktemp("checkpoint")
    write_fingerprints(corpus, folder)
    return read_fingerprints(folder)


def test_cells_of_other_names_and_the_same_counts_are_exact_where_the_corpus_is_at_hand(found, two):
    result = audit("m", found, renamed(two["one"])[20:60].copy(), card_of())
    assert (result.state, result.n_exact, result.n_near, result.n_cells) == ("cells", 40, 0, 40)
    names = {f"cell{i}": f"one:{name}" for i, name in enumerate(two["one"].obs_names)}
    assert all(names[cell] == other for cell, other, *_ in result.examples)


def test_cells_of_one_barcode_are_exact_without_the_corpus_even_after_losing_counts(alone, two):
    data = thinned(two["one"][20:60], 0.9)
    data.obs_names = [f"lib2_{barcode(name)}-7" for name in data.obs_names]
    result = audit("m", alone, data, card_of())
    assert (result.state, result.n_exact) == ("cells", 40)


def test_near_duplicates_are_found_by_fingerprint_alone_and_are_the_right_cells(alone, two, others):
    import anndata

    data = anndata.concat([thinned(two["one"][:50], 0.95), others])
    truth = {f"cell{i}": f"one:{name}" for i, name in enumerate(data.obs_names[:50])}
    result = audit("m", alone, renamed(data), card_of())
    assert (result.n_exact, result.n_near, result.n_cells) == (0, 50, 250)
    assert all(truth[cell] == other and kind == "near" for cell, other, kind, _ in result.examples)


def test_a_panel_of_genes_is_enough_to_find_cells_again(found, alone, two):
    panel = two["one"][:, np.random.default_rng(0).permutation(3000)[:900]].copy()
    assert audit("m", found, renamed(panel), card_of()).n_exact == 150
    assert audit("m", alone, panel, card_of()).n_exact == 150


def test_other_cells_of_the_same_types_are_not_found(found, alone, others):
    for each in (found, alone):
        result = audit("m", each, others, card_of("elsewhere"))
        assert (result.state, result.n_exact, result.n_near) == ("clean", 0, 0)


def test_other_cells_with_barcodes_of_the_corpus_are_not_found(found, alone, others, two):
    others = others[:150].copy()
    others.obs_names = list(two["one"].obs_names)
    for each in (found, alone):
        assert audit("m", each, others, card_of("elsewhere")).state == "clean"


def test_a_study_in_common_is_reported_and_a_donor_within_it(found, others):
    assert audit("m", found, others, card_of("Study-ONE ", "x")).state == "study"
    others = others.copy()
    others.obs["donor"] = "Donor1"
    assert audit("m", found, others, card_of("other")).state == "clean"
    result = audit("m", found, others, card_of("Study-ONE"))
    assert (result.state, result.donors, result.studies) == ("donor", ("Donor1",), ("Study-ONE",))


def test_where_no_cell_could_be_found_the_state_is_unknown(found, others):
    result = audit("m", found, others[:, :30].copy(), card_of("elsewhere"))
    assert result.state == "unknown"
    assert "too few genes" in result.reason
    assert audit("m", found, others[:, :30].copy(), card_of("study-one")).state == "study"


def test_fingerprints_are_those_of_the_corpus_and_small(corpus, found, alone, tmp_path):
    def rows(prints):
        return {
            name: tuple(row)
            for block in prints.blocks()
            for name, row in zip(block.names.tolist(), block.minhash.tolist(), strict=True)
        }

    assert rows(found) == rows(alone)
    assert len(rows(alone)) == corpus.n_cells == alone.n_cells
    assert alone.genes == found.genes
    for one, other in zip(found.datasets, alone.datasets, strict=True):
        assert np.array_equal(one.measured, other.measured)
        assert (one.name, one.study, one.donors) == (other.name, other.study, other.donors)
    paths = [write_fingerprints(corpus, tmp_path / name) for name in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    per_cell = found.bins * 2 + 24
    assert paths[0].stat().st_size < corpus.n_cells * per_cell + 40 * len(corpus.genes)
    assert 12_000 * (found.bins * 2 + 64) + 40 * 65_535 < 16 * 2**20


def test_fingerprints_of_one_dataset_can_be_left_out(found, two):
    only = replace(found, blocks=lambda: (block for block in found.blocks() if block.dataset == 1))
    assert audit("m", only, two["one"], card_of()).n_exact == 0


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY"])
def test_damaged_fingerprints_are_refused(content, tmp_path):
    with pytest.raises(DataError, match="no fingerprints"):
        read_fingerprints(tmp_path)
    (tmp_path / "fingerprints.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"fingerprints\.npz: damaged"):
        read_fingerprints(tmp_path)


@pytest.mark.parametrize(
    ("corpus_names", "studies", "study", "state"),
    [
        (["D"], [], ["s"], "cells"),
        (["other"], ["S "], ["s"], "study"),
        (["GSE1"], [], ["gse1"], "study"),
        (["other"], ["t"], ["s"], "clean"),
        (["other"], ["t"], [], "unknown"),
        ([], [], ["s"], "unknown"),
        (["other"], [""], [""], "clean"),
    ],
)
def test_the_cards_alone_give_a_verdict(corpus_names, studies, study, state):
    assert card_verdict(corpus_names, studies, card_of(*study)) == state


def test_what_is_not_found_in_a_collection_named_as_a_whole_is_unknown():
    assert card_verdict(["a census"], [], card_of("s"), complete=False) == "unknown"
    assert card_verdict(["a census", "s"], [], card_of("s"), complete=False) == "study"
    unlisted = model_card(training_corpus=("a census",), lists_all_studies=False)
    assert audit_card(unlisted, card_of("s"), 3).state == "unknown"


def model_card(**more):
    return ModelCard(**{"name": "m", "title": "m", "family": "foundation", "description": "", **more})


def test_a_models_card_names_studies_by_the_cards_of_its_corpus():
    assert studies_of(["kang_stim", "unheard-of"]) == ("GSE96583",)
    result = audit_card(model_card(training_corpus=("kang_stim",), parameters=1), load_card("kang"), 12_261)
    assert (result.state, result.studies, result.n_exact) == ("study", ("GSE96583",), None)
    assert audit_card(model_card(), load_card("kang"), 1).state == "unknown"
    assert audit_card(model_card(family="baseline"), load_card("kang"), 1).state == "clean"


def test_a_checkpoint_without_fingerprints_is_judged_by_its_manifest(tmp_path):
    (tmp_path / "manifest.json").write_text(
        json.dumps({"name": "old", "parameters": 5, "corpus": [{"dataset": "kang_stim", "study": ["GSE96583"]}]})
    )
    card = find_corpus(str(tmp_path))
    assert audit_card(card, load_card("kang"), 1).state == "study"
    assert audit_card(card, load_card("baron_h1"), 1).state == "clean"
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json: says nothing"):
        find_corpus(str(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="neither a corpus nor a checkpoint"):
        find_corpus(str(tmp_path / "empty"))


def written(cells, path):
    """Write some cells as a prepared dataset."""
    prepared = cells.copy()
    prepared.obs = prepared.obs.assign(batch="b", cell_type="unknown", cell_type_id="")
    prepared.var["symbol"] = prepared.var_names
    prepared.uns["card"] = card_of("gse1").model_dump_json()
    prepared.write_h5ad(path)


def test_the_command_line_builds_and_audits(files, two, tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text(
        f"name: c\nmin_cells: 1\nh5ad: [{{name: one, path: {files['one']}, batch: sample, study: [GSE1]}}]\n"
    )
    run = CliRunner()
    built = run.invoke(app, ["build", str(config), "--out", str(tmp_path / "c")])
    assert built.exit_code == 0
    assert "150 cells" in built.output
    written(two["one"][:30], tmp_path / "d.h5ad")
    said = run.invoke(app, ["audit", str(tmp_path / "c"), str(tmp_path / "d.h5ad"), "--json"])
    assert said.exit_code == 0
    answer = json.loads(said.stdout)
    assert (answer["state"], answer["n_exact"], answer["studies"]) == ("cells", 30, ["gse1"])
    assert (
        "30 exact and 0 near duplicates of 30"
        in run.invoke(app, ["audit", str(tmp_path / "c"), str(tmp_path / "d.h5ad")]).output
    )
    two["one"].write_h5ad(tmp_path / "raw.h5ad")
    with pytest.raises(DataError, match="no prepared dataset"):
        audit_model(str(tmp_path / "c"), str(tmp_path / "raw.h5ad"))


def test_a_baseline_is_clean_by_name(two, tmp_path):
    written(two["one"][:30], tmp_path / "d.h5ad")
    result = audit_model("hvg", str(tmp_path / "d.h5ad"))
    assert (result.state, result.n_exact, result.n_cells) == ("clean", None, 30)
