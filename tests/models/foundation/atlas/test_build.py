"""Properties of an atlas: what is missing stays missing, names join, and the order of anything is of no influence."""

import numpy as np
import pytest

from scarena.base.errors import DataError
from scarena.models.foundation.atlas.store import write_atlas


def row(atlas, name):
    return dict(zip(atlas.genes, atlas.values[atlas.obs.index.get_loc(name)], strict=True))


def test_a_profile_adds_up_to_ten_thousand_over_the_genes_of_its_source(atlas_of, written, make_table):
    atlas = atlas_of(written(make_table()), written(make_table(200, first=100, seed=1), "other", units="cpm"))
    assert np.allclose(atlas.values.sum(axis=1), 10_000, rtol=1e-5)
    assert atlas.values.dtype == np.float32
    table = make_table()["hepatocyte"]
    expected = table / table.sum() * 10_000
    assert np.allclose([row(atlas, "mine:hepatocyte")[gene] for gene in table.index], expected, rtol=1e-5)


def test_a_gene_that_a_source_lacks_is_missing_and_not_zero(atlas_of, written, make_table):
    first = make_table()
    first.iloc[0] = 0.0
    atlas = atlas_of(written(first), written(make_table(200, first=200, seed=1), "other"))
    assert len(atlas.genes) == 400
    by_profile = dict(zip(atlas.obs["source"], atlas.measured_by_profile(), strict=True))
    assert [by_profile[name].sum() for name in ("mine", "other")] == [300, 200]
    # A zero that was measured, and one that was not.
    assert atlas.measured[0, 0] and not atlas.values[:4, 0].any()
    assert not atlas.measured[1, 0] and not atlas.values[4:, 0].any()


def test_the_order_of_sources_profiles_and_genes_is_of_no_influence(atlas_of, written, make_table, tmp_path):
    a, b = make_table(), make_table(200, first=100, seed=1)
    one = atlas_of(written(a), written(b, "other"))
    other = atlas_of(written(b.iloc[::-1], "other"), written(a.iloc[::-1, ::-1]))
    assert one.genes == other.genes and one.sources == other.sources
    assert one.obs.equals(other.obs)
    assert np.array_equal(one.measured, other.measured)
    assert np.allclose(one.values, other.values, rtol=1e-6)


def test_profiles_may_stand_in_rows_and_genes_go_by_symbol(atlas_of, written, make_table, cache):
    from scarena.datasets.genes import gene_table

    table = make_table(40)
    table.index = list(gene_table(cache=cache).symbol_to_id)[5000:5040]
    as_rows = written(table.T, "rows", orientation="profiles_by_genes")
    atlas = atlas_of(written(table, "columns"), as_rows)
    assert np.allclose(atlas.values[:4], atlas.values[4:])
    assert set(atlas.symbols) == set(table.index)


def test_two_names_of_one_gene_are_added(atlas_of, written, make_table):
    table = make_table()
    twice = table.set_axis([*table.index[:-1], f"{table.index[0]}.7"])
    atlas = atlas_of(written(twice))
    assert len(atlas.genes) == 299
    expected = (table.iloc[0] + table.iloc[-1]) / table.sum() * 10_000
    assert np.allclose([row(atlas, f"mine:{name}")[table.index[0]] for name in table], expected, rtol=1e-5)


def test_terms_are_given_or_exact_and_never_guessed(atlas_of, written, make_table):
    labels = ("B cells", "T.cell", "beta thing", "x", "mono")
    entry = written(make_table(labels=labels), labels={"x": "CL:0000235", "T.cell": None})
    obs = atlas_of(entry).obs
    assert dict(zip(obs["label"], obs["term"], strict=True)) == {
        "B cells": "CL:0000236", "T.cell": "", "beta thing": "", "x": "CL:0000235", "mono": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "more", "said"),
    [
        (lambda t: t.set_axis([f"ENSMUSG{i:011d}" for i in range(len(t))]), {}, "these are genes of mouse"),
        (lambda t: t.set_axis([f"Gnat{i}" for i in range(len(t))]), {}, "they look like genes of mouse or rat"),
        (lambda t: t.set_axis([f"P{i}" for i in range(len(t))]), {}, "no gene is known"),
        (lambda t: t.set_axis(["a", "b", "a", "c"], axis=1), {}, "1 profiles have the name of another .first: 'a'"),
        (lambda t: t.assign(**{"B cell": 0.0}), {}, "1 profiles have no expression of a known gene .first: 'B cell'"),
        (lambda t: t.assign(**{"B cell": "high"}), {}, "'B cell' holds no numbers"),
        (lambda t: t[["B cell"]], {}, "one cell type alone .'B cell'"),
        (lambda t: t.mask(t > t.iloc[5, 1]), {}, "values are NaN or infinite"),
        (lambda t: t - 5, {}, "negative values"),
        (lambda t: np.log1p(t / t.sum() * 1e4), {}, "the values are logarithms"),
        (lambda t: t, {"study": ["Darmanis"]}, "no profile is left, all are refused .of GSE67835"),
        (lambda t: t, {"orientation": "profiles_by_genes"}, "are genes .*`orientation: genes_by_profiles`"),
        (lambda t: t.T, {}, "are genes .*`orientation: profiles_by_genes`"),
        (lambda t: t, {"labels": {"T cell": "CL:0000084"}}, "no profile is called 'T cell'"),
    ],
)
def test_a_bad_table_is_one_typed_line(change, more, said, atlas_of, written, make_table):
    with pytest.raises(DataError, match=said) as caught:
        atlas_of(written(change(make_table()), **more))
    assert "mine" in str(caught.value) or "atlas a" in str(caught.value)


def test_sources_without_a_gene_in_common_are_refused(atlas_of, written, make_table):
    with pytest.raises(DataError, match="atlas a: mine: has no gene in common with the other sources"):
        atlas_of(written(make_table()), written(make_table(first=5000), "other"))


def test_genes_of_a_dataset_are_found_and_a_panel_of_other_genes_is_refused(atlas_of, written, make_table):
    atlas = atlas_of(written(make_table()))
    assert atlas.places(["ENSG00000000002", "ENSG00000099999"], "d").tolist() == [2, -1]
    with pytest.raises(DataError, match="d: none of 1 genes is among the 300 of the atlas a"):
        atlas.places(["ENSMUSG00000000001"], "d")


def test_the_manifest_says_where_everything_is_from(atlas_of, written, make_table, tmp_path):
    atlas = atlas_of(written(make_table(), url="https://x/t.tsv", licence="CC0", citation="me"))
    (about,) = atlas.manifest["sources"]
    assert about["files"][0]["url"] == "https://x/t.tsv" and len(about["files"][0]["sha256"]) == 64
    assert (about["licence"], about["citation"], about["units"]) == ("CC0", "me", "linear")
    assert (about["study"], about["genes"], about["profiles"]) == (
        ["study of mine"],
        {"published": 300, "known": 300},
        4,
    )
    sums = make_table().sum()
    assert about["sums_found"]["least"] == pytest.approx(sums.min(), rel=1e-4)
    assert str(tmp_path) not in str(atlas.manifest)
    write_atlas(atlas, tmp_path / "x.h5ad")


def test_profiles_with_a_word_are_left_out_and_counted(atlas_of, written, make_table):
    whole = atlas_of(written(make_table()), written(make_table(200, seed=1), "other", tissue="the Liver"))
    words = ["liver", "hepato"]
    some = atlas_of(
        written(make_table()), written(make_table(200, seed=1), "other", tissue="the Liver"), leave_out=words
    )
    assert set(whole.obs["source"]) == {"mine", "other"}
    assert set(some.obs["source"]) == {"mine"}
    assert set(whole.obs["label"]) - set(some.obs["label"]) == {"hepatocyte"}
    assert set(some.genes) <= set(whole.genes)
    notes = [note for each in some.manifest["sources"] for note in each["notes"]]
    assert "1 profiles left out by leave_out" in notes and "4 profiles left out by leave_out" in notes
