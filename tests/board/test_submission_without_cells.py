"""Runs of genes, of a network and of responses can be sent too, and a changed number or column is found out."""

import os

import pytest

from scarena.base.files import read_json, write_json
from scarena.board.make import make_board, write_board
from scarena.board.rescored import check_submission
from scarena.board.submission import NAME, package_submission
from scarena.steps.config import parse_config
from scarena.steps.sequence import dataset_steps, run_steps

MODEL_OF = {"gene_dosage_tfs": "gene-tissues", "network_papalexi": "net-pearson", "response_shifrut": "response-ridge"}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("SCARENA_MIRROR"), reason="needs the published files: set SCARENA_MIRROR"),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, cache):
    """A board with a dataset of each kind that has no vectors of cells, and a model for each."""
    told = {
        "board": "small", "datasets": list(MODEL_OF), "models": [*MODEL_OF.values(), "gene-random"], "seeds": [0],
        "tasks": ["function", "tissue", "classes", "network", "perturbation"],
        "results": str(tmp_path_factory.mktemp("sent")), "cache": str(cache.absolute()),
    }  # fmt: skip
    config = parse_config(told, "board")
    for dataset in MODEL_OF:
        steps = dataset_steps(dataset, config)
        steps += [step for model in config.models for step in run_steps(dataset, model, 0, config)]
        states = [step()["state"] for _, step in steps]
        assert states[:4] == ["ok"] * 4 and states.count("ok") >= 6
    write_board(make_board(config), config.folder / "board.json")
    return config.folder


def change(folder, dataset, to):
    said = read_json(folder / NAME)
    to(next(run for run in said["runs"] if run["dataset"] == dataset))
    write_json(folder / NAME, said)


@pytest.mark.parametrize("dataset", MODEL_OF)
def test_a_true_run_is_the_same_and_a_changed_one_differs(finished, tmp_path, cache, dataset):
    made = package_submission(finished, MODEL_OF[dataset], tmp_path / "sent", vectors=True)
    assert not made.left_out

    def verdict():
        rows = {row.dataset: row for row in check_submission(made.folder, cache=cache.absolute())}
        return rows[dataset].verdict, rows[dataset].why

    run = next(run for run in made.submission.runs if run.dataset == dataset)
    assert verdict() == ("same", f"{len(run.scores)} metrics")
    key, value = next((key, score.value) for key, score in run.scores.items() if score.value)
    change(made.folder, dataset, lambda run: run["scores"][key].update(value=value + 1))
    assert verdict()[0] == "differs"
    change(made.folder, dataset, lambda run: run.update(columns_sha256="0" * 64))
    assert verdict() == ("differs", "its columns are not the genes of the dataset")
