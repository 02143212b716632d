"""What a model says it decided is kept with its run, stands in the board, and beside the score on the page."""

from types import SimpleNamespace

from scarena.board.make import cells_of
from scarena.report.page.scores import scores_of
from scarena.report.page.tables import entry_of


def score(model, value=0.5, seed=0):
    scores = {"total": {"value": value, "state": "ok", "low": value, "high": value}}
    return {"dataset": "d", "model": model, "seed": seed, "state": "ok", "reason": "", "scores": scores}


def record(model, *notes, seed=0):
    return SimpleNamespace(dataset="d", model=model, seed=seed, notes=notes)


def runs(*pairs):
    records, scores = zip(*pairs, strict=True)
    return SimpleNamespace(records=list(records), scores=list(scores), details={})


def test_a_run_with_notes_has_them_and_another_stays_as_it_was(tmp_path):
    found = cells_of(runs((record("a", "kept"), score("a")), (record("b"), score("b"))), tmp_path / "none.npz")
    assert found[0]["notes"] == ["kept"]
    assert "notes" not in found[1] and list(found[1]) == list(score("b"))


def test_the_page_shows_each_note_once_beside_the_score():
    cells = [
        score("a") | {"notes": ["kept"]}, score("a", 0.7, seed=1) | {"notes": ["kept"]},
        score("a", 0.6, seed=2) | {"notes": ["taken"]}, score("b"),
    ]  # fmt: skip
    found = scores_of({"cells": cells})
    note = entry_of(found["d", "a", "total"]).note
    assert note.count("kept") == 1 and note.endswith("kept; taken")
    assert entry_of(found["d", "b", "total"]).note == "95 % interval: 0.500 to 0.500"
