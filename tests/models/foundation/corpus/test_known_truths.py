"""The audit on published sets whose common cells are known; needs the mirror of their files."""

import os

import pytest

from scarena.base.errors import NotAvailable
from scarena.datasets.card import load_card
from scarena.datasets.prepare import prepare
from scarena.models.foundation.corpus.audit import audit
from scarena.models.foundation.corpus.build import build
from scarena.models.foundation.corpus.compare import Cells
from scarena.models.foundation.corpus.config import CorpusConfig
from scarena.models.foundation.corpus.fingerprints import corpus_fingerprints, read_fingerprints, write_fingerprints
from scarena.models.foundation.corpus.matches import barcode, find_matches
from scarena.models.foundation.corpus.store import Corpus

pytestmark = pytest.mark.skipif(
    "SCARENA_MIRROR" not in os.environ, reason="needs SCARENA_MIRROR, a folder of published files"
)


def prepared(name, cache):
    try:
        return prepare(load_card(name), cache=cache)
    except NotAvailable as error:
        pytest.skip(str(error))


def pairs(found, data):
    return {
        (match.cell, match.corpus_cell): match.kind
        for match in find_matches(found, Cells.of(data, found.genes)).matches
    }


@pytest.fixture(scope="module")
def chemistries(cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("corpus") / "c"
    build(CorpusConfig(name="c", cards=("pbmc_10x_chem", "frozen_pbmc_a")), out, cache)
    return Corpus.open(out)


def test_the_66_cells_of_another_release_are_found_and_no_other(chemistries, cache, tmp_path):
    """Truth: the barcodes of the 5' library, whose counts agree; 1,338 genes in common."""
    data = prepared("pbmc_10x_symphony", cache)
    write_fingerprints(chemistries, tmp_path)
    for found in (corpus_fingerprints(chemistries), read_fingerprints(tmp_path)):
        matches = pairs(found, data)
        assert len(matches) == 66
        assert set(matches.values()) == {"exact"}
        for cell, other in matches:
            assert cell.startswith("fivePrime_")
            assert other.startswith("pbmc_10x_chem:5':")
            assert barcode(cell) == barcode(other)


def test_unrelated_cells_are_not_found_and_one_laboratorys_study_is(chemistries, cache):
    found = corpus_fingerprints(chemistries)
    clean = audit("m", found, prepared("kang_stim", cache), load_card("kang_stim"))
    assert (clean.state, clean.n_exact, clean.n_near) == ("clean", 0, 0)
    related = audit("m", found, prepared("zheng_sorted", cache), load_card("zheng_sorted"))
    assert (related.state, related.n_exact, related.n_near) == ("study", 0, 0)
    assert related.studies == ("SRP073767",)


@pytest.mark.slow
def test_the_954_cells_of_kang_that_two_files_hold_are_found_and_no_other(cache, tmp_path):
    """Truth: barcodes of the control library; 1,195 of 1,287 and 8,205 genes in common."""
    data, stim = prepared("kang", cache), prepared("kang_stim", cache)
    stim.write_h5ad(tmp_path / "kang_stim.h5ad")
    entry = {"name": "kang_stim", "path": tmp_path / "kang_stim.h5ad", "batch": "batch", "study": ["GSE96583"]}
    build(CorpusConfig.model_validate({"name": "c", "h5ad": [entry]}), tmp_path / "c", cache)
    write_fingerprints(Corpus.open(tmp_path / "c"), tmp_path)
    matches = pairs(read_fingerprints(tmp_path), data)
    assert len(matches) == 954
    assert all(other == f"kang_stim:ctrl:{cell}" for cell, other in matches)
