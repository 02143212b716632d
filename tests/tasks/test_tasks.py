"""Tasks share out all metrics, say what they need and whom they can be asked of, and cost nothing twice."""

import inspect

import numpy as np
import pytest

from scarena.base.errors import ConfigError
from scarena.metrics import METRICS, DatasetReference, Scores, score_embedding
from scarena.metrics.registry import OF_EMBEDDING
from scarena.metrics.scores import Score
from scarena.models.registry import all_models
from scarena.steps.config import BoardConfig
from scarena.tasks import cells as module
from scarena.tasks.cells import Cells
from scarena.tasks.dataset_reference import Annotated
from scarena.tasks.facts import Facts
from scarena.tasks.registry import DEFAULT, catalogue, find_tasks
from scarena.tasks.scoring import score_tasks
from scarena.tasks.task import Task

FULL = Facts(100, 3, 2)


@pytest.fixture
def given(cells):
    labels, batch = cells.obs["cell_type"].to_numpy(str), cells.obs["batch"].to_numpy(str)
    known = Annotated(cells.obs_names.to_numpy(str), batch, labels, DatasetReference(), None, ("", ""))
    x = np.random.default_rng(0).normal(size=(cells.n_obs, 4)).astype(np.float32)
    return Cells(x, known, seed=0, n_jobs=1)


def test_the_default_tasks_ask_for_every_metric_once():
    asked = [key for task in find_tasks(DEFAULT) for key in task.metrics()]
    assert sorted(asked) == sorted(OF_EMBEDDING)


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)
def test_a_task_says_what_it_is(entry):
    task = entry.task
    assert task.name == entry.name and task.title and task.question.endswith("?")
    assert task.product in ("cells", "genes", "response", "network")
    assert task.headline in task.metrics() and METRICS[task.headline].better == "higher"
    kinds = {all_models()[name].card.control for name in task.controls}
    # The truth of a network is not among what a model is handed: no model can hold it.
    assert kinds == ({"positive", "negative"} if task.product in ("cells", "response") else {"negative"})
    assert inspect.getdoc(type(task))


@pytest.mark.parametrize(
    ("name", "facts", "why"),
    [
        ("integration", FULL, ""),
        ("annotation", FULL, ""),
        ("integration", Facts(100, 3, 1), "one batch"),
        ("annotation", Facts(100, 3, 1), ""),
        ("integration", Facts(100, 1, 2), "one label"),
        ("annotation", Facts(100, 1, 2), "one label"),
        ("integration", Facts(100, 3, 2, {"batch": "the batch is the type"}), "the batch is the type"),
        ("annotation", Facts(100, 3, 2, {"batch": "the batch is the type"}), ""),
        ("annotation", Facts(100, 3, 2, {"labels": "no labels"}), "no labels"),
    ],
)
def test_a_task_says_which_datasets_cannot_answer_it(name, facts, why):
    (task,) = find_tasks([name])
    found = task.unanswerable(facts)
    assert found.startswith(why) and bool(found) == bool(why)


def test_all_default_tasks_score_as_all_metrics_do(given):
    found = score_tasks(find_tasks(DEFAULT), given)
    alone = score_embedding(
        given.vectors, batch=given.known.batch, labels=given.known.labels, reference=given.known.reference, seed=0,
        n_jobs=1,
    )  # fmt: skip
    assert dict(found) == dict(alone)
    assert list(found.replicates) == list(alone.replicates)
    assert all(np.array_equal(found.replicates[key], alone.replicates[key]) for key in alone.replicates)


@pytest.mark.parametrize("name", DEFAULT)
def test_a_task_alone_gives_its_own_metrics_and_the_same_values(given, name):
    (task,) = find_tasks([name])
    alone, whole = score_tasks([task], given), score_tasks(find_tasks(DEFAULT), given)
    assert tuple(alone) == task.metrics()
    assert all(alone[key] == whole[key] for key in alone)


def test_tasks_are_scored_in_one_pass_but_those_that_score_themselves(given, monkeypatch):
    class Own(type(find_tasks(["annotation"])[0])):
        name = "own"

        def metrics(self):
            return ("own_key",)

        def score(self, cells):
            assert cells is given
            return Scores({"own_key": Score(0.5)})

    asked = []
    scored = Cells.scored
    monkeypatch.setattr(module.Cells, "scored", lambda self, keys: (asked.append(keys), scored(self, keys))[1])
    found = score_tasks([*find_tasks(DEFAULT), Own()], given)
    assert asked == ["all"]
    assert set(found) == {*OF_EMBEDDING, "own_key"} and found["own_key"].value == 0.5
    assert found.details is not None


def test_what_is_known_of_a_dataset_decides(given):
    assert given.facts == Facts(240, 3, 2, {}, n_groups=2)


def test_an_unknown_task_is_one_line_with_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown task 'integraton'.*did you mean 'integration'\?"):
        find_tasks(["integraton"])


def test_a_board_that_says_nothing_of_tasks_is_written_as_before():
    old = {"board": "b", "datasets": ["d"], "models": ["pca"]}
    assert BoardConfig.model_validate(old).tasks == list(DEFAULT)
    assert "tasks" not in BoardConfig.model_validate(old).model_dump(mode="json")
    assert "tasks" not in BoardConfig.model_validate({**old, "tasks": list(DEFAULT)}).model_dump_json()
    asked = BoardConfig.model_validate({**old, "tasks": ["annotation"]})
    assert BoardConfig.model_validate(asked.model_dump(mode="json")) == asked


def test_a_task_cannot_be_made_without_its_questions():
    class Nothing(Task):
        name = "nothing"

    with pytest.raises(TypeError, match="abstract"):
        Nothing()
