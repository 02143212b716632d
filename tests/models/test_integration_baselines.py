"""The further baselines keep the promises of the protocol, and each does what its name says.

Those with an environment of their own are tested where their package can be imported, Seurat where R has it.
"""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from scarena.base.errors import ModelError, NotApplicable, NotAvailable, state_of
from scarena.models.base import Context
from scarena.models.baselines import seurat
from scarena.models.baselines.symphony import reference_batches
from scarena.models.embedding import check_embedding, hand_over
from scarena.models.registry import all_models, find_model

PACKAGES = {"scanorama": "scanorama", "symphony": "symphonypy", "glm-pca": "glmpca", "concord": "concord"}
DIMENSIONS = {
    "scanvi": 30,
    "linear-scvi": 10,
    "random-projection": 50,
    "pearson-pca": 50,
    "scanorama": 99,
    "symphony": 50,
    "glm-pca": 10,
    "concord": 100,
    "seurat-cca": 30,
    "seurat-rpca": 30,
}
BY_BATCH = ("scanorama", "symphony", "seurat-cca", "seurat-rpca")
pytestmark = pytest.mark.usefixtures("one_thread")


def embedded(name, cells, seed=0):
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name], reason=f"{name} runs in an environment of its own")
    if name.startswith("seurat") and seurat.missing():
        pytest.skip(f"needs {seurat.missing()}")
    model = find_model(name)
    return check_embedding(model().embed(hand_over(cells, model.card), Context(seed=seed)), cells.n_obs, name)


@pytest.fixture
def few(make_cells):
    """A hundred and forty cells of two batches, the first without counts and a type."""
    cells = make_cells(n_cells=140, n_genes=100)
    cells.X[0].data[:] = 0
    cells.X.eliminate_zeros()
    cells.obs.loc["cell0", "cell_type"] = ""
    return cells


@pytest.mark.parametrize("name", DIMENSIONS)
def test_two_runs_with_one_seed_are_equal_an_empty_cell_is_no_error_and_the_input_is_left_alone(name, few):
    before = few.copy()
    # What works on batches one by one must not mind how they lie: the second run is of the cells sorted by batch.
    order = np.argsort(few.obs["batch"].to_numpy(), kind="stable") if name in BY_BATCH else np.arange(few.n_obs)
    first = embedded(name, few)
    np.testing.assert_array_equal(first[order], embedded(name, few[order].copy()))
    assert first.shape[1] == DIMENSIONS[name]
    assert (few.X != before.X).nnz == 0
    assert few.obs.equals(before.obs)


@pytest.mark.parametrize("name", sorted(set(DIMENSIONS) - {"scanvi", "linear-scvi", "seurat-rpca"}))
def test_one_batch_is_no_error(name, few):
    few.obs["batch"] = "only"
    embedded(name, few)


@pytest.mark.parametrize("name", ["scanorama", "symphony", "concord", "seurat-rpca"])
def test_integration_brings_the_batches_closer(name, cells):
    def gap(embedding):
        first = (cells.obs["batch"] == "batch0").to_numpy()
        return np.linalg.norm(embedding[first].mean(0) - embedding[~first].mean(0)) / embedding.std()

    assert gap(embedded(name, cells)) < 0.7 * gap(embedded("pca", cells))


def test_a_random_projection_keeps_squared_distances_on_average_and_another_seed_is_another_one(few):
    whole = embedded("hvg", few)
    projections = [embedded("random-projection", few, seed) for seed in range(5)]
    pairs = np.triu_indices(few.n_obs, 1)

    def squared(x):
        return ((x[pairs[0]] - x[pairs[1]]) ** 2).sum(1)

    ratios = np.array([squared(each) / squared(whole) for each in projections])
    # chi-squared with 50 degrees of freedom: mean 1, standard deviation 0.2
    assert ratios.mean() == pytest.approx(1, abs=0.1)
    assert ratios.std() == pytest.approx(0.2, abs=0.05)
    assert not np.array_equal(projections[0], projections[1])


def test_pearson_pca_has_the_distances_of_the_residuals_by_their_definition(make_cells):
    cells = make_cells(n_cells=60, n_genes=40)
    y_NG = cells.X.toarray().astype(float)
    mu_NG = y_NG.sum(1, keepdims=True) * y_NG.sum(0, keepdims=True) / y_NG.sum()
    residuals_NG = np.clip((y_NG - mu_NG) / np.sqrt(mu_NG + mu_NG**2 / 100), -np.sqrt(60), np.sqrt(60))
    u_NK, s_K, _ = np.linalg.svd(residuals_NG - residuals_NG.mean(0), full_matrices=False)
    components = embedded("pearson-pca", cells)
    assert components.shape == (60, 39)
    np.testing.assert_allclose(np.abs(components), np.abs(u_NK * s_K)[:, :39], atol=1e-2)


def test_pearson_pca_chooses_genes_that_vary_within_batches(make_cells):
    cells = make_cells(n_cells=120, n_genes=2100)
    cells.obs.loc["cell0", "batch"] = "of one cell"
    assert embedded("pearson-pca", cells).shape == (120, 50)


def test_glm_pca_finds_the_factor_that_made_the_counts(make_cells):
    rng = np.random.default_rng(0)
    cells = make_cells(n_cells=150, n_genes=80)
    factor_N, loading_G = rng.normal(size=150), rng.normal(size=80)
    cells.X = csr_matrix(rng.poisson(np.exp(2 + np.outer(factor_N, loading_G))).astype(np.int32))
    cells.obs["batch"] = "only"
    assert abs(np.corrcoef(embedded("glm-pca", cells)[:, 0], factor_N)[0, 1]) > 0.95


def test_glm_pca_raises_its_penalty_where_the_fit_diverges_and_says_so_where_none_helps(few, monkeypatch):
    package = pytest.importorskip("glmpca.glmpca", reason="glm-pca runs in an environment of its own")
    fit, penalties = package.glmpca, []

    def diverging(*args, penalty, **options):
        penalties.append(penalty)
        if penalty < least:
            raise package.GlmpcaError("Numerical divergence (deviance no longer finite)")
        return fit(*args, penalty=penalty, **options)

    monkeypatch.setattr(package, "glmpca", diverging)
    least = 100
    embedded("glm-pca", few)
    assert penalties == [1, 10, 100]
    least = 1e6
    with pytest.raises(ModelError, match="diverges under every penalty up to 1000"):
        embedded("glm-pca", few)


def test_symphony_maps_onto_a_reference_that_the_mapped_cells_do_not_move(few):
    few.obs["batch"] = np.array(["mapped", "first", "second", "first", "second"])[np.arange(few.n_obs) % 5]
    mapped = (few.obs["batch"] == "mapped").to_numpy()
    before = embedded("symphony", few)
    counts = few.X.toarray()
    counts[mapped] = counts[mapped][:, ::-1]
    few.X = csr_matrix(counts)
    after = embedded("symphony", few)
    np.testing.assert_array_equal(before[~mapped], after[~mapped])
    assert (before[mapped] != after[mapped]).all()


def test_the_reference_is_the_larger_half_of_the_batches():
    assert reference_batches(pd.Series(["only"])) == ["only"]
    assert reference_batches(pd.Series(["a", "b", "b"])) == ["b"]
    assert reference_batches(pd.Series(["c", "a", "b", "b"])) == ["b", "a"]


def test_scanvi_has_nothing_to_classify_where_there_is_one_type(few):
    few.obs["cell_type"] = "type0"
    with pytest.raises(NotApplicable, match="fewer than two cell types"):
        embedded("scanvi", few)


def test_scanvi_tells_types_apart_that_the_counts_do_not(make_cells):
    # The mean of half of the cells is 0.09 standard deviations from that of all where labels have no say.
    cells = make_cells(n_cells=120, n_genes=30, n_types=1)
    cells.obs["cell_type"] = np.where(np.arange(120) % 4 < 2, "even", "odd")
    embedding = embedded("scanvi", cells)
    centred = embedding - embedding.mean(0)
    between = centred[(cells.obs["cell_type"] == "even").to_numpy()].mean(0)
    assert np.linalg.norm(between) > 0.2 * np.sqrt((centred**2).sum(1).mean())


def test_seurat_lowers_its_weights_where_batches_share_few_anchors(make_cells, caplog):
    caplog.set_level("INFO", logger="scarena")
    cells = make_cells(n_cells=260, n_genes=100)
    cells.obs["batch"] = np.where(np.arange(260) < 130, "mostly other cells", "others")
    counts = cells.X.toarray()
    counts[:120] = counts[:120][:, np.random.default_rng(0).permutation(100)]
    cells.X = csr_matrix(counts)
    assert embedded("seurat-rpca", cells).shape == (260, 30)
    assert 5 <= int(re.search(r"k\.weight (\d+)", caplog.text)[1]) < 100


@pytest.mark.parametrize("name", ["seurat-cca", "seurat-rpca"])
def test_seurat_does_not_apply_to_a_batch_of_no_more_cells_than_its_dimensions(name, few, monkeypatch):
    monkeypatch.setattr(seurat, "missing", lambda: "")
    few.obs["batch"] = np.where(np.arange(few.n_obs) < 30, "small", "large")
    with pytest.raises(NotApplicable, match="batch 'small' has 30 cells") as raised:
        embedded(name, few)
    assert state_of(raised.value) == "not applicable"


@pytest.mark.parametrize(("status", "error"), [(1, ModelError), (3, NotAvailable), (4, NotApplicable)])
def test_how_r_ends_is_the_state_on_the_board(few, status, error, tmp_path, monkeypatch):
    (tmp_path / "Rscript").write_text(f"#!/bin/sh\necho said; echo broke >&2; exit {status}\n")
    (tmp_path / "Rscript").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(seurat, "missing", lambda: "")
    with pytest.raises(error, match="broke" if status == 1 else "said"):
        find_model("seurat-cca")().embed(few, Context())


def test_without_r_seurat_says_what_to_install(few, monkeypatch):
    monkeypatch.setattr(seurat.shutil, "which", lambda _: None)
    seurat.missing.cache_clear()
    try:
        assert "apt install r-cran-seurat" in find_model("seurat-cca").lacks()
        with pytest.raises(NotAvailable, match="r-cran-seurat"):
            find_model("seurat-cca")().embed(few, Context())
    finally:
        seurat.missing.cache_clear()


def test_models_with_an_environment_can_be_imported_beside_nothing_but_scanpy():
    models = [model for name, model in all_models().items() if name in PACKAGES]
    assert all(model.card.environment.pip and model.lacks() == "" for model in models)
    modules = ", ".join(sorted(model.__module__ for model in models))
    absent = ["torch", "scvi", "harmonypy", "scib_metrics", "typer", "snakemake", "plotly", *PACKAGES.values()]
    code = f"import sys; sys.modules.update(dict.fromkeys({absent})); import {modules}"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
