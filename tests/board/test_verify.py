"""A board that is true verifies; one in which somebody improved a number does not; a crate says where it is from."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scarena.base.errors import DataError
from scarena.base.files import read_json, sha256_of, write_json
from scarena.board.crate import crate_of
from scarena.board.verify import board_at, compare, drawn, verify

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("verify")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, cache):
    """A small board of a published dataset, made by the command that makes all boards."""
    place = tmp_path_factory.mktemp("verified")
    (place / ".cache").symlink_to(cache.absolute())
    board = {"board": "small", "datasets": ["pollen"], "models": ["hvg", "pca", "random-2", "labels"], "seeds": [0, 1]}
    (place / "small.yaml").write_text(yaml.safe_dump(board))
    command = [sys.executable, "-m", "scarena.cli", "run", "--config", "small.yaml", "--cores", "2"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return place / "results" / "small"


@pytest.fixture
def there(finished, monkeypatch):
    """The same, seen from the folder it was made in."""
    monkeypatch.chdir(finished.parent.parent)
    return finished


def verified(place, share=1.0, seed=0):
    return list(verify(place, share, seed))


def test_a_board_alone_is_enough_to_compute_a_tenth_of_it_again(there, tmp_path, cache):
    shutil.copy(there / "board.json", tmp_path / "board.json")
    command = [sys.executable, "-m", "scarena.cli", "verify", "board.json", "--seed", "1", "--json"]
    done = subprocess.run(
        [*command, "--cache", str(cache.absolute())], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and [row["verdict"] for row in json.loads(done.stdout)] == ["same"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["board.json"]


def test_an_improved_score_is_found_out(there, tmp_path, cache, monkeypatch):
    board = read_json(there / "board.json")
    cell = next(cell for cell in board["cells"] if cell["model"] == "random-2")
    for other in board["cells"]:
        other["state"] = "ok" if other is cell else "failed(error)"
    cell["scores"]["bio"] = {**cell["scores"]["bio"], "value": 0.9, "low": 0.89, "high": 0.91}
    write_json(tmp_path / "board.json", board)
    (found,) = verified(tmp_path / "board.json")
    assert found.verdict == "differs" and "bio: 0.9000" in found.why


def test_a_board_does_not_differ_from_itself(there):
    again = [sys.executable, "-m", "scarena.cli", "diff", str(there), str(there / "board.json"), "--json"]
    done = subprocess.run(again, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and json.loads(done.stdout) == []


def test_the_draw_is_a_share_of_the_cells_that_ended_well_and_repeats(there):
    board = board_at(there)
    assert len(drawn(board, 0.1, 0)) == 1 and len(drawn(board, 1, 0)) == len(board["cells"]) == 8
    assert drawn(board, 0.5, 4) == drawn(board, 0.5, 4)
    seen = {json.dumps(cell) for seed in range(40) for cell in drawn(board, 0.1, seed)}
    assert len(seen) == 8
    board["cells"][0]["state"] = "failed(oom)"
    assert len(drawn(board, 1, 0)) == 7


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.5, "same"), (0.5 + 1e-8, "same"), (0.505, "within noise"), (0.495, "within noise"),
                           (0.511, "differs"), (0.48, "differs")],
)  # fmt: skip
def test_a_value_may_move_inside_its_interval(value, verdict):
    cell = {"dataset": "d", "model": "m", "seed": 0, "scores": {"bio": scored(0.5)}}
    again = {"state": "ok", "reason": "", "scores": {"bio": {**scored(0.5), "value": value}}}
    assert compare(cell, again).verdict == verdict


@pytest.mark.parametrize("half", [0.0, 1e-8, None])
@pytest.mark.parametrize(
    ("moved", "verdict"), [(1e-8, "same"), (4e-6, "within noise"), (-9e-5, "within noise"), (2e-4, "differs")]
)
def test_what_is_printed_as_the_same_number_does_not_differ_however_narrow_its_interval(half, moved, verdict):
    ends = {"low": None, "high": None} if half is None else {"low": 0.5199 - half, "high": 0.5199 + half}
    was = {"state": "ok", "value": 0.5199, **ends}
    cell = {"dataset": "d", "model": "m", "seed": 0, "scores": {"bio": was}}
    again = {"state": "ok", "reason": "", "scores": {"bio": {**was, "value": 0.5199 + moved}}}
    assert compare(cell, again).verdict == verdict


def scored(value):
    return {"state": "ok", "value": value, "low": value - 0.01, "high": value + 0.01}


@pytest.mark.parametrize(
    ("again", "verdict"),
    [
        ({"state": "failed(oom)", "reason": "", "scores": {}}, "differs"),
        ({"state": "not available", "reason": "needs weights", "scores": {}}, "not recomputed"),
        ({"state": "ok", "reason": "", "scores": {"bio": {"state": "failed", "value": None}}}, "differs"),
        ({"state": "ok", "reason": "", "scores": {}}, "differs"),
    ],
)
def test_what_did_not_end_as_before_is_no_agreement(again, verdict):
    cell = {"dataset": "d", "model": "m", "seed": 0, "scores": {"bio": scored(0.5)}}
    assert compare(cell, again).verdict == verdict


@pytest.mark.parametrize("text", [None, "{", "[]", '{"cells": []}'])
def test_what_is_no_board_is_refused_in_a_line(tmp_path, text):
    if text is not None:
        (tmp_path / "board.json").write_text(text)
    with pytest.raises(DataError, match=r"board\.json"):
        board_at(tmp_path)


def test_the_crate_names_every_file_of_the_board_with_its_checksum_and_every_source(there):
    crate = read_json(there / "ro-crate-metadata.json")
    graph = {entity["@id"]: entity for entity in crate["@graph"]}
    for name in ("board.json", "board.parquet", "board.html", "environment.lock.txt"):
        assert graph[name]["sha256"] == sha256_of(there / name)
    board = read_json(there / "board.json")
    sources = {entity.get("identifier"): entity for entity in crate["@graph"]}
    for dataset in board["datasets"]:
        for file in dataset["card"]["files"]:
            assert sources[file["url"]]["sha256"] == dataset["sources"][file["key"]]
    assert board["provenance"]["commits"][0] in graph["#workflow"]["softwareVersion"]
    assert "cores" in graph["#machine"]["name"]
    assert "snakemake==" in (there / "environment.lock.txt").read_text()


def test_every_reference_of_the_crate_leads_to_an_entity(there):
    crate = crate_of(there)
    known = {entity["@id"] for entity in crate["@graph"]}
    assert len(known) == len(crate["@graph"])

    def refers(value):
        if isinstance(value, dict):
            if set(value) == {"@id"}:
                yield value["@id"]
            for inner in value.values():
                yield from refers(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from refers(inner)

    outside = {target for entity in crate["@graph"] for target in refers({**entity, "@id": ""}) if target not in known}
    assert outside == {"https://w3id.org/ro/crate/1.1"}


def test_there_is_no_crate_of_an_unfinished_board(tmp_path):
    with pytest.raises(DataError, match="no finished board"):
        crate_of(tmp_path)


def test_the_page_and_the_board_do_not_depend_on_where_they_were_made(there):
    board = read_json(there / "board.json")
    assert {"results", "cache"} & set(board["provenance"]["config"]) == set()
    assert str(Path.cwd()) not in (there / "board.json").read_text()
