"""What cannot be benchmarked is refused in one line; what can comes out in the one canonical form."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError, NotAvailable, ScarenaError
from scarena.datasets.card import card_names, load_card, parse_card
from scarena.datasets.genes import gene_table
from scarena.datasets.prepare import prepare
from scarena.datasets.prepared import read_prepared, write_prepared

# Cells × genes published, batches, types: of every set whose card this project ships, as its source describes it.
EXPECTED = {
    "baron_h1": (1937, 3, 14),
    "li_lines": (561, 3, 7),
    "pollen": (301, 1, 10),
    "pancreas": (2812 + 702 + 1642, 6, 6),
    "kang": (12261, 8, 8),
    "kang_stim": (2000, 2, 1),
    "pbmc_10x_symphony": (1200, 3, 9),
    "zheng_sorted": (3874, 1, 10),
    "darmanis_brain": (420, 12, 8),
    "sc_mixology_10x": (3918 + 895, 2, 5),
    "papalexi_thp1": (20729, 3, 26),
    # 147 cells have none of the 141 genes.
    "allen_m1_markers": (76533 - 147, 2, 8),
    "pbmc68k_reduced": (700, 3, 10),
    "pc9_erlotinib": (1136 + 380, 2, 1),
    "covid_combat": (4591, 6, 1),
    "frozen_pbmc_a": (2896, 1, 1),
    "pbmc_10x_chem": (2860, 3, 1),
    "pbmc3k": (2700, 1, 1),
    "malt_tumour": (2100, 1, 1),
    "skin_ctcl": (1800, 6, 1),
    "celltypist_demo": (559, 1, 1),
    "ipsc_diff": (315, 5, 1),
    "tumour_copykat": (302, 1, 1),
    "aml_marrow": (3620, 16, 15),
    "aml_malignant": (12811, 18, 15),
    "cancer_colon_10x": (624, 14, 1),
    "cancer_atc2_thyroid": (173, 1, 1),
    "cancer_two": (2402, 18, 1),
    # One of 550 is a monocyte.
    "drug_melanoma_icb": (549, 19, 7),
    "gbm_panobinostat": (5000, 5, 1),
    "pc9_treated": (1136 + 380, 1, 1),
    "citeseq_citefuse": (500, 4, 1),
    # 29 human cells are of types that mouse has not.
    "species_pancreas": (180 + 255 - 29, 2, 9),
    "starmap_mpfc": (3704 - 526, 3, 15),
    "olfactory_bulb": (262, 1, 1),
}
IN_WHEELS = {"baron_h1", "li_lines", "pollen", "celltypist_demo", "pbmc68k_reduced"}


@pytest.fixture
def dataset(cells, tmp_path, cache):
    """A maker of cards for an h5ad of a few cells, to be spoilt by a test."""
    symbols = sorted(gene_table(cache=cache).symbol_to_id)
    cells.var_names = symbols[: cells.n_vars]
    cells.X = cells.X.astype(np.float32)

    def make(**more):
        cells.write_h5ad(tmp_path / "d.h5ad")
        labels = {"type0": "CL:0000236", "type1": "CL:0000084", "type2": None}
        raw = {
            "name": "d", "title": "d", "description": "d", "labels": labels,
            "files": [{"key": "h5ad", "url": f"file:{tmp_path / 'd.h5ad'}"}],
            "reader": {"name": "h5ad", "options": {"batch": "batch", "label": "cell_type"}}, **more,
        }  # fmt: skip
        return prepare(parse_card(raw, "test"), cache=cache)

    return cells, make


def test_the_canonical_form(dataset, tmp_path):
    cells, make = dataset
    data = make()
    assert isinstance(data.X, csr_matrix) and data.X.dtype == np.int32
    assert list(data.obs) == ["batch", "cell_type", "cell_type_id", "donor", "tissue", "assay"]
    assert list(data.obs_names) == list(cells.obs_names)
    assert all(name.startswith("ENSG") for name in data.var_names)
    assert set(data.obs["cell_type_id"]) == {"CL:0000236", "CL:0000084", ""}
    write_prepared(data, tmp_path / "p.h5ad")
    back = read_prepared(tmp_path / "p.h5ad")
    assert (back.X != data.X).nnz == 0
    assert back.uns["cl_release"] == data.uns["cl_release"]


def spoil_nan(cells):
    cells.X.data[3] = np.nan


def spoil_negative(cells):
    cells.X.data[3] = -1


def spoil_fraction(cells):
    cells.X.data[3] = 0.5


def spoil_names(cells):
    cells.obs_names = ["same", "same", *cells.obs_names[2:]]


def spoil_batch(cells):
    cells.obs["batch"] = "one"


def spoil_label(cells):
    cells.obs["cell_type"] = "type0"


def spoil_unknown_label(cells):
    cells.obs["cell_type"] = ["other", *cells.obs["cell_type"][1:]]


def spoil_missing_batch(cells):
    cells.obs["batch"] = [None, *cells.obs["batch"][1:]]


def spoil_genes(cells):
    cells.var_names = [f"none{i}" for i in range(cells.n_vars)]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_nan, "NaN"),
        (spoil_negative, "negative"),
        (spoil_fraction, "not integer counts"),
        (spoil_names, "occur twice"),
        (spoil_batch, "one batch"),
        (spoil_label, "one cell type"),
        (spoil_unknown_label, "'other' is not on the card"),
        (spoil_missing_batch, "have no batch"),
        (spoil_genes, "no gene is known"),
    ],
)
@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_bad_input_is_one_line_with_the_file_and_what_to_do(dataset, spoil, words):
    cells, make = dataset
    spoil(cells)
    with pytest.raises(DataError, match=words) as caught:
        make()
    assert "d.h5ad" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.fix


def test_expected_counts_are_rounded_only_where_the_card_says_so(dataset):
    cells, make = dataset
    spoil_fraction(cells)
    assert make(counts="expected").X.dtype == np.int32


def test_an_unknown_term_is_refused(dataset):
    _, make = dataset
    with pytest.raises(ScarenaError, match="CL:9999999"):
        make(labels={"type0": "CL:9999999", "type1": None, "type2": None})


def test_a_wrong_column_is_named_with_those_there_are(dataset):
    _, make = dataset
    with pytest.raises(DataError, match=r"'nope'.*cell_type"):
        make(reader={"name": "h5ad", "options": {"batch": "nope", "label": "cell_type"}})


@pytest.mark.parametrize("keep", [10, 3000])
def test_a_truncated_h5ad_without_a_checksum_is_refused(dataset, tmp_path, keep, cache):
    _, make = dataset
    make()
    path = tmp_path / "e.h5ad"
    path.write_bytes((tmp_path / "d.h5ad").read_bytes()[:keep])
    with pytest.raises(DataError, match="not a readable"):
        make(files=[{"key": "h5ad", "url": f"file:{path}"}])


def test_an_h5ad_that_reads_from_another_file_is_refused(dataset, tmp_path):
    import h5py

    _, make = dataset
    make()
    with h5py.File(tmp_path / "e.h5ad", "w") as file:
        file["X"] = h5py.ExternalLink(str(tmp_path / "d.h5ad"), "/X")
    with pytest.raises(DataError, match="links to another file"):
        make(files=[{"key": "h5ad", "url": f"file:{tmp_path / 'e.h5ad'}"}])


def test_duplicate_genes_are_summed_and_the_loss_is_recorded(dataset):
    cells, make = dataset
    names = list(cells.var_names)
    cells.var_names = [names[0], names[0], "no-such-gene", *names[3:]]
    total = int(cells.X[:, :2].sum())
    data = make()
    gene = gene_table(cache=Path(os.environ.get("SCARENA_CACHE", ".cache"))).symbol_to_id[names[0]]
    assert int(data[:, gene].X.sum()) == total
    assert data.uns["genes"]["merged"] == 1
    assert 0 < data.uns["genes"]["share_lost"] < 0.01


# The largest tables take as long as all the others; cancer_two reads four of the donors of the two of leukaemia.
LARGEST = {"pc9_erlotinib", "pc9_treated", "aml_malignant", "aml_marrow"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.soak] * (name in LARGEST)) for name in sorted(EXPECTED)]
)
def test_every_set_is_what_its_source_says(name, cache, ontology):
    if name not in IN_WHEELS and not os.environ.get("SCARENA_MIRROR"):
        pytest.skip("needs the published files: set SCARENA_MIRROR")
    try:
        data = prepare(load_card(name), cache=cache, ontology=ontology)
    except NotAvailable as reason:
        pytest.skip(str(reason))
    assert (data.n_obs, data.obs["batch"].nunique(), data.obs["cell_type"].nunique()) == EXPECTED[name]
    assert data.X.min() >= 0
    # AML counts ribosomal RNA, and names mitochondrial genes in its own way.
    assert data.uns["genes"]["share_of_counts_lost"] < (0.14 if name.startswith("aml_") else 0.12)


@pytest.mark.parametrize("name", card_names())
def test_every_card_names_terms_that_exist_and_labels_or_a_reason(name, ontology):
    card = load_card(name)
    if card.kind == "genes":
        assert not card.labels and card.study, "genes have no cell types"
        return
    if card.kind == "response":
        assert card.study and card.response, "what was done to a cell is no type"
        return
    terms = [term for term in card.labels.values() if term]
    assert all(ontology.resolve(term) in ontology.names for term in terms)
    assert card.role == "pretraining" or card.labels
    if card.labels and not terms:
        assert "ontology" in card.not_applicable
    assert card.study


def test_no_pretraining_set_shares_a_study_with_a_benchmark_set_unless_its_notes_say_so():
    cards = [load_card(name) for name in card_names()]
    scored = {study for card in cards if card.role == "benchmark" for study in card.study}
    shared = {card.name: card.notes for card in cards if card.role == "pretraining" and scored & set(card.study)}
    doubts = {"frozen_pbmc_a": "zheng_sorted", "pbmc3k": "pbmc_10x_symphony", "pbmc_10x_chem": "pbmc_10x_symphony"}
    assert set(shared) == set(doubts)
    assert all(doubts[name] in notes for name, notes in shared.items())
