"""A fault in a model's vectors of genes is found by the check that names it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scarena.models.base import Context, ModelCard
from scarena.models.genes.bias import GeneBias, GeneExpression
from scarena.models.genes.random import GeneRandom
from scarena.models.of_genes import GeneModel
from scarena.testing import CHECKS
from scarena.testing.cells import asked_genes, gene_names
from scarena.testing.gene_checks import UNKNOWN
from scarena.testing.outcome import judged
from scarena.testing.trial import Trial

OF_GENES = [name for name in CHECKS if name.startswith("gene-")]
_TABLE = pd.DataFrame(np.random.default_rng(0).normal(size=(590, 3)), index=gene_names()[0][:590])


class Sound(GeneModel):
    card = ModelCard(name="sound", title="S", family="baseline", description="d", source="s", licence="MIT")

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        return _TABLE.loc[genes.index.intersection(_TABLE.index)]


class Holes(Sound):
    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        return super().gene_vectors(genes, ctx).where(lambda t: t > -2)


class Twice(Sound):
    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        found = super().gene_vectors(genes, ctx)
        return pd.concat([found, found.iloc[:1]])


class All(Sound):
    """It returns genes that nobody asked for."""

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        return pd.concat([super().gene_vectors(genes, ctx), _TABLE.rename(index=lambda g: f"x{g}").iloc[:2]])


class Writing(Sound):
    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        genes["symbol"] = "x"
        return super().gene_vectors(genes, ctx)


class Zeros(Sound):
    """It fills what it does not know."""

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        return _TABLE.reindex(genes.index).fillna(0.0)


class Drawing(Sound):
    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        found = super().gene_vectors(genes, ctx)
        return found + np.random.default_rng().normal(size=found.shape)


class Scaled(Sound):
    """It standardises over what is asked for."""

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        found = super().gene_vectors(genes, ctx)
        return (found - found.mean()) / found.std()


class ByRow(Sound):
    """It joins by place and not by name."""

    def gene_vectors(self, genes: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        found = super().gene_vectors(genes, ctx)
        return found.set_axis(found.index[::-1]) if len(found) == 590 and genes.index[0] in UNKNOWN else found


def _states(model: type[GeneModel], folder: Path) -> dict[str, str]:
    trial = Trial(model, folder)
    return {name: judged("m", name, lambda n=name: CHECKS[n].direct(trial)).state for name in OF_GENES}


@pytest.mark.parametrize(
    ("model", "broken"),
    [
        (Sound, set()), (Holes, {"gene-vectors"}), (Twice, {"gene-vectors"}),
        (All, {"gene-vectors"}), (Writing, {"gene-vectors"}), (Zeros, {"gene-unknown"}),
        (Drawing, {"gene-deterministic", "gene-alone"}), (Scaled, {"gene-alone"}), (ByRow, {"gene-alone"}),
    ],
)  # fmt: skip
def test_a_fault_is_found_by_its_check(model: type[GeneModel], broken: set[str], tmp_path: Path) -> None:
    states = _states(model, tmp_path)
    assert broken <= {name for name, state in states.items() if state == "failed"}
    if model is Sound:
        assert set(states.values()) == {"passed"}


@pytest.mark.parametrize("model", [GeneRandom, GeneBias, GeneExpression])
def test_baselines_that_need_no_file_keep_their_promises(model: type[GeneModel], tmp_path: Path) -> None:
    states = _states(model, tmp_path)
    assert "failed" not in states.values()
    assert states["gene-unknown"] == ("not applicable" if model is GeneRandom else "passed")


def test_a_model_of_cells_is_asked_for_none(tmp_path: Path) -> None:
    from scarena.models.controls.random_gaussian import Random2

    assert set(_states(Random2, tmp_path).values()) == {"not applicable"}


def test_genes_asked_for_have_their_facts_and_the_unknown_have_none() -> None:
    asked = asked_genes(UNKNOWN)
    assert len(asked) == 602 and asked["symbol"].notna().all()
    assert asked.loc[list(UNKNOWN)].drop(columns="symbol").isna().all(axis=None)
    assert asked.iloc[:600].notna().all(axis=None)
