"""What `scarena bench responses` asks: a screen that every metric can be measured on, all models, and a table."""

from __future__ import annotations

import numpy as np

from scarena.base.files import read_json, write_json
from scarena.bench import responses
from scarena.bench.responses import COLUMNS, MadeVectors, made, models, rows, run_child
from scarena.models.registry import all_models


def test_every_perturbation_is_asked_about_once_and_never_learned_from_by_the_split_that_asks():
    truth = made(23, 60)
    asked = [name for split in truth.splits for name in split.asked]
    assert sorted(asked) == sorted(truth.profiles.index) and len(truth.splits) == 5
    assert not any(set(split.training) & set(split.asked) for split in truth.splits)
    assert truth.targets == {"response", "replicates"} and (truth.whole >= 0).all()
    assert set(truth.profiles["targets"]) <= set(truth.measured)


def test_more_perturbations_than_measured_genes_can_be_timed():
    truth = made(40, 30)
    assert truth.observed.shape == (40, 30) and set(truth.profiles["targets"]) <= set(truth.genes.index)


def test_every_model_of_responses_that_needs_no_other_dataset_is_timed():
    known = {name for name in all_models() if name.startswith("response-")}
    assert {model.card.name for model in models()} == known - {"response-other-screens"} | {"vectors-of-genes"}


def test_a_child_times_models_and_their_metrics(tmp_path, monkeypatch):
    some = [MadeVectors, *(model for model in models() if model.card.name in ("response-ridge", "response-additive"))]
    monkeypatch.setattr(responses, "models", lambda: some)
    write_json(
        tmp_path / "spec", {"n_perturbations": 25, "n_genes": 60, "threads": 1, "answer": str(tmp_path / "told")}
    )
    run_child(tmp_path / "spec")
    seconds = read_json(tmp_path / "told")["seconds"]
    assert set(seconds) == {
        each + name for name in ("vectors-of-genes", "response-ridge") for each in ("", "metrics on ")
    }
    told = seconds["metrics on response-ridge"]
    assert told["state"] == "ok" and np.isfinite(told["value"]) and told["seconds"] > 0


def test_the_table_has_a_row_a_model_sums_and_the_memory():
    seconds = {name: {"seconds": 2.0, "cpu_seconds": 1.5} for name in ("a", "metrics on a", "b", "metrics on b")}
    table = rows({"run": {"state": "ok", "seconds": seconds, "peak_gib": 0.5}})
    assert table == [
        ["a", "2.0", "1.5"], ["b", "2.0", "1.5"], ["all models", "4.0", "3.0"], ["metrics on 2 models", "4.0", "3.0"],
        ["peak memory (GiB)", "0.50", ""],
    ]  # fmt: skip
    lost = rows({"run": {"state": "failed(oom)", "log": "no room"}})
    assert lost == [["state", "failed(oom)", ""], ["log", "no room", ""]] and all(len(r) == len(COLUMNS) for r in lost)
