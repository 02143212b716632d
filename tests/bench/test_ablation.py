"""An ablation measures each variant once, goes on where it was, and never averages over what is missing."""

import itertools
import json

import numpy as np
import pytest
import yaml

from scarena.base.errors import ConfigError, ModelError
from scarena.bench import ablation
from scarena.bench.ablation import COLUMNS, METRICS, ablate, table
from scarena.bench.ablation_config import AblationConfig, Job, Variant, changed, jobs, read_config

RECIPE = {"name": "tiny", "engine": {"steps": 2}, "task": {"weights": {"contrast": 1.0}}, "gene_features": 60}


@pytest.fixture
def config(tmp_path):
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    board = {"board": "b", "datasets": ["x"], "models": ["hvg"], "results": str(tmp_path / "results")}
    (tmp_path / "board.yaml").write_text(yaml.safe_dump(board))
    return AblationConfig(
        base=tmp_path / "recipe.yaml", board=tmp_path / "board.yaml", datasets=["x", "y", "z"], development=["x"],
        seeds=[0, 1],
        variants={
            "whole": Variant(uses=["frozen", "adapted"]),
            "no contrast": Variant(set={"task.weights.contrast": 0.0}),
        },
    )  # fmt: skip


def scores(value):
    return dict.fromkeys(METRICS, value)


def test_settings_are_changed_by_name_and_the_base_stays_as_it_is():
    made = changed(RECIPE, {"task.weights.contrast": 0.5, "model.kind": "bag", "gene_features": None}, seed=7)
    assert made == {
        "name": "tiny", "engine": {"steps": 2, "seed": 7}, "task": {"weights": {"contrast": 0.5}, "seed": 7},
        "model": {"kind": "bag"},
    }  # fmt: skip
    assert RECIPE["task"] == {"weights": {"contrast": 1.0}}


def test_every_variant_use_seed_and_dataset_is_a_job_and_models_are_made_once(config):
    found = list(jobs(config))
    assert len(found) == len(set(found)) == (2 + 1) * 2 * 3
    models = [(job.variant, job.seed) for job in found]
    assert len(set(models)) == 1 + sum(one != other for one, other in itertools.pairwise(models))


def test_what_was_measured_is_not_measured_again_and_a_changed_recipe_is(config, tmp_path, monkeypatch):
    asked = []

    def measured(self, job):
        asked.append(job)
        if job.dataset == "z" and job.use == "frozen":
            raise KeyboardInterrupt
        return {"state": "ok", "reason": "", "scores": scores(0.5)}

    monkeypatch.setattr(ablation.Ablation, "measured", measured)
    kept = tmp_path / "kept.json"
    with pytest.raises(KeyboardInterrupt):
        ablate(config, kept, tmp_path)
    assert len(json.loads(kept.read_text())["rows"]) == len(asked) - 1 == 4
    answer = {"state": "ok", "reason": "", "scores": scores(0.5)}
    monkeypatch.setattr(ablation.Ablation, "measured", lambda self, job: asked.append(job) or answer)
    rows = ablate(config, kept, tmp_path)
    assert len(rows) == 18
    assert len(asked) == 18 + 1
    ablate(config, kept, tmp_path)
    assert len(asked) == 19
    other = config.model_copy(update={"variants": {**config.variants, "whole": Variant(set={"gene_features": 0})}})
    ablate(other, kept, tmp_path)
    assert len(asked) == 19 + 6


def test_a_mean_is_over_the_sets_that_all_have_and_its_spread_over_seeds(config):
    rows = [
        {"variant": job.variant, "use": job.use, "seed": job.seed, "dataset": job.dataset, "state": "ok",
         "scores": scores({"x": 0.2, "y": 0.4, "z": 0.9}[job.dataset] + 0.1 * job.seed)}
        for job in jobs(config)
    ]  # fmt: skip
    lacking = next(row for row in rows if row["use"] == "adapted" and row["dataset"] == "z")
    lacking |= {"state": "not applicable", "scores": {}}
    spread = np.std([0.3, 0.4], ddof=1)
    expected = f"{0.35:.3f} ± {spread:.3f}"
    for line in table(config, rows):
        assert line[2:7] == [expected] * len(METRICS)
        assert line[7:9] == [f"{0.45:.3f} ± {spread:.3f}", "n/a"]
    assert [line[9] for line in table(config, rows)] == ["3/3", "3/3", "3/3"]
    assert all(len(line) == len(COLUMNS) for line in table(config, rows))


def test_sets_outside_the_atlas_are_a_mean_of_their_own(config):
    apart = config.model_copy(update={"outside": ["x", "z"]})
    rows = [
        {"variant": job.variant, "use": job.use, "seed": job.seed, "dataset": job.dataset, "state": "ok",
         "scores": scores({"x": 0.2, "y": 0.4, "z": 0.9}[job.dataset])}
        for job in jobs(apart)
    ]  # fmt: skip
    assert {tuple(line[7:9]) for line in table(apart, rows)} == {("0.400 ± 0.000", "0.900 ± 0.000")}


def test_a_model_that_cannot_be_adapted_is_a_state_and_no_score(config, tmp_path, monkeypatch):
    def refused(self, job):
        raise ModelError("no", where="here", fix="that")

    monkeypatch.setattr(ablation.Ablation, "_scores", refused)
    rows = ablate(config, tmp_path / "kept.json", tmp_path)
    assert {row["state"] for row in rows} == {"failed(error)"}
    assert all(row["scores"] == {} for row in rows)
    assert {cell for line in table(config, rows) for cell in line[2:9]} == {"n/a"}


def test_a_baseline_is_run_as_it_is_on_counts_without_labels(config, tmp_path, monkeypatch, cells):
    given = []

    class Noted:
        def embed(self, data, context):
            given.append((list(data.obs), context.seed))
            return np.ones((data.n_obs, 2))

    variants = {"baseline": Variant(model="hvg")}
    made = ablation.Ablation(config.model_copy(update={"variants": variants}), tmp_path)
    monkeypatch.setattr("scarena.models.registry.find_model", lambda name: Noted)
    folder = made.folder / "x"
    folder.mkdir(parents=True)
    (folder / "reference.npz").touch()
    (folder / "dataset.h5ad").touch()
    monkeypatch.setattr("scarena.datasets.prepared.read_prepared", lambda path: cells)
    monkeypatch.setattr("scarena.tasks.dataset_reference.read", lambda path: None)
    cells.obs["cell_type"] = "t"
    data, _ = made._dataset("x")
    assert made._vectors(Job("baseline", "frozen", 4, "x"), data).shape == (cells.n_obs, 2)
    assert given[0][1] == 4
    assert "cell_type" not in given[0][0]
    with pytest.raises(ValueError, match="used as it is"):
        Variant(model="hvg", uses=["adapted"])


def test_each_use_is_of_the_model_that_it_says(config, tmp_path, monkeypatch, cells):
    from scarena.models.foundation import adapt, embed, guard

    said = []
    monkeypatch.setattr(ablation.Ablation, "model", lambda self, job: ("model", ["genes"]))
    monkeypatch.setattr(guard, "guarded", lambda model, data, genes, seed: (f"guarded {model}", None))
    monkeypatch.setattr(adapt, "adapt", lambda model, *a, **b: (said.append(model) or f"adapted {model}", None))
    vectors = {"model": 1.0, "adapted model": 2.0, "adapted guarded model": 3.0}
    rng = np.random.default_rng(0)
    monkeypatch.setattr(embed, "embed", lambda model, data, genes: vectors[model] + rng.normal(size=(240, 4)))
    made = ablation.Ablation(config, tmp_path)
    found = {
        use: made._vectors(Job("whole", use, 0, "x"), cells)
        for use in ("frozen", "adapted", "adapted-harmony", "unguarded", "unguarded-harmony")
    }
    means = {use: round(float(z.mean())) for use, z in found.items()}
    # Harmony's vectors are centred first.
    assert means == {"frozen": 1, "adapted": 3, "adapted-harmony": 0, "unguarded": 2, "unguarded-harmony": 0}
    assert said == ["guarded model", "model"]


def test_bad_configurations_and_unprepared_boards_are_named(config, tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        read_config(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("base: a\nvariant: 1\n")
    with pytest.raises(ConfigError, match="variant: Extra inputs"):
        read_config(tmp_path / "bad.yaml")
    with pytest.raises(ConfigError, match="scarena run --config"):
        ablation.Ablation(config, tmp_path)._dataset("x")
