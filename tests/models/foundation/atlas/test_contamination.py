"""Profiles of the benchmark's studies are refused, by whatever name the study goes."""

import pytest

from scarena.datasets.card import card_names, load_card
from scarena.models.foundation.atlas import contamination
from scarena.models.foundation.atlas.contamination import Refused, benchmark_studies, refusals, with_accessions
from scarena.models.foundation.atlas.listed import listed, studies_in

BENCHMARK = {"GSE84133": "baron_h1", "GSE67835": "darmanis_brain"}


@pytest.mark.parametrize(
    ("name", "accession"),
    [
        ("Baron", "GSE84133"), ("Baron et al., 2016", "GSE84133"), ("muraro", "GSE85241"),
        ("Darmanis 2015", "GSE67835"), ("doi:10.1016/j.cmet.2016.08.020", "E-MTAB-5061"),
        ("https://doi.org/10.1126/science.aah4573", "GSE94820"),
    ],
)  # fmt: skip
def test_an_author_or_a_doi_stands_for_the_study(name, accession):
    assert with_accessions([name]) == (name, accession)


@pytest.mark.parametrize("name", ["Baronova 2020", "Li 2017 fetal gonad", "Xin 2020", "GSE84134", "", "Kang 2024"])
def test_another_study_does_not(name):
    assert with_accessions([name]) == (name,)


def test_every_name_is_of_a_study_of_a_benchmark_card():
    assert set(contamination._CALLED) <= set(benchmark_studies())


def test_only_benchmark_cards_count():
    known = benchmark_studies()
    assert known["GSE84133"] == "baron_h1" and "E-MTAB-5061" in known
    others = {study for name in card_names() if (card := load_card(name)).role == "pretraining" for study in card.study}
    assert {"COMBAT-2022", "GSE128531"} <= others - set(known)


def test_profiles_are_refused_by_study_and_with_a_reason():
    found = refusals(
        ["c", "b", "a", "d"], [("Baron 2016",), ("gse84133 ", "x"), ("Enge 2017",), ("Darmanis",)], BENCHMARK
    )
    assert found == (
        Refused("of GSE67835, a study of the benchmark set darmanis_brain", ("d",)),
        Refused("of GSE84133, a study of the benchmark set baron_h1", ("b", "c")),
    )


def test_where_some_studies_are_named_a_profile_without_one_is_refused():
    (found,) = refusals(["a", "b"], [("Enge 2017",), ()], BENCHMARK)
    assert (found.reason, found.profiles) == ("of a study that the source does not name", ("b",))
    assert refusals(["a", "b"], [(), ()], BENCHMARK) == ()


def test_a_card_of_ones_own_is_a_benchmark_too(tmp_path):
    card = load_card("baron_h1").model_copy(update={"name": "own", "study": ("MINE1",)})
    (tmp_path / "own.yaml").write_text(card.model_dump_json(exclude_none=True))
    assert benchmark_studies(tmp_path)["MINE1"] == "own"


def test_no_file_of_the_library_is_of_a_benchmark_study():
    for row in listed("cell_profile_library"):
        assert refusals(["x"], [studies_in(row["study"])], benchmark_studies()) == ()


def test_an_atlas_drops_them_unless_told_otherwise(atlas_of, written, make_table):
    clean = written(make_table())
    baron = written(make_table(seed=1), "other", study=["Baron 2016"])
    atlas = atlas_of(clean, baron)
    assert atlas.sources == ("mine",) and len(atlas.obs) == 4
    refused = atlas.manifest["sources"][1]["refused"]
    assert [len(each["profiles"]) for each in refused] == [4] and "baron_h1" in refused[0]["reason"]
    kept = atlas_of(clean, baron, allow_contaminated=True)
    assert len(kept.obs) == 8
    # The audit compares accessions.
    assert kept.manifest["sources"][1]["study"] == ["Baron 2016", "GSE84133"]
