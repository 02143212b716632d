"""The atlases that are published: what their columns mean, and what is left of them."""

import os

import numpy as np
import pytest

from scarena.base.errors import ConfigError
from scarena.models.foundation.atlas import cell_profile_library, human_cell_landscape
from scarena.models.foundation.atlas.build import build_atlas, default_atlas
from scarena.models.foundation.atlas.config import AtlasConfig
from scarena.models.foundation.atlas.human_cell_landscape import row_of

mirrored = pytest.mark.skipif(
    "SCARENA_MIRROR" not in os.environ, reason="needs SCARENA_MIRROR, a folder of published files"
)


def test_the_default_is_the_protein_atlas_and_needs_a_package_index_alone(cache, monkeypatch):
    monkeypatch.delenv("SCARENA_MIRROR", raising=False)
    atlas = default_atlas(cache)
    assert atlas.values.shape == (81, 20_082) and atlas.measured.all()
    obs, symbol = atlas.obs.set_index("label"), dict(zip(atlas.symbols, range(20_082), strict=True))
    assert atlas.obs["label"].iloc[atlas.values[:, symbol["INS"]].argmax()] == "Pancreatic endocrine cells"
    assert atlas.obs["label"].iloc[atlas.values[:, symbol["ALB"]].argmax()] == "Hepatocytes"
    assert obs["term"]["Hepatocytes"] == "CL:0000182" and (obs["term"] != "").sum() > 40
    assert not atlas.manifest["sources"][0]["refused"]


COLUMNS = """
Macrophage_AdultAdrenalGland1-1             | Macrophage             | Macrophage          | adrenal gland     | adult | GSE134355
B cell (Plasmocyte)_Adult-TransverseColon1  | B cell (Plasmocyte)    | B cell (Plasmocyte) | transverse colon  | adult | GSE134355
Astrocyte_ SLC1A2 high_AdultBrain_Lake      | Astrocyte_ SLC1A2 high | Astrocyte           | brain             | adult | GSE97930
Neutrophil_DEFA3 high&#10;_FetalRib3         | Neutrophil_DEFA3 high  | Neutrophil          | rib               | fetal | GSE134355
Stromal cell_MT gene_high__AdultLung1       | Stromal cell_MT gene_high | Stromal cell     | lung              | adult | GSE134355
GMP_Lympho-MyeloidProgenitor_Paresh         | GMP                    | GMP                 | lympho-myeloid progenitor | | GSE100618
Basal_ACTA2 high_BreastEpithelium_Nguyen    | Basal_ACTA2 high       | Basal               | breast epithelium | adult | GSE113197
Dendritic cell_Placenta-1                   | Dendritic cell         | Dendritic cell      | placenta          |       | GSE134355
MLP_BoneMarrow_CordBloodCD34P1              | MLP_BoneMarrow         | MLP_BoneMarrow      | cord blood CD34P  |       | GSE134355
"""  # noqa: E501


@pytest.mark.parametrize("line", COLUMNS.strip().splitlines())
def test_a_column_of_the_landscape_says_type_organ_and_study(line):
    column, *found = (each.strip() for each in line.split("|"))
    row = row_of(column)
    assert [row.label, row.plain, row.tissue, row.stage, row.study[-1]] == found
    assert row.name == column


@pytest.mark.parametrize("column", ["ES_TERF1 high_ES", "4-cell embryo_PreimplantationEmbryo"])
def test_two_samples_of_the_landscape_are_of_no_known_study(column):
    assert row_of(column).study == ()


def test_a_file_that_the_library_has_not_is_answered_with_the_nearest(cache):
    with pytest.raises(ConfigError, match=r"no file 'Adult/Lung_HCC'; did you mean 'Adult/Lung_HCA'\?"):
        next(cell_profile_library.published(["Adult/Lung_HCC"], cache))
    assert len(cell_profile_library.known_files()) == 29


@pytest.fixture(scope="module")
def landscape(cache):
    return human_cell_landscape.published(cache)


@mirrored
def test_the_landscape_is_kept_without_the_studies_of_the_benchmark(landscape, cache):
    library = cell_profile_library.published(["Adult/Pancreas_HCA", "Fetal/Thymus_Descartes"], cache)
    atlas = build_atlas(
        AtlasConfig.model_validate({"name": "a", "human_cell_landscape": {}}), cache, given=[landscape, *library]
    )
    about = {each["name"]: each for each in atlas.manifest["sources"]}["human_cell_landscape"]
    refused = {each["reason"].split(",")[0]: len(each["profiles"]) for each in about["refused"]}
    assert refused == {
        "of E-MTAB-5061": 13, "of GSE84133": 14, "of GSE85241": 10, "of GSE94820": 10,
        "of a study that the source does not name": 9,
    }  # fmt: skip
    assert about["profiles"] == 1393 - 56 and atlas.manifest["all_studies"]
    assert not atlas.obs.index.str.contains("_(?:Baron|Segerstolpe|Muraro|Villani)$").any()
    assert len(atlas.obs) == 1337 + 6 + 5
    sums = atlas.values.sum(axis=1)
    assert np.allclose(sums, 10_000, rtol=1e-4)
    pancreas = atlas.obs["source"] == "cell_profile_library/Adult/Pancreas_HCA"
    assert atlas.obs["term"][pancreas].ne("").all() and set(atlas.obs["tissue"][pancreas]) == {"pancreas"}
    # Each file has a panel of its own.
    assert len({row.sum() for row in atlas.measured}) == 3
    assert all(not atlas.values[row][~panel].any() for row, panel in enumerate(atlas.measured_by_profile()))
