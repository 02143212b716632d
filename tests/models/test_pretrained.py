"""Models of a board's own checkpoints are found by name, say what they were trained on, and embed with its weights."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from scarena.base.errors import ConfigError, ModelError
from scarena.models import pretrained
from scarena.models.base import Context
from scarena.models.embedding import check_embedding
from scarena.models.of_genes import GeneModel
from scarena.models.registry import find_model, fingerprint

TINY = {
    "name": "tiny",
    "gene_features": 0,
    "model": {"gene_width": 8, "width": 32, "heads": 2, "layers": 1, "feed_forward": 16, "embedding": 8},
    "task": {"cells": 16, "tokens": 16, "views": {"targets": 8, "zeros": 4}},
    "engine": {"steps": 4, "validate_every": None, "checkpoint_every": 4},
    "threads": 1,
}
KINDS = list(pretrained._KINDS)
OF_CELLS = [kind for kind in KINDS if not issubclass(pretrained._KINDS[kind].base, GeneModel)]


@pytest.fixture(scope="module")
def trained_on(make_cells):
    """The cells of the corpus."""
    return make_cells(n_cells=80, n_genes=60, seed=5)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory, trained_on):
    """Return a board's checkpoints: one that was made, one that failed, and one that was not begun."""
    from scarena.models.foundation.pretrain import pretrain

    folder = tmp_path_factory.mktemp("pretrained")
    trained_on.write_h5ad(folder / "cells.h5ad")
    source = {"name": "sample", "path": str(folder / "cells.h5ad"), "batch": "batch", "study": ["A-STUDY"]}
    corpus = {"name": "made-up", "h5ad": [source], "min_cells": 1}
    (folder / "tiny.yaml").write_text(yaml.safe_dump({**TINY, "corpus": corpus}))
    pretrain(folder / "tiny.yaml", folder / "tiny", folder / "cache")
    (folder / "broken").mkdir()
    failed = {"name": "broken", "format": None, "state": "failed(oom)", "reason": "stopped above 10 MiB"}
    (folder / "broken" / "manifest.json").write_text(json.dumps(failed))
    return {name: folder / name for name in ("tiny", "broken", "waiting")}


def found(kind, checkpoints, name="tiny"):
    return find_model(f"{kind}@{name}", checkpoints)


def embedded(model, data, **context):
    return check_embedding(model().embed(data.copy(), Context(**context)), data.n_obs, model.card.name)


def test_the_frozen_model_embeds_with_the_weights_of_the_checkpoint(checkpoints, cells):
    from scarena.models.foundation.checkpoint import load, read_genes
    from scarena.models.foundation.embed import embed

    folder = checkpoints["tiny"]
    expected = embed(load(folder), cells, read_genes(folder))
    np.testing.assert_array_equal(embedded(found("scarena-fm", checkpoints), cells), expected)


def test_the_twin_has_the_sizes_of_the_checkpoint_and_weights_of_the_seed(checkpoints, cells):
    twin, trained = (found(kind, checkpoints) for kind in ("scarena-fm-random", "scarena-fm"))
    first, again, other = (embedded(twin, cells, seed=seed) for seed in (0, 0, 1))
    assert first.shape == embedded(trained, cells).shape
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)
    assert not np.allclose(first, embedded(trained, cells), atol=1e-3)


def test_adapting_starts_from_the_checkpoint_and_is_reproducible(checkpoints, cells, monkeypatch):
    from scarena.models import scarena_fm
    from scarena.models.foundation import adapt

    begun, real = [], adapt.adapt

    def noted(model, data, genes, config, **more):
        begun.append((model.config.width, config.steps_for(data.n_obs), config.task.cells))
        return real(model, data, genes, config, **more)

    monkeypatch.setattr(adapt, "adapt", noted)
    monkeypatch.setitem(scarena_fm.MOST_STEPS, "transformer", 1)
    model = found("scarena-fm-adapted", checkpoints)
    first, again = (embedded(model, cells) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, embedded(found("scarena-fm", checkpoints), cells), atol=1e-4)
    assert begun == [(32, 1, 96)] * 2
    assert model.card.settings["most_steps"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_says_which_corpus_it_is_of_and_what_uses_it(checkpoints, kind):
    card, shipped = found(kind, checkpoints).card, find_model(kind).card
    assert card.name == f"{kind}@tiny"
    assert "tiny" in card.title
    assert "tiny" in card.description
    for key in ("family", "uses_batch", "uses_labels", "trains_on_target"):
        assert getattr(card, key) == getattr(shipped, key)
    trained = kind != "scarena-fm-random"
    assert card.training_corpus == (("sample", "A-STUDY") if trained else ())
    assert card.settings.get("corpus") == ("made-up" if trained else None)
    assert card.settings.get("corpus_cells") == (80 if trained else None)
    assert card.settings.get("pretraining_steps") == (4 if trained else None)
    assert bool(card.parameters) is trained


def test_the_passes_on_the_card_of_an_adapted_student_are_those_that_are_made():
    from scarena.models.foundation.adapt import AdaptConfig

    said, made = find_model("scarena-fm-adapted").card.settings, AdaptConfig()
    assert (said["passes"], said["most_steps"]) == (made.passes, made.most_steps)


@pytest.mark.parametrize("name", ["broken", "waiting"])
def test_without_a_checkpoint_the_card_claims_nothing_and_embedding_is_refused(checkpoints, cells, name):
    for kind in KINDS:
        model = found(kind, checkpoints, name)
        assert (model.card.training_corpus, bool(model.card.parameters)) == ((), False)
        assert "weights_sha256" not in model.card.settings
        if kind in OF_CELLS:
            with pytest.raises(ModelError, match=name):
                embedded(model, cells)


@pytest.mark.parametrize("kind", KINDS)
def test_what_makes_runs_stale_before_the_checkpoint_is_made_does_not_depend_on_it(checkpoints, kind):
    blind = {fingerprint(find_model(f"{kind}@{name}", {name: None})) for name in ("tiny", "waiting")}
    assert len(blind) == 2
    unmade = fingerprint(found(kind, {"tiny": checkpoints["waiting"]}))
    assert unmade == fingerprint(find_model(f"{kind}@tiny", {"tiny": None}))
    assert (unmade == fingerprint(found(kind, checkpoints))) is (kind == "scarena-fm-random")


@pytest.mark.parametrize("name", ["scarena-fm@other", "harmony@tiny", "scarena-fm-adapted@", "@tiny"])
def test_an_unknown_name_says_what_there_is(checkpoints, name):
    with pytest.raises(ConfigError, match=r"scarena-fm@broken.*scarena-fm-random@tiny"):
        find_model(name, checkpoints)
    with pytest.raises(ConfigError, match="pretrain:"):
        find_model(name)


def test_vectors_of_genes_are_those_of_the_checkpoint_and_its_sources_are_on_the_card(checkpoints):
    from scarena.models.foundation.checkpoint import load, read_genes
    from scarena.models.foundation.gene_inputs import input_vectors

    folder = checkpoints["tiny"]
    model = found("scarena-fm", checkpoints)
    asked = pd.DataFrame({"symbol": "x"}, index=[*read_genes(folder)[3:9], "ENSG99999999999"])
    expected = input_vectors(load(folder), read_genes(folder)).iloc[3:9]
    pd.testing.assert_frame_equal(model().gene_vectors(asked, Context()), expected, check_names=False)
    twin = found("scarena-fm-random", checkpoints)().gene_vectors(asked, Context(seed=1))
    assert twin.shape == expected.shape and not np.allclose(twin, expected, atol=1e-2)
    # This pretraining began with no profiles; the shipped one did.
    assert model.card.gene_knowledge == () != find_model("scarena-fm").card.gene_knowledge


def test_the_audit_finds_a_cell_of_the_corpus_and_only_there(checkpoints, trained_on, make_cells):
    from scarena.datasets.card import load_card
    from scarena.models.foundation.corpus.audit import audit
    from scarena.models.foundation.corpus.lookup import find_corpus

    prints = find_corpus("scarena-fm@tiny", checkpoints)
    card = load_card("baron_h1")
    seen = audit("tiny", prints, trained_on, card)
    assert (seen.state, seen.n_exact, seen.n_near) == ("cells", 80, 0)
    others = make_cells(n_cells=80, n_genes=60, seed=6)
    others.obs_names = [f"other{i}" for i in range(80)]
    assert audit("tiny", prints, others, card).state == "clean"
    assert find_corpus("scarena-fm-adapted@tiny", checkpoints).n_cells == prints.n_cells == 80
    assert find_corpus("scarena-fm@waiting", checkpoints).training_corpus == ()


def test_the_boards_contamination_follows_from_the_card(checkpoints):
    from scarena.board.make import contamination

    cards = [found(kind, checkpoints).card.model_dump(mode="json") for kind in KINDS]
    datasets = [
        {"dataset": "sample", "card": {"study": []}},
        {"dataset": "related", "card": {"study": ["a-study", "ANOTHER"]}},
        {"dataset": "elsewhere", "card": {"study": ["ANOTHER"]}},
    ]
    states = {(row["model"], row["dataset"]): row["state"] for row in contamination(cards, datasets)}
    assert states[("scarena-fm@tiny", "sample")] == states[("scarena-fm-adapted@tiny", "sample")] == "cells"
    assert states[("scarena-fm@tiny", "related")] == "study"
    assert states[("scarena-fm@tiny", "elsewhere")] == "clean"
    assert states[("scarena-fm-random@tiny", "elsewhere")] == "clean"
