"""A board's configuration is refused, in one line, before anything is computed."""

import json
from pathlib import Path

import pytest
import yaml

from scarena.base.errors import ScarenaError
from scarena.steps.config import datasets_of, json_schema, load_config
from scarena.steps.names import check_names
from scarena.steps.submissions import runs_of

ROOT = Path(__file__).parents[2]
GOOD = {"board": "b", "datasets": ["baron_h1"], "models": ["hvg"]}


def written(folder: Path, **changes: object) -> Path:
    path = folder / "board.yaml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}))
    return path


def test_the_schema_snakemake_validates_against_is_the_models_own():
    shipped = json.loads((ROOT / "config" / "schema.json").read_text())
    assert shipped == json_schema()


@pytest.mark.parametrize("name", ["demo", "full"])
def test_the_shipped_boards_name_only_what_exists(name):
    config = load_config(ROOT / "config" / f"{name}.yaml")
    check_names(config, name)
    assert set(config.models) >= {"hvg", "harmony", "scvi", "scarena-fm", "labels", "random-64"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": ["hvg"]}, ["model", "board.yaml"]),
        ({"seeds": [-1]}, ["seeds.0"]),
        ({"seeds": [0, 0]}, ["twice"]),
        ({"datasets": []}, ["datasets"]),
        ({"seeds_of": {"pca": [0]}}, ["pca", "no model of this board"]),
        ({"seeds_of": {"hvg": [0, 0]}}, ["seeds_of.hvg", "twice"]),
        ({"seeds_of": {"hvg": []}}, ["seeds_of.hvg"]),
        ({"seeds_of": {"hvg": [-1]}}, ["seeds_of.hvg"]),
        ({"version": "one two"}, ["version"]),
        ({"date": "2026-02-30"}, ["date"]),
        ({"date": "20260201"}, ["date"]),
        ({"board": "../x"}, ["board"]),
        ({"limits": {"timeout_s": 0}}, ["limits.timeout_s"]),
    ],
)
def test_a_bad_key_is_named_with_its_file(tmp_path, changes, words):
    with pytest.raises(ScarenaError) as caught:
        load_config(written(tmp_path, **changes))
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ScarenaError, match=r"c\.yaml"):
        load_config(tmp_path / "c.yaml")


def test_an_unknown_model_suggests_the_nearest(tmp_path):
    config = load_config(written(tmp_path, models=["harmny"]))
    with pytest.raises(ScarenaError, match=r"board\.yaml: models: .*did you mean 'harmony'"):
        check_names(config, "board.yaml")


def test_an_unknown_dataset_suggests_the_nearest(tmp_path):
    config = load_config(written(tmp_path, datasets=["baron_h2"]))
    with pytest.raises(ScarenaError, match=r"board\.yaml: datasets: .*did you mean 'baron_h1'"):
        check_names(config, "board.yaml")


def test_cards_of_ones_own_join_the_board_only_where_asked(tmp_path):
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "mine.yaml").write_text("")
    cards = {"user_cards": str(tmp_path / "cards")}
    assert datasets_of(load_config(written(tmp_path, **cards))) == ["baron_h1"]
    assert datasets_of(load_config(written(tmp_path, **cards, include_user_cards=True))) == ["baron_h1", "mine"]


def test_single_models_may_have_seeds_of_their_own(tmp_path):
    config = load_config(written(tmp_path, models=["hvg", "scvi"], seeds=[4], seeds_of={"scvi": [0, 2]}))
    assert runs_of(config) == [("baron_h1", "hvg", 4), ("baron_h1", "scvi", 0), ("baron_h1", "scvi", 2)]


def test_a_board_that_says_nothing_new_is_written_as_before(tmp_path):
    assert not {"seeds_of", "version", "date"} & set(load_config(written(tmp_path)).model_dump())
    new = {"seeds_of": {"hvg": [1]}, "version": "1.0", "date": "2026-11-30"}
    found = load_config(written(tmp_path, **new)).model_dump(mode="json")
    assert {key: found[key] for key in new} == new


def test_the_full_board_has_three_seeds_of_each_model_that_may_draw_and_one_of_the_rest():
    from scarena.models.registry import find_model

    config = load_config(ROOT / "config" / "full.yaml")
    cards = [find_model(name).card for name in config.models]
    three = {card.name for card in cards if card.family != "control" and card.draws is not False}
    assert {name for name in config.models if len(config.seeds_for(name)) == 3} == three
    assert {len(config.seeds_for(name)) for name in config.models} == {1, 3}
