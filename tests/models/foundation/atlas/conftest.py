"""Small tables of profiles by hand, and the atlases made of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scarena.models.foundation.atlas.build import build_atlas
from scarena.models.foundation.atlas.config import AtlasConfig
from scarena.models.foundation.atlas.profiles import Profiles

LABELS = ("B cell", "hepatocyte", "astrocyte", "something else")


def table_of(n_genes: int = 300, labels: tuple[str, ...] = LABELS, first: int = 0, seed: int = 0) -> pd.DataFrame:
    """Return linear profiles, genes × profiles, as uneven as those of cells."""
    values = np.random.default_rng(seed).lognormal(1.0, 2.0, (n_genes, len(labels)))
    return pd.DataFrame(values, index=[f"ENSG{first + i:011d}" for i in range(n_genes)], columns=list(labels))


@pytest.fixture(scope="session")
def make_table() -> Callable[..., pd.DataFrame]:
    return table_of


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., dict[str, object]]:
    """A function that writes a table and returns its entry of the configuration."""

    def write(table: pd.DataFrame, name: str = "mine", **more: object) -> dict[str, object]:
        path = tmp_path / f"{name}.tsv"
        table.to_csv(path, sep="\t")
        return {"name": name, "path": path, "units": "linear", "study": [f"study of {name}"], **more}

    return write


@pytest.fixture
def atlas_of(cache: Path, tmp_path: Path) -> Callable[..., Profiles]:
    """A function that builds an atlas of tables."""

    def build(*tables: dict[str, object], **more: object) -> Profiles:
        config = AtlasConfig.model_validate({"name": "a", "tables": list(tables), **more})
        return build_atlas(config, cache, own=tmp_path / "cards")

    return build
