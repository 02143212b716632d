"""A run is followed by what the driver tells: how far it is, and each failure once, as the board says it too."""

import json
import logging

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from scarena.cli.driver_events import LogHandler, LogHandlerSettings, event_of
from scarena.cli.run_events import Follow, failures
from scarena.steps.config import BoardConfig


class Screen:
    """Keeps what it is given."""

    def __init__(self):
        self.shown, self.lines = [], []

    def show(self, doing):
        self.shown.append(doing)

    def say(self, line):
        self.lines.append(line)


@pytest.fixture
def follow(tmp_path):
    config = BoardConfig(board="b", datasets=["one", "two"], models=["hvg", "scvi"], results=tmp_path)
    return Follow(config, Screen(), clock=lambda: 100.0)


def put(folder, name, /, **content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return str(path)


def began(job, rule, files=(), **names):
    return {"event": "began", "job": job, "rule": rule, "names": names, "files": list(files), "at": 10.0 * job}


def ended(job, at):
    return {"event": "ended", "job": job, "at": at}


PLAN = {"event": "plan", "steps": {"pull": 2, "embed": 2, "embed_gpu": 2, "score": 4, "board": 1}, "at": 0.0}
RUN = {"dataset": "one", "model": "hvg", "seed": 0}


def test_steps_are_counted_and_what_runs_is_named(follow):
    follow.take(PLAN)
    follow.take(began(1, "embed_gpu", dataset="one", model="scvi", seed="0"))
    follow.take(began(2, "embed", dataset="one", model="hvg", seed="3"))
    assert follow.screen.shown[-1].detail == "embed scvi on one, embed hvg on one, seed 3"
    follow.take(ended(2, 40.0))
    last = follow.screen.shown[-1]
    assert (last.what, last.done, last.of, last.unit) == ("b", 1, 11, "steps")
    # 20 s for each of the two embeddings that have not begun; so far 110 s of steps ran in 90 s.
    assert last.note == "about 30 s for 3 of the 10 steps left"


def test_runs_that_have_their_files_are_not_waited_for(follow, tmp_path):
    for dataset in ("one", "two"):
        put(tmp_path, f"b/{dataset}/hvg/0/record.json", **RUN, state="ok", reason="")
    follow.take({"event": "plan", "steps": {"embed": 2}, "at": 0.0})
    follow.take(began(1, "embed", dataset="one", model="scvi", seed="0"))
    follow.take(ended(1, 70.0))
    assert follow.screen.shown[-1].note == "about 1 min left"


def test_a_model_that_is_not_available_says_nothing_of_how_long_others_take(follow, tmp_path):
    record = put(tmp_path, "b/one/hvg/0/record.json", **RUN, state="not available", reason="no weights")
    follow.take(PLAN)
    follow.take(began(1, "embed", [record], dataset="one", model="hvg", seed="0"))
    follow.take(ended(1, 10.1))
    assert follow.screen.shown[-1].note == ""


def test_a_failure_is_a_line_once_and_the_run_goes_on(follow, tmp_path):
    failed = {"state": "failed(error)", "reason": "ValueError: no\nweights"}
    record = put(tmp_path, "b/one/hvg/0/record.json", **RUN, **failed)
    scores = put(tmp_path, "b/one/hvg/0/scores.json", **RUN, **failed, scores={})
    for job, file in ((1, record), (2, scores)):
        follow.take(began(job, "embed", [file]))
        follow.take(ended(job, 20.0))
    assert follow.screen.lines == ["one · hvg · seed 0: failed(error): ValueError: no weights"]
    assert follow.said == set(follow.screen.lines)


def test_a_dataset_that_fails_is_one_line_for_all_its_runs(tmp_path):
    failed = {"state": "failed(error)", "reason": "gone"}
    sources = put(tmp_path, "b/one/sources.json", dataset="one", **failed)
    files = [put(tmp_path, "b/one/dataset.json", dataset="one", **failed)]
    files.append(put(tmp_path, "b/one/hvg/0/record.json", **RUN, **failed))
    assert failures([sources]) == ["one: failed(error): gone"]
    assert failures(files) == ["one: failed(error): gone"]


WHO = "one · hvg · seed 0"


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        ("one/dataset.json", {"dataset": "one", "state": "not available", "reason": "R"}, ["one: not available: R"]),
        ("one/hvg/0/record.json", {**RUN, "state": "not applicable", "reason": "x"}, []),
        ("one/hvg/0/record.json", {**RUN, "state": "failed(oom)", "reason": "x"}, [f"{WHO}: failed(oom): x"]),
        ("one/reference.json", {"dataset": "one", "state": "failed(error)", "reason": "x"}, []),
        ("pretrained/p/manifest.json", {"name": "p", "state": "failed(timeout)", "reason": "x"},
         ["pretraining p: failed(timeout): x"]),
        ("corpora/p.json", {"pretraining": "p", "state": "failed(error)", "reason": "x"},
         ["corpus of p: failed(error): x"]),
        ("environments/ab.json", {"environment": "ab", "state": "not available", "reason": "x"},
         ["environment ab: not available: x"]),
        ("board.json", {"schema": 1}, []),
    ],
)  # fmt: skip
def test_each_kind_of_file_says_what_failed_first_there(tmp_path, name, content, lines):
    assert failures([put(tmp_path / "b", name, **content)]) == lines


def test_scores_that_failed_of_a_run_that_did_not_are_lines_too(tmp_path):
    put(tmp_path, "b/one/hvg/0/record.json", **RUN, state="ok", reason="")
    bad = {"bio": {"state": "failed", "reason": "NaN"}, "batch": {"state": "ok", "reason": ""}}
    scores = put(tmp_path, "b/one/hvg/0/scores.json", **RUN, state="ok", reason="", scores=bad)
    assert failures([scores]) == ["one · hvg · seed 0 · bio: failed: NaN"]
    late = put(tmp_path, "b/one/hvg/0/scores.json", **RUN, state="failed(oom)", reason="scoring: x", scores={})
    assert failures([late]) == ["one · hvg · seed 0: failed(oom): scoring: x"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": 1}'])
def test_a_file_that_cannot_be_read_says_nothing(tmp_path, content):
    (tmp_path / "record.json").write_text(content)
    assert failures([str(tmp_path / "record.json"), str(tmp_path / "gone.json"), str(tmp_path / "x.npz")]) == []


def test_a_step_that_broke_is_named_with_its_log_and_no_reason_is_obeyed_by_the_terminal(follow, tmp_path):
    follow.take(PLAN)
    follow.take(began(1, "umap", dataset="one"))
    follow.take({"event": "broke", "job": 1, "rule": "umap", "logs": ["b/logs/umap/one.log"], "at": 9.0})
    record = put(tmp_path, "b/one/hvg/0/record.json", **RUN, state="failed(error)", reason="\x1b[2J gone")
    follow.take(began(2, "embed", [record]))
    follow.take(ended(2, 30.0))
    assert follow.screen.lines[0] == "step broke: umap one; see b/logs/umap/one.log"
    assert "\x1b" not in follow.screen.lines[1] and "gone" in follow.screen.lines[1]


def record_of(message="", level=logging.INFO, **more):
    made = logging.LogRecord("snakemake", level, "file", 1, message, (), None)
    made.__dict__.update(more)
    return made


JOB = {
    "jobid": 3, "rule_name": "embed", "wildcards": {"model": "hvg"}, "output": ["r.json"], "log": ["l.log"],
    "resources": object(),
}  # fmt: skip


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (record_of(event=LogEvent.RUN_INFO, stats={"embed": 2, "total": 2}), {"event": "plan", "steps": {"embed": 2}}),
        (record_of(event=LogEvent.JOB_INFO, **JOB),
         {"event": "began", "job": 3, "rule": "embed", "names": {"model": "hvg"}, "files": ["r.json"]}),
        (record_of(event=LogEvent.JOB_FINISHED, job_id=3), {"event": "ended", "job": 3}),
        (record_of(level=logging.ERROR, event=LogEvent.JOB_ERROR, **JOB),
         {"event": "broke", "job": 3, "rule": "embed", "logs": ["l.log"]}),
        (record_of("a\nb", logging.ERROR, event=LogEvent.ERROR), {"event": "said", "words": "a\nb"}),
        (record_of("Nothing to be done (all there)."), {"event": "said", "words": "Nothing to be done (all there)."}),
        (record_of("Building DAG of jobs..."), None),
        (record_of("careful", logging.WARNING), None),
        (record_of(event=LogEvent.PROGRESS, done=1, total=2), None),
    ],
)  # fmt: skip
def test_what_counts_of_snakemakes_log_is_told(record, told):
    assert event_of(record) == (told and {**told, "at": record.created})


def test_the_driver_goes_on_where_nobody_reads(tmp_path):
    import os

    read, write = os.pipe()
    handler = LogHandler(common_settings=None, settings=LogHandlerSettings(events=write))
    assert not os.get_inheritable(write)
    handler.emit(record_of(event=LogEvent.JOB_FINISHED, job_id=3))
    assert json.loads(os.read(read, 1000))["job"] == 3
    os.close(read)
    for _ in range(3):
        handler.emit(record_of(event=LogEvent.JOB_FINISHED, job_id=4))
    handler.close()
