"""A configuration that cannot be built is one line that names the key."""

from pathlib import Path

import pytest

from scarena.base.errors import ConfigError
from scarena.models.foundation.atlas.config import read_config

ROOT = Path(__file__).parents[4]
TABLE = "tables: [{name: t, path: t.tsv, units: tpm}]"


@pytest.mark.parametrize("name", ["atlas", "atlas-hpa"])
def test_the_shipped_ones_are_read(name):
    assert read_config(ROOT / "config" / f"{name}.yaml").hpa is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: a", "name a source"),
        ("name: a\nhpaa: {}", "hpaa: Extra inputs"),
        (f"name: a\n{TABLE.replace('tpm', 'nTPM')}", "tables.0.units: Input should be 'counts', 'cpm', 'tpm'"),
        (f"name: a\n{TABLE.replace('}', ', species: mouse}')}", "tables.0.species: Input should be 'human'"),
        (f"name: a\n{TABLE.replace('}', ', labels: {x: beta}}')}", "tables.0.labels.x"),
        (f"name: a\n{TABLE[:-1]}, {{name: t, path: u.tsv, units: tpm}}]", "two sources are called 't'"),
        (f"name: a\n{TABLE.replace('name: t', 'name: hpa')}", "two sources are called 'hpa'"),
        ("name: a\nh5ad: [{name: t, path: x}]", "h5ad.0.label: Field required"),
        ("name: a\ncensus: {version: stable, value_filter: x}", "census.version"),
        ("- a", "file: Input should be"),
        ("name: [", "cannot be read"),
    ],
)
def test_another_is_refused(text, said, tmp_path):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"c\.yaml") as caught:
        read_config(tmp_path / "c.yaml")
    assert said in str(caught.value)


def test_the_manifest_says_nothing_of_the_folders_of_whoever_built_it(tmp_path):
    (tmp_path / "c.yaml").write_text(f"name: a\n{TABLE.replace('t.tsv', '/home/me/t.tsv')}")
    assert read_config(tmp_path / "c.yaml").told()["tables"][0]["path"] == "t.tsv"
