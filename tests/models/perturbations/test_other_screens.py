"""Other screens: those of no study of the dataset, their components, and the one that knows most genes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from scarena.base.errors import DataError, NotApplicable
from scarena.datasets import card as cards
from scarena.datasets import prepare_response, sources
from scarena.datasets.response_truth import ResponseTruth
from scarena.models.base import Context
from scarena.models.perturbations import other_screens as module
from scarena.models.perturbations.bilinear_form import N_AXES, bilinear, own_scores
from scarena.models.perturbations.lessons import lessons
from scarena.models.perturbations.other_screens import OtherScreens
from scarena.models.perturbations.screens import Screen, other_cards, other_screens, screen_of

STUDIES = {"a": ("GSE1",), "b": ("GSE2", "own study"), "c": (), "d": ("GSE4",), "cells": ("GSE5",)}


@pytest.fixture
def made_cards(monkeypatch):
    """Four cards of responses, one of which shares a study and one of which names none; and one of cells."""
    made = {
        name: SimpleNamespace(
            name=name, study=study, kind="cells" if name == "cells" else "response", model_dump_json=lambda: "{}"
        )
        for name, study in STUDIES.items()
    }
    monkeypatch.setattr(cards, "card_names", lambda extra=None: list(reversed(made)))
    monkeypatch.setattr(cards, "load_card", lambda name, extra=None: made[name])


def truth(seed=0, contexts=("x", "y")):
    """Return a screen of ten genes and a pair in two contexts, over thirty genes of its own."""
    rng = np.random.default_rng(seed)
    what = [*(f"ENSG{i:011d}" for i in range(10)), "ENSG00000000001+ENSG00000000002", ""]
    rows = [(each, context) for each in what for context in contexts]
    profiles = pd.DataFrame(rows, columns=["targets", "context"], index=[f"{a}{b}" for a, b in rows])
    whole = rng.normal(1, 0.3, (len(rows), 30)).astype(np.float32)
    control = rng.normal(1, 0.3, (len(contexts), 30)).astype(np.float32)
    return ResponseTruth("gene", profiles.assign(perturbation=profiles["targets"]), contexts, tuple("g" * 30),
                         pd.DataFrame(), whole, whole, control, control, ())  # fmt: skip


def test_screens_of_the_same_study_and_of_none_that_is_named_are_left_out(made_cards):
    assert [card.name for card in other_cards(("own study", "GSE4"))] == ["a"]
    assert [card.name for card in other_cards(("elsewhere",))] == ["a", "b", "d"]


def test_screens_at_hand_are_prepared_once_and_one_that_cannot_be_read_is_said(made_cards, monkeypatch, tmp_path):
    prepared = []

    def prepare(card, *, cache):
        prepared.append(card.name)
        if card.name == "a":
            raise DataError("it is damaged", where="a", fix="none")
        return truth(), None

    monkeypatch.setattr(prepare_response, "prepare_response", prepare)
    monkeypatch.setattr(sources, "at_hand", lambda card, *, cache: card.name != "b")
    ctx = Context(cache=tmp_path)
    (first,), (again,) = (other_screens(("elsewhere",), 3, ctx) for _ in range(2))
    assert prepared == ["a", "d", "a"] and first.name == "d"
    assert set(ctx.notes) == {"the screen a was not learned from: it is damaged"}
    expected = screen_of("d", truth(), 3)
    for each in (first, again):
        pd.testing.assert_frame_equal(each.vectors, expected.vectors, check_names=False)
        np.testing.assert_array_equal(each.control, expected.control)
    assert not other_screens(("GSE1", "GSE4"), 3, Context(cache=tmp_path)) and prepared == ["a", "d", "a"]


def test_a_screen_is_its_components_with_the_control_among_them():
    told = truth()
    found = screen_of("s", told, 4)
    own = {"x": told.control_shown[0], "y": told.control_shown[1]}
    effects = [
        row - own[context] for row, context in zip(told.whole.astype(float), told.profiles["context"], strict=True)
    ]
    rows = np.array([*effects, np.zeros(30)])
    left, lengths, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    table = pd.DataFrame((left * lengths)[:-1, :4]).groupby(told.profiles["targets"].to_numpy()).mean()
    expected = table.loc[[name for name in table.index if name and "+" not in name]]
    assert list(found.vectors.index) == list(expected.index) and len(expected) == 10
    np.testing.assert_allclose(np.abs(found.vectors), np.abs(expected), atol=1e-6)
    np.testing.assert_allclose(np.abs(found.control), np.abs((left * lengths)[-1, :4]), atol=1e-6)


@pytest.fixture
def two(monkeypatch):
    """Two screens, of which the second knows more of the genes."""
    rng = np.random.default_rng(0)
    made = [
        Screen(name, pd.DataFrame(rng.normal(size=(n, 3)), index=[f"ENSG{i:011d}" for i in range(n)]), np.ones(3))
        for name, n in (("few", 5), ("more", 18))
    ]
    calls = []
    monkeypatch.setattr(
        module, "other_screens", lambda study, n_axes, ctx: calls.append((study, n_axes)) or tuple(made)
    )
    return made, calls


def test_the_screen_that_knows_most_of_the_genes_is_learned_from_and_read_once(two, make_seen):
    (_, more), calls = two
    seen, ask = make_seen("gene")
    model, ctx = OtherScreens(), Context()
    found, again = (model.predict(seen, ask, ctx) for _ in range(2))
    pd.testing.assert_frame_equal(found, again)
    assert calls == [(("own study",), N_AXES)] and ctx.notes == ["learned from the screen more"]
    assert set(found.index) == set(ask.index[ask["targets"].isin(more.vectors.index)])
    lesson = next(iter(lessons(seen, ask)))
    rows = [row for row, gene in enumerate(lesson.items["targets"]) if gene in more.vectors.index]
    p = np.vstack([more.vectors.loc[lesson.items["targets"].iloc[rows]], more.control])
    y = np.vstack([lesson.effects[rows], np.zeros(60)])
    asked = [name for name in lesson.ask.index if name in found.index]
    expected = bilinear(own_scores(lesson).to_numpy(), p, y, more.vectors.loc[ask.loc[asked, "targets"]].to_numpy())
    np.testing.assert_allclose(found.loc[asked] - seen.controls.loc["x"], expected, atol=1e-9)


def test_without_a_study_or_a_screen_it_has_no_answer(two, make_seen, monkeypatch):
    seen, ask = make_seen("gene")
    with pytest.raises(NotApplicable, match="which screens are others"):
        OtherScreens().predict(replace(seen, study=()), ask, Context())
    for screens in ((), (Screen("s", pd.DataFrame(np.ones((1, 2)), index=["ENSG9"]), np.ones(2)),)):
        monkeypatch.setattr(module, "other_screens", lambda study, n_axes, ctx, found=screens: found)
        with pytest.raises(NotApplicable, match="no other screen"):
            OtherScreens().predict(seen, ask, Context())
