"""Cards of files that cannot be had here: small files of the layout that they describe come out as they say.

What a made file cannot show is whether the published one has that layout; each card's notes say what was not verified.
"""

import gzip

import h5py
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csc_matrix, csr_matrix

from scarena.base.errors import CardError, DataError
from scarena.datasets.card import card_names, load_card, parse_card
from scarena.datasets.genes import gene_table
from scarena.datasets.prepare import prepare
from scarena.datasets.stored import is_stored

TISCH = [name for name in card_names() if name.startswith("tisch_")]
NOT_RUN = ["neurips2021_citeseq", "kang_2018", "tabula_sapiens_vasculature", *TISCH]


def of(name, **files):
    """Return the card with other files under its keys, and without their checksums."""
    raw = load_card(name).model_dump(mode="json")
    raw["files"] = [
        {"key": file["key"], "url": f"file:{files[file['key']]}", "unpack": file.get("unpack")} for file in raw["files"]
    ]
    return parse_card(raw, name)


@pytest.fixture
def symbols(cache):
    return sorted(gene_table(cache=cache).symbol_to_id)


@pytest.fixture
def bone_marrow(tmp_path, symbols):
    """A maker of the file of GSE194122: genes and proteins in one table, those that share a name ending in -1."""
    card, rng = load_card("neurips2021_citeseq"), np.random.default_rng(0)
    genes = [*(set(card.proteins) & set(symbols)), *symbols[:60]]
    proteins = [f"{name}-1" if name in genes else name for name in card.proteins]
    types = list(card.labels) * 4
    counts = csr_matrix(rng.poisson(1, (len(types), len(genes) + len(proteins))).astype(np.float32))

    def make(**more):
        obs = pd.DataFrame({"cell_type": types, "Site": np.resize(["site1", "site2"], len(types)), "DonorID": 15078})
        obs["batch"] = [f"s{site[-1]}d1" for site in obs["Site"]]
        var = pd.DataFrame({"feature_types": ["GEX"] * len(genes) + ["ADT"] * len(proteins)}, [*genes, *proteins])
        data = AnnData(csr_matrix(np.log1p(counts)), obs.set_index(obs.index.astype(str)), var.assign(**more))
        data.layers["counts"] = counts
        data.write_h5ad(tmp_path / "c.h5ad")
        path = tmp_path / "c.h5ad.gz"
        path.write_bytes(gzip.compress((tmp_path / "c.h5ad").read_bytes(), 1))
        return path

    return make, counts, len(genes)


def test_proteins_of_the_bone_marrow_set_are_read_beside_its_genes(bone_marrow, cache, ontology):
    make, counts, n_genes = bone_marrow
    data = prepare(of("neurips2021_citeseq", h5ad=make()), cache=cache, ontology=ontology)
    proteins = list(load_card("neurips2021_citeseq").proteins)
    assert list(data.uns["proteins"]) == proteins
    assert (data.obsm["proteins"] == counts[:, n_genes:].toarray()).all()
    assert data.X.sum() == counts[:, :n_genes].sum()
    assert set(data.obs["donor"]) == {"15078"} and data.obs["batch"].nunique() == 2
    assert data.obs["cell_type"].nunique() == 45


def test_they_are_the_same_where_the_counts_stay_on_disk(bone_marrow, cache, ontology, tmp_path, on_disk):
    make, counts, n_genes = bone_marrow
    card = of("neurips2021_citeseq", h5ad=make())
    data = prepare(card, cache=cache, ontology=ontology, store=tmp_path / "counts.h5")
    assert is_stored(data.X)
    assert (data.obsm["proteins"] == counts[:, n_genes:].toarray()).all()


def test_a_file_without_such_features_is_answered_with_those_it_has(bone_marrow, cache, ontology):
    make, _, _ = bone_marrow
    with pytest.raises(DataError, match=r"no feature has ADT in 'feature_types'.*values: GEX"):
        prepare(of("neurips2021_citeseq", h5ad=make(feature_types="GEX")), cache=cache, ontology=ontology)


def test_proteins_that_a_card_forgets_are_refused(bone_marrow, cache, ontology):
    make, _, _ = bone_marrow
    raw = of("neurips2021_citeseq", h5ad=make()).model_dump(mode="json")
    raw["proteins"].pop("LOX-1")
    with pytest.raises(CardError, match="the card does not name 'LOX-1'"):
        prepare(parse_card(raw, "d"), cache=cache, ontology=ontology)


def test_every_donor_of_kang_2018_is_on_both_sides(tmp_path, symbols, cache, ontology):
    card = load_card("kang_2018")
    n = 8 * len(card.labels) * 2
    obs = pd.DataFrame({"replicate": [f"patient_{i % 8}" for i in range(n)]}, index=[f"c{i}" for i in range(n)])
    obs["cell_type"], obs["label"] = np.repeat(list(card.labels), 16), np.tile(np.repeat(["ctrl", "stim"], 8), 8)
    counts = csr_matrix(np.random.default_rng(0).poisson(1, (n, 50)).astype(np.float32))
    AnnData(counts, obs, pd.DataFrame(index=symbols[:50])).write_h5ad(tmp_path / "k.h5ad")
    data = prepare(of("kang_2018", h5ad=tmp_path / "k.h5ad"), cache=cache, ontology=ontology)
    assert pd.crosstab(data.obs["donor"], data.obs["treated"]).shape == (8, 2)
    assert list(data.obs["treated"] == "yes") == list(obs["label"] == "stim")


def tisch(folder, card, counts, genes, base):
    """Write the two files of a TISCH set: logarithms of counts per 100,000, and a table of cells in another order."""
    cells = [f"c{i}" for i in range(len(counts))]
    scaled = counts / counts.sum(axis=1, keepdims=True) * 1e5
    values = csc_matrix((np.log2(scaled + 1) if base == 2 else np.log1p(scaled)).T.astype(np.float32))
    with h5py.File(folder / "e.h5", "w") as file:
        group = file.create_group("matrix")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(values, name)
        group["shape"], group["barcodes"] = values.shape, np.array(cells, "S")
        for name in ("id", "name"):
            group[f"features/{name}"] = np.array(genes, "S")
        group["features/feature_type"] = np.array(["Gene"] * len(genes), "S")
    sides = card.targets["malignant"]
    called = np.resize([*sides.yes, *sides.no], len(cells))
    table = pd.DataFrame({"Cell": cells, "UMAP_1": 0.5, "Celltype (malignancy)": called})
    table[card.reader.options["donor"]["column"]] = np.resize(["P1", "P2", "P3"], len(cells))
    table.iloc[::-1].to_csv(folder / "cells.tsv", sep="\t", index=False)
    return of(card.name, h5=folder / "e.h5", cells=folder / "cells.tsv")


@pytest.mark.parametrize("name", TISCH)
@pytest.mark.parametrize("base", [2, "e"])
def test_counts_behind_the_logarithms_of_tisch_come_back(tmp_path, symbols, cache, ontology, name, base):
    # A cell of 400 genes with no single count would be a rarity.
    counts = np.random.default_rng(0).poisson(1, (24, 400))
    data = prepare(tisch(tmp_path, load_card(name), counts, symbols[:400], base), cache=cache, ontology=ontology)
    assert data.X.sum() == counts.sum()
    assert list(data.obs["malignant"][:4]) == ["yes", "no", "no", "no"]
    assert data.obs["donor"].nunique() == 3
    assert ("log2(x + 1)" if base == 2 else "log1p") in " ".join(data.uns["notes"])


def test_values_of_tisch_that_are_no_logarithms_of_counts_are_refused(tmp_path, symbols, cache, ontology):
    values = np.random.default_rng(0).gamma(1, 1, (12, 50))
    with pytest.raises(DataError, match=r"no logarithms.*no whole multiples of their cell's least"):
        prepare(tisch(tmp_path, load_card("tisch_aml"), values, symbols[:50], 2), cache=cache, ontology=ontology)


@pytest.fixture
def vessels(tmp_path, symbols):
    """A maker of a file of Tabula Sapiens, with these types."""

    def make(*types):
        counts = csr_matrix(np.random.default_rng(0).poisson(1, (4 * len(types), 60)).astype(np.float32))
        obs = pd.DataFrame({"cell_ontology_class": types * 4, "donor": "TSP2"})
        obs["donor_assay"] = np.repeat(["TSP2_10X", "TSP2_smartseq2"], len(obs) // 2)
        AnnData(counts, obs.set_index(obs.index.astype(str)), pd.DataFrame(index=symbols[:60])).write_h5ad(
            tmp_path / "v.h5ad"
        )
        return of("tabula_sapiens_vasculature", h5ad=tmp_path / "v.h5ad")

    return make


def test_names_of_terms_need_no_map_and_the_card_has_the_exceptions(vessels, cache, ontology):
    data = prepare(vessels("Smooth muscle cell", "t cell", "pericyte cell"), cache=cache, ontology=ontology)
    terms = dict(zip(data.obs["cell_type"], data.obs["cell_type_id"], strict=True))
    assert terms == {"Smooth muscle cell": "CL:0000192", "t cell": "CL:0000084", "pericyte cell": "CL:0000669"}


def test_a_label_that_is_neither_a_term_nor_an_exception_is_named(vessels, cache, ontology):
    with pytest.raises(DataError, match="'vessel cell' is not on the card and no term of Cell Ontology v2026"):
        prepare(vessels("t cell", "vessel cell"), cache=cache, ontology=ontology)


@pytest.mark.parametrize("name", NOT_RUN)
def test_a_card_that_was_not_run_says_so_and_where_its_address_is_from(name):
    card = load_card(name)
    assert card.notes.startswith("Not run here: ")
    assert "ot verified" in card.notes
    assert all(file.url.startswith("https://") for file in card.files)


def test_every_protein_of_a_card_is_of_a_known_gene_or_of_none(symbols):
    for name in card_names():
        assert {gene for gene in load_card(name).proteins.values() if gene} <= set(symbols), name
