"""A recipe is what the whole configuration is, and its hashes change with what decides the result and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scarena.base.errors import ConfigError
from scarena.models.foundation import recipe as module
from scarena.models.foundation.model import SIZES, Sizes
from scarena.models.foundation.pretrain import PretrainConfig
from scarena.models.foundation.recipe import Recipe, corpus_source, read_as, training_source

CONFIG = Path(__file__).parents[3] / "config"
SHIPPED = [CONFIG / f"{name}.yaml" for name in ("pretrain", "pretrain-nano", "pretrain-student", "pretrain-small")]


@pytest.fixture
def raw():
    return yaml.safe_load((CONFIG / "pretrain-nano.yaml").read_text())


def source(raw):
    return training_source(Recipe.model_validate(raw))


def test_the_recipe_named_small_is_of_that_size():
    given = yaml.safe_load((CONFIG / "pretrain-small.yaml").read_text())["model"]
    assert Sizes.model_validate(given) == SIZES["small"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_recipe_says_what_the_whole_configuration_does(path):
    recipe, whole = read_as(path, Recipe), read_as(path, PretrainConfig)
    for key in Recipe.model_fields:
        assert getattr(recipe, key) == getattr(whole, key)
    written = yaml.safe_load(path.read_text())
    assert {key: recipe.model_extra[key] for key in ("model", "task")} == {k: written[k] for k in ("model", "task")}


def test_a_recipe_is_read_and_hashed_without_torch():
    ask = (
        "import sys; from pathlib import Path\n"
        "from scarena.models.foundation.recipe import Recipe, read_as, training_source\n"
        f"training_source(read_as(Path({str(SHIPPED[0])!r}), Recipe)); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "other"), ("gene_features", 0), ("threads", 1), ("model", {"kind": "bag"}),
        ("task", {"cells": 97}), ("engine", {"steps": 201}), ("corpus", {"seed": 1}), ("corpus", {"cards": ["kang"]}),
    ],
)  # fmt: skip
def test_every_setting_is_in_the_hash(raw, key, value):
    changed = {**raw, key: {**raw[key], **value} if isinstance(value, dict) else value}
    assert source(changed) != source(raw)


def test_the_order_of_keys_is_not_in_the_hash(raw):
    assert source(dict(reversed(raw.items()))) == source(raw)


def test_a_changed_card_or_changed_code_makes_corpus_and_checkpoint_stale(raw, monkeypatch):
    recipe = Recipe.model_validate(raw)
    before = corpus_source(recipe.corpus, bulk=True), training_source(recipe)
    assert corpus_source(recipe.corpus, bulk=True) == before[0]
    for target, name in (("scarena.datasets.card", "card_fingerprint"), (module.__name__, "digest_of")):
        with monkeypatch.context() as patched:
            patched.setattr(f"{target}.{name}", lambda *given: "another")
            after = corpus_source(recipe.corpus, bulk=True), training_source(recipe)
            assert after[0] != before[0]
            assert after[1] != before[1]


def test_of_a_vocabulary_the_content_counts_and_not_its_place(raw, tmp_path):
    first, moved, other = (tmp_path / name for name in ("a.txt", "b.txt", "c.txt"))
    for path, text in ((first, "ENSG1\n"), (moved, "ENSG1\n"), (other, "ENSG2\n")):
        path.write_text(text)
    corpus = Recipe.model_validate(raw).corpus
    given = [corpus_source(corpus.model_copy(update={"vocabulary": p}), bulk=True) for p in (first, moved, other)]
    assert given[0] == given[1]
    assert len({given[0], given[2], corpus_source(corpus, bulk=True), corpus_source(corpus, bulk=False)}) == 4


def test_another_file_of_the_same_name_is_another_corpus(raw, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw["atlas"] = str(CONFIG / "atlas.yaml")
    raw["corpus"] = {"name": "c", "h5ad": [{"name": "mine", "path": "mine.h5ad"}]}
    found = [source(raw)]
    for content, written in (("ab", 10), ("abc", 10), ("ab", 20)):
        Path("mine.h5ad").write_text(content)
        os.utime("mine.h5ad", ns=(written, written))
        found.append(source(raw))
    assert len(set(found)) == 4
    checked = {**raw, "corpus": {"name": "c", "h5ad": [{"name": "mine", "path": "mine.h5ad", "sha256": "0" * 64}]}}
    before = source(checked)
    Path("mine.h5ad").write_text("another")
    assert source(checked) == before


def test_a_teacher_with_other_weights_makes_another_checkpoint(raw, tmp_path):
    taught = {**raw, "teacher": str(tmp_path)}
    found = [source({**raw, "teacher": None}), source({**raw, "teacher": "start"}), source(taught)]
    for weights in "ab":
        (tmp_path / "manifest.json").write_text(weights)
        found.append(source(taught))
    assert len(set(found)) == 5


def test_a_recipe_without_a_corpus_is_refused_in_one_line(tmp_path):
    (tmp_path / "p.yaml").write_text("name: x\nengine: {steps: 1}\n")
    with pytest.raises(ConfigError, match=r"p\.yaml: corpus"):
        read_as(tmp_path / "p.yaml", Recipe)


def test_an_atlas_of_other_sources_is_another_corpus_and_its_place_is_of_no_matter(raw, tmp_path):
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text((CONFIG / "atlas.yaml").read_text())
    assert source({**raw, "atlas": str(elsewhere)}) == source({**raw, "atlas": str(CONFIG / "atlas.yaml")})
    assert source({**raw, "atlas": str(CONFIG / "atlas-hpa.yaml")}) != source(raw)
    assert source({**raw, "atlas": None}) != source(raw)
    elsewhere.write_text(elsewhere.read_text() + "leave_out: [brain]\n")
    assert source({**raw, "atlas": str(elsewhere)}) != source(raw)
