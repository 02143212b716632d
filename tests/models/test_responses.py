"""What a model of responses is told: the training of its split and its own controls, nothing of what is asked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import ModelError, NotApplicable
from scarena.datasets.gene_facts import FACTS
from scarena.datasets.response_truth import ResponseTruth, Split
from scarena.models.base import Context, ModelCard
from scarena.models.of_responses import ResponseModel
from scarena.models.predictions import predictions
from scarena.models.responses import Seen, seen_of, targets_of

GENES, NAMES = ("ENSG1", "ENSG2", "ENSG3"), ("a", "b", "c", "d")
SPLITS = (Split("fold 0", "fold", ("c", "d"), ("b", "a")), Split("fold 1", "fold", ("a", "b"), ("c", "d")))


@pytest.fixture
def truth() -> ResponseTruth:
    """Four profiles of three genes, every array with values of its own."""
    arrays = {
        name: np.arange(12, dtype=np.float32).reshape(4, 3) + 100 * place
        for place, name in enumerate(("observed", "whole", "duplicate"))
    }
    profiles = pd.DataFrame({
        "perturbation": NAMES, "context": "x", "targets": ["ENSG1", "ENSG1+ENSG9", "", "ENSG3"], "n_cells": 0,
        "reproducibility": np.nan,
    }, index=NAMES)  # fmt: skip
    genes = pd.DataFrame(0.0, index=[*GENES, "ENSG9"], columns=list(FACTS)).assign(symbol="s")
    return ResponseTruth(
        "gene", profiles, ("x",), GENES, genes, control_scored=np.full((1, 3), 7, np.float32),
        control_shown=np.full((1, 3), 8, np.float32), splits=SPLITS, card='{"study": ["GSE1"]}', **arrays,
    )  # fmt: skip


class Echo(ResponseModel):
    """It predicts the control, and remembers what it was told."""

    card = ModelCard(name="echo", title="E", family="baseline", description="d", source="s", licence="MIT")
    told: list[tuple[Seen, pd.DataFrame]]

    def __init__(self) -> None:
        self.told = []

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        self.told.append((seen, ask))
        values = np.tile(seen.controls.iloc[0].to_numpy(), (len(ask), 1))
        return pd.DataFrame(values, index=ask.index, columns=seen.measured)


class Half(Echo):
    """It speaks of the first split alone."""

    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        if self.told:
            raise NotApplicable("no more", where="half", fix="none needed")
        return super().predict(seen, ask, ctx).iloc[:1]


class Dumb(Echo):
    def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
        raise NotApplicable("never", where="dumb", fix="none needed")


def test_a_model_sees_its_training_and_its_half_of_the_control_and_nothing_that_is_asked(truth: ResponseTruth) -> None:
    seen = seen_of(truth, SPLITS[0], None)
    assert list(seen.profiles.index) == list(seen.items.index) == ["c", "d"]
    np.testing.assert_array_equal(seen.profiles, truth.whole[2:])
    np.testing.assert_array_equal(seen.controls, truth.control_shown)
    assert (list(seen.measured), seen.study, seen.cells, seen.duplicates) == (list(GENES), ("GSE1",), None, None)
    told = np.concatenate([seen.profiles.to_numpy().ravel(), seen.controls.to_numpy().ravel()])
    assert not np.isin(told, [*truth.observed[:2].ravel(), *truth.control_scored.ravel()]).any()


def test_only_a_positive_control_is_handed_the_replicate(truth: ResponseTruth) -> None:
    duplicates = seen_of(truth, SPLITS[0], None, positive=True).duplicates
    assert duplicates is not None
    assert list(duplicates.index) == ["b", "a"]
    np.testing.assert_array_equal(duplicates, truth.duplicate[[1, 0]])  # type: ignore[index]


def test_predictions_stand_split_after_split_in_the_order_of_what_is_asked(truth: ResponseTruth) -> None:
    model = Echo()
    found = predictions(model, truth, None, Context())
    assert (found.shape, found.dtype) == ((4, 3), np.float32)
    assert [list(ask.index) for _, ask in model.told] == [["b", "a"], ["c", "d"]]
    assert (found == 8).all()


def test_what_is_not_said_is_missing_and_told(truth: ResponseTruth) -> None:
    context = Context()
    found = predictions(Half(), truth, None, context)
    assert np.isnan(found).any(axis=1).tolist() == [False, True, True, True]
    assert len(context.notes) == 1
    with pytest.raises(NotApplicable, match="never"):
        predictions(Dumb(), truth, None, Context())


def test_what_is_no_prediction_fails_the_run(truth: ResponseTruth) -> None:
    class Wrong(Echo):
        def predict(self, seen: Seen, ask: pd.DataFrame, ctx: Context) -> pd.DataFrame:
            return super().predict(seen, ask, ctx) * np.inf

    with pytest.raises(ModelError):
        predictions(Wrong(), truth, None, Context())


def test_targets_are_none_one_or_two_genes(truth: ResponseTruth) -> None:
    assert targets_of(truth.profiles) == [("ENSG1",), ("ENSG1", "ENSG9"), (), ("ENSG3",)]
