"""The scIB group in one call: parity with the library's Benchmarker, invariances, degenerate datasets."""

import numpy as np
import pytest

from scarena.base.errors import DataError, ModelError
from scarena.metrics import families, score_embedding
from scarena.metrics.aggregate import WEIGHTS
from scarena.metrics.neighbors import nearest_neighbors, scib_library
from scarena.metrics.reference import DatasetReference
from scarena.metrics.registry import keys_of
from scarena.metrics.scores import FAILED, NOT_APPLICABLE, OK

NEED_GENES = ("cell_cycle", "hvg_overlap")
BIO_KEYS = tuple(key for key in keys_of("bio") if key not in NEED_GENES)
BATCH_KEYS = keys_of("batch")
# Clusterings start from given rows; all else is a function of the set of cells.
CLUSTERED = {"kmeans_nmi", "kmeans_ari", "leiden_nmi", "leiden_ari", "isolated_labels_f1", "bio", "total"}


def scored(cells, *, embedding=None, batch=None, labels=None, pre_pca="given", **options):
    return score_embedding(
        cells.x if embedding is None else embedding,
        batch=cells.batch if batch is None else batch,
        labels=cells.labels if labels is None else labels,
        reference=DatasetReference(cells.pre_pca if isinstance(pre_pca, str) else pre_pca),
        **{"metrics": [*BIO_KEYS, *BATCH_KEYS, *WEIGHTS], **options},
    )


def values(scores):
    return {key: score.value for key, score in scores.items()}


@pytest.fixture(scope="module")
def reference(cells):
    return scored(cells)


def test_every_score_is_there(reference):
    assert set(reference) == {*BIO_KEYS, *BATCH_KEYS, "bio", "batch", "total"}
    assert {score.state for score in reference.values()} == {OK}
    assert all(-0.5 <= score.value <= 1.0 + 1e-6 for score in reference.values())


@pytest.mark.slow  # the library compiles for a minute
def test_agrees_with_the_benchmarker_of_scib_metrics(cells):
    import anndata
    import pandas as pd

    scib_library()
    from scib_metrics.benchmark import BatchCorrection, Benchmarker, BioConservation

    # Two labels, because the library compiles anew for every one; each in one piece, because with several its kBET
    # weighs a stationary component by 1 only if single precision rounds its eigenvalue to exactly 1.
    cells = cells.rows(cells.labels < "type 2")
    labels, reference = cells.labels, scored(cells)
    obs = pd.DataFrame({"batch": cells.batch, "label": labels}, index=[f"c{i}" for i in range(len(cells.x))])
    data = anndata.AnnData(cells.pre_pca, obs=obs, obsm={"x": cells.x, "pre": cells.pre_pca})
    bench = Benchmarker(
        data, "batch", "label", ["x"],
        BioConservation(nmi_ari_cluster_labels_leiden={"seed": 0}), BatchCorrection(),
        pre_integrated_embedding_obsm_key="pre", progress_bar=False,
    )  # fmt: skip
    bench.prepare(lambda x, k: nearest_neighbors(x, k).scib(k))
    bench.benchmark()
    theirs = bench.get_results(clean_names=False).loc["x"]
    names = {
        "isolated_labels": "isolated_labels", "silhouette_label": "silhouette_label", "bras": "bras",
        "clisi": "clisi_knn", "ilisi": "ilisi_knn", "graph_connectivity": "graph_connectivity", "pcr": "pcr_comparison",
    }  # fmt: skip
    names |= {
        f"{how}_{what}": f"nmi_ari_cluster_labels_{how}_{what}"
        for how in ("kmeans", "leiden")
        for what in ("nmi", "ari")
    }
    for ours, other in names.items():
        assert reference[ours].value == pytest.approx(float(theirs[other]), abs=2e-5), ours
    # Their neighbours in diffusion space are approximate and their eigensolver starts at random.
    assert reference["kbet"].value == pytest.approx(float(theirs["kbet_per_label"]), abs=0.03)


def test_the_order_of_the_cells_does_not_matter(cells, reference):
    order = np.random.default_rng(1).permutation(len(cells.x))
    found = values(scored(cells.rows(order)))
    for key in set(found) - CLUSTERED:
        assert found[key] == pytest.approx(reference[key].value, abs=2e-5), key


def test_the_names_of_labels_and_batches_do_not_matter(cells, reference):
    renamed = {name: f"{9 - i} renamed" for i, name in enumerate(np.unique(cells.labels))}
    batches = {"b0": "z", "b1": "x", "b2": "y"}
    found = scored(
        cells,
        labels=np.array([renamed[name] for name in cells.labels]),
        batch=np.array([batches[name] for name in cells.batch]),
    )
    assert values(found) == pytest.approx(values(reference), abs=2e-5)


def test_rotation_and_scale_do_not_matter(cells, reference):
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(cells.x.shape[1],) * 2))[0]
    found = values(scored(cells, embedding=(3 * cells.x @ rotation).astype(np.float32)))
    # k-means may end in another optimum when rounding changes; LISI finds its kernel width up to a tolerance.
    for key in set(found) - CLUSTERED:
        assert found[key] == pytest.approx(reference[key].value, abs=2e-3), key


def test_the_embedding_is_left_as_it_was(cells):
    before = cells.x.copy()
    scored(cells)
    assert (cells.x == before).all()


def test_the_same_seed_gives_the_same_bits(cells, reference):
    assert values(scored(cells)) == values(reference)


def test_one_hot_labels_beat_random(cells):
    one_hot = (cells.labels[:, None] == np.unique(cells.labels)).astype(np.float32)
    noisy = one_hot + np.random.default_rng(0).normal(scale=0.01, size=one_hot.shape).astype(np.float32)
    random = np.random.default_rng(3).normal(size=cells.x.shape).astype(np.float32)
    good, bad = values(scored(cells, embedding=noisy)), values(scored(cells, embedding=random))
    for key in (
        "isolated_labels",
        "kmeans_nmi",
        "kmeans_ari",
        "leiden_nmi",
        "silhouette_label",
        "clisi",
        "bio",
        "total",
    ):
        assert good[key] > bad[key], key


def test_duplicate_cells_are_scored(cells):
    found = scored(cells.rows(np.repeat(np.arange(140), 3)))
    assert {score.state for score in found.values()} == {OK}


def test_one_batch_leaves_the_bio_scores(cells):
    found = scored(cells, batch=np.zeros(len(cells.x)))
    assert {found[key].state for key in BATCH_KEYS} == {NOT_APPLICABLE}
    assert found["bio"].state == OK
    assert (found["batch"].state, found["total"].state) == (NOT_APPLICABLE, NOT_APPLICABLE)
    assert "one batch" in found["total"].reason


def test_one_label_leaves_the_batch_scores(cells):
    found = scored(cells, labels=np.full(len(cells.x), "cell"))
    assert {found[key].state for key in BIO_KEYS} == {NOT_APPLICABLE}
    assert found["batch"].state == OK


def test_labels_in_one_batch_each_leave_nothing_to_test_within_labels(cells):
    found = scored(cells, batch=np.where(cells.labels == "type 0", "x", "y"))
    assert {found[key].state for key in ("kbet", "bras", "silhouette_batch")} == {NOT_APPLICABLE}
    assert "kbet" in found["batch"].reason


def test_isolated_labels_says_when_all_labels_are(cells):
    kept = cells.rows(cells.labels != "type 5")
    assert "count as isolated" in scored(kept)["isolated_labels"].reason


def test_no_pca_means_no_pcr_and_no_batch_mean(cells):
    found = scored(cells, pre_pca=None)
    assert found["pcr"].state == found["batch"].state == NOT_APPLICABLE
    assert "no PCA" in found["total"].reason


def test_a_metric_that_breaks_does_not_take_the_others_along(cells, monkeypatch):
    def broken(inputs):
        raise RuntimeError("solver\nblew up")

    monkeypatch.setitem(families.FAMILIES, ("kbet",), broken)
    found = scored(cells)
    assert (found["kbet"].state, found["kbet"].reason) == (FAILED, "RuntimeError: solver blew up")
    assert (found["batch"].state, found["bio"].state) == (FAILED, OK)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_embedding_with_holes_is_an_error(cells, bad):
    x = cells.x.copy()
    x[3, 1] = bad
    with pytest.raises(ModelError, match="1 of 420 cells"):
        scored(cells, embedding=x)


def test_annotations_of_another_length_are_an_error(cells):
    with pytest.raises(ModelError, match="shape"):
        scored(cells, embedding=cells.x[:, 0])
    with pytest.raises(DataError, match="batch"):
        scored(cells, batch=cells.batch[1:])
    with pytest.raises(DataError, match="pre_pca"):
        scored(cells, pre_pca=cells.pre_pca[1:])


def test_a_cell_is_its_own_first_neighbour_even_among_duplicates():
    found = nearest_neighbors(np.zeros((6, 3)), 4)
    assert (found.indices[:, 0] == np.arange(6)).all()
    assert all(len(set(row)) == 4 for row in found.indices.tolist())


def test_an_embedding_on_one_point_is_an_error(cells):
    with pytest.raises(ModelError, match="same values"):
        scored(cells, embedding=np.ones_like(cells.x))


def test_the_scores_do_not_depend_on_the_threads(cells, reference):
    assert scored(cells, n_jobs=1) == scored(cells, n_jobs=2)
    assert values(scored(cells, n_jobs=1)) == values(reference)


def test_one_metric_alone_has_the_value_it_has_among_all(cells, reference):
    alone = scored(cells, metrics="total")
    assert alone["total"] == reference["total"]
    assert list(alone) == ["total"]
    assert scored(cells, metrics=["kbet"])["kbet"] == reference["kbet"]


def test_intervals_hold_their_value_and_need_replicates(cells, reference):
    assert all(score.low <= score.value <= score.high for score in reference.values())
    assert any(score.low < score.value < score.high for score in reference.values())
    without = scored(cells, n_replicates=0)
    assert values(without) == values(reference)
    assert {score.low for score in without.values()} == {None}
    assert without.replicates == {}


def test_the_replicates_of_the_total_are_the_mean_of_its_parts(cells, reference):
    bio, batch = reference.replicates["bio"], reference.replicates["batch"]
    assert reference.replicates["total"] == pytest.approx(0.6 * bio + 0.4 * batch)


def test_an_unknown_metric_is_an_error(cells):
    with pytest.raises(DataError, match="'kbett' is no metric"):
        scored(cells, metrics=["kbett"])
