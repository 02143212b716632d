"""Datasets of genes: what each card's files hold, with the facts and families of its genes."""

import json

import numpy as np
import pytest

from scarena.base.errors import CardError
from scarena.base.files import sha256_of
from scarena.datasets import prepare_genes as module
from scarena.datasets.card import card_names, load_card, parse_card
from scarena.datasets.gene_facts import COLLECTIONS, FACTS
from scarena.datasets.gene_readers import GeneReader, gene_reader_names
from scarena.datasets.gene_truth import read_gene_truth, write_gene_truth
from scarena.datasets.prepare import prepare
from scarena.datasets.prepare_genes import gene_summary, prepare_genes
from scarena.datasets.sources import pull

CARDS = [name for name in card_names() if load_card(name).kind == "genes"]
# Genes it lists (of sets: none), sets, members, newer, stated out, tissues, pairs.
EXPECTED = {
    "gene_go_bp": (0, 659, 76_471, 0, 0, 0, 0),
    "gene_go_cc": (0, 188, 30_336, 0, 0, 0, 0),
    "gene_go_mf": (0, 227, 33_777, 0, 0, 0, 0),
    "gene_reactome": (0, 285, 37_071, 0, 0, 0, 0),
    "gene_go_bp_since_2021": (0, 26, 6_278, 2_111, 0, 0, 0),
    "gene_disease_omim": (0, 104, 7_621, 0, 0, 0, 0),
    "gene_tissues_hpa": (17_146, 0, 0, 0, 0, 61, 0),
    "gene_dosage_tfs": (490, 1, 122, 0, 368, 0, 0),
    "gene_bivalent_lys4": (172, 1, 95, 0, 77, 0, 0),
    "gene_bivalent_unmethylated": (132, 1, 94, 0, 38, 0, 0),
    "gene_essential": (1_552, 1, 662, 0, 890, 0, 0),
    "gene_pairs_gene2vec": (12_059, 0, 0, 0, 0, 0, 276_555),
}


@pytest.fixture
def at_hand(published, facts, every_name, monkeypatch):
    """Facts and names that were made before are taken."""
    monkeypatch.setattr(module, "gene_facts", lambda **_: facts.copy())
    monkeypatch.setattr(module, "known_genes", lambda *_, **__: every_name)


def test_the_cards_are_those_that_are_expected():
    assert sorted(EXPECTED) == CARDS
    assert {load_card(name).reader.name for name in CARDS} == set(gene_reader_names())
    assert {load_card(card).reader.options["collection"] for card in COLLECTIONS.values()} == set(COLLECTIONS)
    for name in CARDS:
        card = load_card(name)
        assert card.role == "benchmark" and card.study and card.citation and card.notes, name
        assert all(file.sha256 and file.mirror and file.bytes for file in card.files), name


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_card_holds_what_its_source_says(name, at_hand, cache):
    truth = prepare_genes(load_card(name), cache=cache)
    n_genes, n_sets, *signs, n_tissues, n_pairs = EXPECTED[name]
    assert len(truth.genes) == (n_genes or 19_417) and len(truth.set_names) == n_sets
    assert [int((truth.sets.data == sign).sum()) for sign in (1, 2, -1)] == signs
    assert (len(truth.tissue_names), len(truth.pairs)) == (n_tissues, n_pairs) and np.isfinite(truth.tissues).all()
    assert truth.genes.index.is_unique and truth.genes.index.is_monotonic_increasing
    assert list(truth.genes) == ["symbol", "family", *FACTS]
    members = (truth.sets == 1).sum(axis=0)
    if "sets" in truth.targets:
        least, most = load_card(name).reader.options.get("sizes", (50, 500))
        assert members.min() >= least and members.max() <= most


@pytest.mark.parametrize("name", ["gene_go_cc", "gene_dosage_tfs", "gene_bivalent_lys4", "gene_tissues_hpa"])
def test_what_is_prepared_is_read_back_as_it_was(name, at_hand, cache, tmp_path):
    truth = prepare_genes(load_card(name), cache=cache)
    write_gene_truth(truth, tmp_path / "d.h5ad")
    found = read_gene_truth(tmp_path / "d.h5ad")
    assert found.genes.equals(truth.genes) and (found.sets != truth.sets).nnz == 0
    assert np.array_equal(found.tissues, truth.tissues) and np.array_equal(found.pairs, truth.pairs)
    assert (found.set_names, found.tissue_names, found.notes) == (truth.set_names, truth.tissue_names, truth.notes)
    assert parse_card(json.loads(found.card), "the file") == load_card(name)


def test_it_says_where_it_is_from_and_the_board_what_it_holds(at_hand, cache):
    card = load_card("gene_bivalent_lys4")
    truth = prepare_genes(card, cache=cache)
    sources = {key: sha256_of(path) for key, path in pull(card, cache=cache).items()}
    assert json.loads(truth.further["sources"]) == sources == {file.key: file.sha256 for file in card.files}
    said = gene_summary(truth)
    assert (said["n_cells"], said["n_genes"], said["n_sets"], said["n_pairs"], said["n_tissues"]) == (0, 172, 1, 0, 0)
    assert said["batches"] == said["types"] == {} and "1 genes are in both lists and left out" in said["notes"]
    assert json.loads(json.dumps(said)) == said


def test_a_dataset_does_not_count_its_own_collection(at_hand, facts, cache):
    own = prepare_genes(load_card("gene_go_cc"), cache=cache).genes["elsewhere"]
    counts = facts.loc[own.index]
    assert np.array_equal(own, counts["go_bp"] + counts["go_mf"] + counts["reactome"])
    classes = prepare_genes(load_card("gene_bivalent_lys4"), cache=cache).genes["elsewhere"]
    assert np.array_equal(classes, facts.loc[classes.index, list(COLLECTIONS)].sum(axis=1))


def test_what_nobody_knows_of_a_gene_is_missing_and_said(at_hand, facts, cache):
    truth = prepare_genes(load_card("gene_dosage_tfs"), cache=cache)
    lost = ~truth.genes.index.isin(facts.index)
    assert lost.sum() == 5 and truth.genes.loc[lost, list(FACTS)].isna().all(axis=None)
    assert truth.genes["symbol"].notna().all() and "5 of 490 genes have no length" in truth.notes


def test_a_family_is_the_same_in_every_dataset(at_hand, cache):
    first, second = (prepare_genes(load_card(f"gene_{name}"), cache=cache).genes for name in ("dosage_tfs", "go_mf"))
    shared = first.index.intersection(second.index)
    assert len(shared) > 400 and first.loc[shared, "family"].equals(second.loc[shared, "family"])
    assert first["family"].nunique() < len(first)


def test_cells_and_genes_are_prepared_each_by_its_own(cache, ontology):
    with pytest.raises(CardError, match="a dataset of cells"):
        prepare_genes(load_card("baron_h1"), cache=cache)
    with pytest.raises(CardError, match="a dataset of genes, without cells"):
        prepare(load_card("gene_go_cc"), cache=cache, ontology=ontology)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("gene_set", {}, "unknown reader of genes 'gene_set'; one of gene_lists, gene_pairs, gene_sets, gene_tissues"),
        ("gene_sets", {"file": "f", "size": [1, 2]}, "size"),
        ("gene_sets", {"file": "f", "sizes": 5}, "sizes"),
        ("gene_sets", {"file": "f", "jaccard": "half"}, "jaccard"),
        ("gene_sets", {"file": "f", "newer": {"genes": "symbol"}}, "newer.file"),
        ("gene_sets", {}, "file"),
        ("gene_sets", {"file": "g"}, "no file 'g'; there are: f"),
        ("gene_lists", {"positive": {"file": "f"}, "name": "x"}, "negative"),
        ("gene_lists", {"positive": {"file": "f"}, "negative": "f", "name": "x"}, "negative"),
        ("gene_pairs", {"pairs": []}, "pairs"),
        ("gene_tissues", {"file": "f", "genes": "uniprot"}, "genes"),
    ],
)
def test_a_card_that_asks_for_what_there_is_not_is_one_line(tmp_path, known, name, options, words):
    with pytest.raises(CardError) as caught:
        GeneReader(name, options, "dataset d").read({"f": tmp_path / "f"}, known)
    assert words in str(caught.value) and "dataset d" in str(caught.value) and "\n" not in str(caught.value)
