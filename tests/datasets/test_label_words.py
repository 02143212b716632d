"""Labels that mean the same have the same words, however they are written."""

import unicodedata

import pytest

from scarena.datasets.label_words import loose, words
from scarena.datasets.no_type import why_no_type


def same(*labels):
    return len({words(label) for label in labels}) == 1


@pytest.mark.parametrize(
    "labels",
    [
        # Case, where it is no sign of a plural.
        ("B CELL", "B cell", "b cell"),
        ("Macrophage", "MACROPHAGE", "macrophage"),
        ("natural killer cell", "Natural Killer Cell", "NATURAL KILLER CELL"),
        # Plurals.
        ("macrophages", "macrophage"),
        ("T cells", "T cell"),
        ("DCs", "DC"),
        ("HSPCs", "HSPC"),
        ("biliary capillaries", "biliary capillary"),
        # Punctuation and blanks.
        ("T-cell", "T cell", "T_cell", "T.cell", "T  cell", "T\u00a0cell", "(T) cell"),
        ("NK/T cell", "NK T cell", "NK|T cell"),
        ("Type II pneumocyte", "type-2 pneumocyte", "type 2 pneumocytes"),
        # Signs of molecules.
        ("CD4+ T cell", "CD4-positive T cell", "CD4pos T cell", "CD4⁺ T cell", "CD4 T cell"),
        ("CD25- T cell", "CD25-negative T cell", "CD25neg T cell", "CD25⁻ T cell", "CD25− T cell"),
        ("CD56bright NK", "CD56-bright NK", "CD56 bright NK"),
        ("CD14lo monocyte", "CD14-low monocyte", "CD14low monocyte"),
        ("CD4+/CD45RA+/CD25- T", "CD4-positive, CD45RA-positive, CD25-negative T"),
        # Greek letters.
        ("αβ T cell", "alpha-beta T cell", "α/β T cell"),
        ("γδT", "gamma-delta T", "γδ T"),
        ("pancreatic β-cell", "pancreatic beta cell", "Pancreatic Β cell".replace("Β", "β")),
        ("IFN-γ", "IFN gamma", "IFN-gamma"),
        # "cells", with the word before or not.
        ("Tcells", "T cells", "TCells"),
        ("BCell", "B cell", "Bcell"),
        ("stemcells", "stem cell", "stem cells"),
        # Words that are written as one, accents, and British spelling.
        ("EndothelialCells", "endothelial cell", "endothelial-cells"),
        ("Müller glia", "Muller glia", unicodedata.normalize("NFD", "Müller glia")),
        ("haematopoietic", "hematopoietic", "Haematopoietic"),
        ("oesophageal", "esophageal", "OESOPHAGEAL"),
        ("T helper2", "T-helper 2", "T helper 2"),
    ],
)
def test_what_means_the_same_has_the_same_words(labels):
    assert same(*labels), {label: words(label) for label in labels}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CD25+ T", "CD25- T"),
        ("CD14+ monocyte", "CD14-low monocyte"),
        ("B cell", "T cell"),
        ("type 1 cell", "type 2 cell"),
        ("alpha cell", "beta cell"),
        ("CD4 T", "CD45 T"),
        ("pDC", "p DC"),
    ],
)
def test_what_means_another_thing_has_other_words(one, other):
    assert words(one) != words(other)


@pytest.mark.parametrize(
    "labels",
    [("Dendritic", "dendritic cells"), ("T_CD4", "CD4+ T cells"), ("Mono_CD14", "CD14+ Mono"), ("B", "B cell")],
)
def test_neither_order_nor_the_word_cell_tells_types_apart(labels):
    assert len({loose(words(label)) for label in labels}) == 1


@pytest.mark.parametrize("text", ["", "  ", "+", "-", "()", "\u200b", "…", "\n"])
def test_text_without_words_has_none(text):
    assert words(text) == ()


@pytest.mark.parametrize(
    "label",
    [
        "",
        "unknown",
        "Unassigned",
        "NaN",
        "n/a",
        "None",
        "not_available",
        "Unlabelled cells",
        "unlabeled",
        "?",
        "Other",
        "mixed",
    ],
)
def test_what_means_unlabelled_says_so(label):
    assert why_no_type(label) == "means unlabelled"


@pytest.mark.parametrize("label", ["0", "12", "c1", "Cluster 3", "leiden_12", "seurat-5", "Cluster_0.5", "3.1", "C12"])
def test_what_looks_like_the_number_of_a_cluster_says_so(label):
    assert "cluster" in why_no_type(label)


@pytest.mark.parametrize("label", ["Doublets", "low quality", "Low-quality cells", "dead cells", "debris"])
def test_cells_of_poor_quality_are_of_no_type(label):
    assert "poor quality" in why_no_type(label)


@pytest.mark.parametrize(
    "label", ["B", "T1", "ILC2", "Th17", "L2/3 IT", "NK.1", "type 2 pneumocyte", "cDC1", "B1", "mast", "unknown T cell"]
)
def test_short_names_of_types_are_no_clusters(label):
    assert why_no_type(label) == ""
