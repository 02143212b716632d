"""The published numbers are what their sources say, and ours stand beside them with the right verdict."""

import json
from itertools import pairwise

import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import silhouette_samples, silhouette_score
from sklearn.neighbors import NearestNeighbors
from typer.testing import CliRunner

from scarena.base.errors import ConfigError, SourceError
from scarena.bench.publications import COLUMNS, compare, load_published
from scarena.bench.reproduce import KEYS, merged_batches, overall, reproduce, scib_connectivity
from scarena.cli.app import app
from scarena.datasets import sources
from scarena.datasets.card import load_card
from scarena.datasets.genes import gene_table
from scarena.datasets.sources import cached_path
from scarena.metrics.scores import Score

WHEEL = "3953f96a4476ed1dd2807446d97d3945e8905bbdac6bfef0d20b84a9a00d1101"


@pytest.fixture(scope="module")
def published():
    return load_published("pancreas")


def scores(values):
    return {metric: Score.of(value) for metric, value in values.items()}


def test_published_totals_are_the_sum_that_ours_is(published):
    totals = [values for source in published.sources for values in source.values.values() if "overall" in values]
    assert len(totals) == 3
    for values in totals:
        assert overall(scores(values)).value == pytest.approx(values["overall"], abs=1e-4)


def test_the_sources_agree_with_each_other_within_the_tolerance(published):
    judged = published.tolerance
    for one, other in pairwise(source.values for source in published.sources):
        for model in judged.models:
            assert all(abs(one[model][key] - other[model][key]) <= judged.value for key in judged.metrics)


def test_values_that_are_published_agree_with_themselves(published):
    source = published.sources[0]
    rows = compare(source, "harmony", scores(source.values["harmony"]), published.tolerance)
    assert [row.metric for row in rows] == [*("nmi", "ari", "asw_label", "graph_connectivity", "asw_batch", "overall")]
    assert [row.difference for row in rows] == pytest.approx([0.0] * 6)
    assert [row.verdict for row in rows] == ["within", "within", "", "", "", ""]


@pytest.mark.parametrize(("off", "verdict"), [(0.015, "within"), (-0.015, "within"), (0.0151, "outside")])
def test_the_tolerance_is_included(published, off, verdict):
    source = published.sources[0]
    ours = scores({metric: value + off for metric, value in source.values["scvi"].items()})
    nmi, ari, *others = compare(source, "scvi", ours, published.tolerance)
    assert nmi.verdict == ari.verdict == verdict
    assert nmi.holds == (verdict == "within") and all(row.holds for row in others)
    assert nmi.difference == pytest.approx(off)
    assert nmi.entries()[:3] == ["scFM-Bench", "scvi", "nmi"] and len(nmi.entries()) == len(COLUMNS)


def test_a_model_without_a_stated_tolerance_gets_no_verdict(published):
    source = published.sources[0]
    rows = compare(source, "hvg", scores(dict.fromkeys(source.values["hvg"], 0.1)), published.tolerance)
    assert {row.verdict for row in rows} == {""}


def test_a_missing_part_is_missing_in_its_row_and_in_the_sum(published):
    source = published.sources[0]
    ours = {**scores(source.values["harmony"]), "nmi": Score.failed("no clusters")}
    ours["overall"] = overall(ours)
    rows = {row.metric: row for row in compare(source, "harmony", ours, published.tolerance)}
    assert [metric for metric, row in rows.items() if not row.holds] == ["nmi", "overall"]
    assert rows["nmi"].entries()[3:] == ["–", "0.9158", "–", "0.015", "failed: no clusters"]
    assert "nmi" in rows["overall"].verdict


def test_the_runs_of_indrop_are_one_batch_for_the_source_that_says_so(published, cells):
    cells.obs["batch"] = np.array(["inDrop1", "inDrop4", "celseq", "celseq2"])[np.arange(cells.n_obs) % 4]
    merged = merged_batches(cells, published.sources[0].merge_batches)
    assert list(merged.obs["batch"][:4]) == ["indrop", "indrop", "celseq", "celseq2"]
    assert list(cells.obs["batch"][:2]) == ["inDrop1", "inDrop4"]
    assert list(merged_batches(cells, {}).obs["batch"]) == list(cells.obs["batch"])


@pytest.mark.parametrize("seed", range(4))
def test_connectivity_is_that_of_the_symmetric_neighbour_graph(seed):
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(120, 2)), rng.choice(["a", "b", "c", "d", "e"], 120)
    near = NearestNeighbors(n_neighbors=15).fit(x).kneighbors_graph(x)
    graph, shares = near + near.T, []
    for label in np.unique(labels):
        part = connected_components(graph[labels == label][:, labels == label], directed=False)[1]
        shares.append(np.bincount(part).max() / len(part))
    assert scib_connectivity(x, labels, n_jobs=1).value == pytest.approx(np.mean(shares))
    assert np.mean(shares) < 1


def test_without_the_file_it_says_skipped_in_one_line(monkeypatch, tmp_path):
    def unreachable(url, folder, **_):
        raise SourceError("could not be downloaded", where=url, fix="check the network")

    monkeypatch.delenv("SCARENA_MIRROR", raising=False)
    monkeypatch.setattr(sources, "download", unreachable)
    done = CliRunner().invoke(app, ["reproduce", "pancreas", "--cache", str(tmp_path)])
    assert done.exit_code == 0
    assert done.output.startswith("skipped: scib_pancreas") and done.output.count("\n") == 1
    assert "could not be downloaded" in done.output


def test_what_was_not_published_is_a_wrong_call(published, tmp_path):
    with pytest.raises(ConfigError, match="one of: pancreas"):
        load_published("kidney")
    with pytest.raises(ConfigError, match="no source has the model 'pca'"):
        reproduce(published, cache=tmp_path, models=["pca"])


@pytest.fixture
def mirrored(monkeypatch, tmp_path, cache):
    """Serve a few cells as the file of the card, laid out as scIB's is; return the cells and a cache for the run."""
    symbols = sorted(gene_table(cache=cache).symbol_to_id)[:300]
    card, rng = load_card("scib_pancreas"), np.random.default_rng(0)
    types, batches = np.arange(320) % 4, np.arange(320) // 4 % 4
    rates = rng.gamma(0.6, 2.0, (4, 300)) * rng.lognormal(0, 0.3, (4, 1, 300))
    # Some technologies were published as fractions.
    counts = rng.poisson(rates[batches, types]) + 0.25 * (batches == 3)[:, None]
    data = AnnData(np.log1p(counts).astype(np.float32), layers={"counts": csr_matrix(counts.astype(np.float32))})
    data.obs_names, data.var_names = [f"c{i}" for i in range(320)], symbols
    data.obs["tech"] = np.array(["inDrop1", "inDrop2", "celseq", "smartseq2"])[batches]
    data.obs["celltype"] = np.array(sorted(card.labels))[types]
    folder = tmp_path / "mirror"
    (folder / card.name).mkdir(parents=True)
    data.write_h5ad(folder / card.name / card.files[0].url.rsplit("/", 1)[-1])
    (folder / "wheels").mkdir()
    (folder / "wheels" / "celltypist-1.7.1-py3-none-any.whl").symlink_to(cached_path(cache, WHEEL).absolute())
    monkeypatch.setenv("SCARENA_MIRROR", str(folder))
    return data, tmp_path / "cache"


def test_a_run_puts_our_scores_beside_the_published(mirrored, published):
    data, cache = mirrored
    told = []
    found = reproduce(published, cache=cache, models=["hvg"], say=told.append)
    assert not found.skipped and told == ["hvg with the batches of scFM-Bench"]
    ours = {row.metric: row.ours.value for row in found.rows}
    assert set(ours) == {*KEYS, "graph_connectivity", "overall"}
    # HVG takes all of few genes: counts rounded, per 10,000, log1p.
    counts = np.rint(data.layers["counts"].toarray())
    x = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))
    labels, batch = data.obs["celltype"].to_numpy(), data.obs["tech"].str.replace(r"inDrop\d", "inDrop", regex=True)
    assert ours["asw_label"] == pytest.approx((1 + silhouette_score(x, labels)) / 2, abs=1e-5)
    within = [
        1 - np.abs(silhouette_samples(x[labels == label], batch[labels == label])).mean() for label in np.unique(labels)
    ]
    assert ours["asw_batch"] == pytest.approx(np.mean(within), abs=1e-5)
    assert ours["nmi"] > 0.9 and ours["ari"] > 0.9
    bio = (ours["nmi"] + ours["ari"] + ours["asw_label"]) / 3
    assert ours["overall"] == pytest.approx(0.6 * bio + 0.4 * (ours["asw_batch"] + ours["graph_connectivity"]) / 2)


def test_a_model_that_breaks_leaves_the_others_their_rows(mirrored, monkeypatch):
    from scarena.models import registry

    find = registry.find_model

    class Broken(find("harmony")):
        def embed(self, data, ctx):
            raise ZeroDivisionError("no clusters")

    monkeypatch.setattr(registry, "find_model", lambda name: Broken if name == "harmony" else find(name))
    command = ["reproduce", "--model", "hvg", "--model", "harmony", "--cache", str(mirrored[1]), "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 3
    rows = json.loads(done.stdout)
    assert [row["model"] for row in rows] == ["hvg"] * 6 + ["harmony"] * 11
    assert {row["verdict"] for row in rows if row["model"] == "hvg"} == {""}
    assert {row["verdict"] for row in rows if row["model"] == "harmony"} == {"failed: ZeroDivisionError: no clusters"}
    assert "913c69f" in done.stderr and "scib-reproducibility" in done.stderr
