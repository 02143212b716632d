"""The four numbers of a gene are what they are called, and missing is never zero."""

import gzip
import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import CardError
from scarena.base.tissue_specificity import specificity
from scarena.datasets.gene_facts import COLLECTIONS, elsewhere, tissue_profiles

TP53, MYH6 = "ENSG00000141510", "ENSG00000197616"


def test_specificity_is_the_sum_that_yanai_wrote():
    rng = np.random.default_rng(0)
    profiles = np.log1p(rng.gamma(0.5, 20, (30, 7)))
    profiles[rng.random(profiles.shape) < 0.2] = np.nan
    for row, found in zip(profiles, specificity(profiles), strict=True):
        x = [value for value in row if not math.isnan(value)]
        assert found == pytest.approx(sum(1 - value / max(x) for value in x) / (len(x) - 1), abs=1e-12)


def test_specificity_has_its_ends_and_says_nothing_of_a_silent_gene():
    nan = np.nan
    profiles = np.array([[2, 2, 2], [0, 5, 0], [0, 0, 0], [nan, nan, nan], [nan, 3, nan], [nan, 3, 3.0]])
    assert np.array_equal(specificity(profiles), [0, 1, nan, nan, nan, 0], equal_nan=True)


def test_elsewhere_counts_in_the_other_collections_alone():
    facts = pd.DataFrame({"go_bp": [1, 2], "go_cc": [10, 20], "go_mf": [100, 200], "reactome": [1000, np.nan]})
    assert elsewhere(facts, [], "d").tolist()[0] == 1111
    assert elsewhere(facts, ["go_cc"], "d").tolist()[0] == 1101
    assert np.isnan(elsewhere(facts, ["go_cc"], "d")[1]), "missing is not zero"
    with pytest.raises(CardError, match="no collection 'kegg'"):
        elsewhere(facts, ["kegg"], "d")
    with pytest.raises(CardError, match="no collection is left"):
        elsewhere(facts, list(COLLECTIONS), "d")


def test_facts_are_of_all_genes_that_code_for_proteins(published, facts):
    assert len(facts) == 20_097 and facts.index.is_unique and facts.index.is_monotonic_increasing
    assert facts["mean_expression"].notna().sum() == 19_417
    assert facts[["symbol", "length", *COLLECTIONS]].notna().all(axis=None)
    assert facts["tau"].dropna().between(0, 1).all()
    assert facts.loc[TP53, "symbol"] == "TP53"
    # Ensembl: chromosome 17, 7,661,779 to 7,687,546.
    assert 10 ** facts.loc[TP53, "length"] == pytest.approx(7_687_546 - 7_661_779 + 1)
    assert facts.loc[MYH6, "tau"] > 0.85, "of the heart alone"


def test_mean_expression_and_specificity_are_as_alike_as_was_measured_before(published, facts):
    assert np.corrcoef(facts[["mean_expression", "tau"]].dropna().T)[0, 1] == pytest.approx(-0.946, abs=0.005)
    assert (facts["tau"] > 0.85).sum() / facts["tau"].notna().sum() == pytest.approx(0.19, abs=0.01)


def test_a_gene_is_in_as_many_sets_as_lines_name_it(published, facts):
    lines = (Path(os.environ["SCARENA_MIRROR"]) / "gene_tables/human_reactome_v2025.gmt").read_text().splitlines()
    for symbol in ("TP53", "UBC", "HBB", "OR4F5"):
        held = sum(symbol in line.split("\t")[2:] for line in lines)
        assert facts.loc[facts["symbol"] == symbol, "reactome"].tolist() == [held]


def test_profiles_are_the_logarithm_of_what_the_atlas_has(published, cache):
    found = tissue_profiles(cache=cache)
    assert found.shape == (19_670, 61) and found.isna().to_numpy().sum() == 19_406
    with gzip.open(Path(os.environ["SCARENA_MIRROR"]) / "gene_tables/RNAtableTissue.tsv.gz", "rt") as file:
        header, row = (line.rstrip("\n").split("\t") for line in (file.readline(), file.readline()))
    assert found.loc[row[0], header[5]] == pytest.approx(math.log1p(float(row[5])))
