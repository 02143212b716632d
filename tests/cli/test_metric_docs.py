"""docs/metrics.md says what the code does: it is what the command prints, and no metric lacks an entry."""

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from scarena.cli.app import app
from scarena.cli.metric_docs import COLUMNS, TITLES, WITHOUT_INTERVAL, markdown, row
from scarena.metrics import score_embedding
from scarena.metrics.aggregate import WEIGHTS
from scarena.metrics.reference import dataset_reference, ontology_reference
from scarena.metrics.registry import METRICS, keys_of

DOCS = Path(__file__).parents[2] / "docs"


def entries(line):
    return [entry.strip().replace(r"\|", "|") for entry in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_the_page_is_what_the_command_prints():
    printed = CliRunner().invoke(app, ["metrics", "--markdown"])
    assert printed.exit_code == 0
    assert printed.output == (DOCS / "metrics.md").read_text(encoding="utf-8"), (
        "scarena metrics --markdown > docs/metrics.md"
    )


@pytest.mark.parametrize("group", TITLES)
def test_every_metric_of_a_group_has_every_column_once(group):
    section = markdown().split(f"\n## {TITLES[group]}\n")[1].split("\n## ")[0]
    head, _, *lines = [line for line in section.splitlines() if line.startswith("|")]
    assert entries(head) == list(COLUMNS)
    assert [entries(line) for line in lines] == [list(row(METRICS[key])) for key in keys_of(group)]
    assert all(all(entries(line)) for line in lines)


def test_no_group_is_left_out():
    assert {*TITLES, "task", "published"} == {info.group for info in METRICS.values()}


def test_the_introduction_names_the_parts_of_every_aggregate():
    introduction = markdown().split("\n## Missing values")[0]
    for aggregate in ("bio", "batch"):
        sentence = re.search(rf"^- `{aggregate}` is the unweighted mean of (.*)\.$", introduction, re.MULTILINE)
        assert re.findall(r"`(\w+)`", sentence[1]) == list(WEIGHTS[aggregate])
        assert set(WEIGHTS[aggregate].values()) == {1.0}
    for part, weight in WEIGHTS["total"].items():
        assert f"{weight:g} {part}" in introduction


def test_definitions_of_aggregates_name_their_parts():
    for aggregate in ("bio", "batch"):
        assert set(re.findall(r"\w+", METRICS[aggregate].definition)) >= set(WEIGHTS[aggregate])


def test_every_key_the_introduction_names_is_one():
    prose = markdown().split("\n## Reading the tables")[0]
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", prose))
    assert named <= set(METRICS) and named


def test_those_said_to_have_no_interval_have_none_and_the_others_do():
    rng = np.random.default_rng(0)
    labels, batch = np.arange(400) % 4, np.arange(400) // 4 % 2
    names = np.array(["a", "b", "c", "d"])[labels]
    parents = {"cell": [], "left": ["cell"], "right": ["cell"], "a": ["left"], "b": ["left"], "c": ["right"]}
    ontology = ontology_reference(names, {**parents, "d": ["right", "left"]})
    x = rng.normal(size=(400, 6)) + 2 * np.eye(6)[labels] + np.eye(6)[4 + batch]
    batch_pcas = [(x[batch == each], names[batch == each]) for each in (0, 1)]
    reference = dataset_reference(x, batch_pcas=batch_pcas, phase_scores=rng.normal(size=(400, 2)), n_jobs=1)
    noisy = x + rng.normal(size=x.shape)
    found = score_embedding(
        noisy, batch=batch, labels=names, reference=reference, ontology=ontology, n_jobs=1, n_replicates=20
    )
    # Asks for expression, which no embedding has.
    assert [key for key, score in found.items() if score.value is None] == ["hvg_overlap"]
    assert [key for key, score in found.items() if score.low is None] == [
        key for key in METRICS if key in (*WITHOUT_INTERVAL, "hvg_overlap")
    ]
