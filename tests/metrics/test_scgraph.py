"""scGraph agrees with the published definition written out, and a random embedding scores nothing in the sound form."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import pearsonr, spearmanr, trim_mean

from scarena.base.errors import DataError, ModelError
from scarena.metrics.measured import Undefined
from scarena.metrics.resampling import Resampling
from scarena.metrics.scgraph import KEYS, ScGraphReference, scgraph, scgraph_consensus

SOUND = KEYS[:3]
TYPES = tuple(f"t{i}" for i in range(7))
CENTRES = np.random.default_rng(5).normal(size=(7, 6)) * 1.5


def scaled(distances):
    """Divide each column by its largest entry."""
    return distances / distances.max(axis=0)


def published(batches, embedding, labels, trim):
    """Compute the published definition with data frames, a batch and a column at a time."""

    def distances(x, names):
        kept = sorted(set(names) & set(types))
        points = np.array([trim_mean(x[names == name], trim, axis=0) for name in kept])
        return pd.DataFrame(scaled(cdist(points, points)), kept, kept)

    sizes = pd.Series(np.concatenate([names for _, names in batches])).value_counts()
    types = list(sizes.index[sizes >= 10])
    tables = [distances(x, names) for x, names in batches if len(x) >= 100]
    stacked = pd.concat(tables)
    consensus = stacked.groupby(stacked.index).mean()
    consensus = consensus.loc[consensus.columns]
    consensus /= consensus.max()
    found, rows = distances(embedding, labels), []
    for name in found.columns:
        pair = pd.concat([found[name], consensus[name]], axis=1).dropna().to_numpy()
        weights = np.divide(1, pair[:, 1], out=np.zeros(len(pair)), where=pair[:, 1] > 0)
        covariance = np.cov(pair.T, aweights=weights)
        weighted = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
        rows.append([weighted, spearmanr(*pair.T).statistic, pearsonr(*pair.T).statistic])
    keys = ("scgraph_weighted", "scgraph_rank_published", "scgraph_corr_published")
    return dict(zip(keys, np.mean(rows, axis=0), strict=True))


@pytest.fixture(scope="module")
def atlas():
    """Three batches and a small one; two types of seven share no batch, and one has too few cells."""
    rng = np.random.default_rng(0)
    codes, batch = rng.integers(0, 7, 700), rng.integers(0, 3, 700)
    batch[:60] = 3
    codes[(batch == 0) & (codes == 1)] = 2
    codes[(batch != 0) & (codes == 0)] = 3
    x = CENTRES[codes] + rng.normal(size=(700, 6))
    labels = np.array(TYPES)[codes]
    labels[:9] = "r"
    batches = [((x + b)[batch == b], labels[batch == b]) for b in range(4)]
    return batches, x + rng.normal(size=x.shape), labels


@pytest.fixture(scope="module")
def reference():
    distances = cdist(CENTRES, CENTRES)
    return ScGraphReference(TYPES, scaled(distances), 1.0)


def noisy(seed, sizes=(60, 50, 40, 40, 30, 30, 20), noise=1.0):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(7), sizes)
    return CENTRES[codes] + noise * rng.normal(size=(len(codes), 6)), np.array(TYPES)[codes], codes


@pytest.mark.parametrize("trim", [0.05, 0.2])
def test_the_published_definition_is_reproduced(atlas, trim):
    batches, x, labels = atlas
    found = scgraph(x, labels, scgraph_consensus(batches, trim=trim), trim=trim)
    for key, value in published(batches, x, labels, trim).items():
        assert found[key].value == pytest.approx(value, abs=1e-9), key


def test_the_sound_forms_are_the_correlations_over_the_other_types(atlas):
    batches, x, labels = atlas
    consensus = scgraph_consensus(batches)
    points = np.array([trim_mean(x[labels == name], 0.05, axis=0) for name in consensus.types])
    distances, found = cdist(points, points), scgraph(x, labels, consensus)
    for key, correlation in (("scgraph_corr", pearsonr), ("scgraph_rank", spearmanr)):
        expected = []
        for t in range(len(consensus.types)):
            others = np.isfinite(consensus.distances[:, t]) & (np.arange(len(points)) != t)
            expected.append(correlation(distances[others, t], consensus.distances[others, t]).statistic)
        assert found[key].value == pytest.approx(np.mean(expected), abs=1e-9)


def test_types_are_those_with_enough_cells_and_pairs_without_a_batch_are_missing(atlas):
    consensus = scgraph_consensus(atlas[0])
    assert consensus.types == TYPES
    assert np.argwhere(np.isnan(consensus.distances)).tolist() == [[0, 1], [1, 0]]
    assert consensus.pair_coverage == pytest.approx(20 / 21)
    assert "95% of the pairs of 7 types" in scgraph(atlas[1], atlas[2], consensus)["scgraph_corr"].note


def test_a_batch_that_is_too_small_changes_nothing_but_counts_cells_of_types(atlas):
    batches = [*atlas[0][:3], (atlas[0][3][0] * 100, atlas[0][3][1])]
    np.testing.assert_array_equal(scgraph_consensus(batches).distances, scgraph_consensus(atlas[0]).distances)
    assert scgraph_consensus(atlas[0], min_cells_type=9).types == ("r", *TYPES)


def test_one_batch_is_its_own_consensus_and_its_pca_scores_one():
    x, labels, _ = noisy(0)
    consensus = scgraph_consensus([(x, labels)])
    assert consensus.pair_coverage == 1.0
    for measured in scgraph(x, labels, consensus).values():
        assert measured.value == pytest.approx(1.0)


@pytest.mark.parametrize("dimensions", [2, 64, 512])
def test_a_random_embedding_scores_zero_in_the_sound_form_only(reference, dimensions):
    labels = np.repeat(TYPES, 40)
    draws = [np.random.default_rng(i).normal(size=(len(labels), dimensions)) for i in range(60)]
    scores = [{key: m.value for key, m in scgraph(x, labels, reference).items()} for x in draws]
    means = {key: np.mean([score[key] for score in scores]) for key in KEYS}
    for key in SOUND:
        assert means[key] == pytest.approx(0, abs=0.08), key
    assert means["scgraph_corr_published"] > 0.35


def test_a_collapsed_embedding_scores_zero(reference):
    _, labels, codes = noisy(0)
    for point in (np.full((len(labels), 3), 0.1), np.full((len(labels), 3), 0.1, dtype=np.float32)):
        found = scgraph(point, labels, reference, resampling=Resampling.stratified(codes, n_replicates=3))
        assert [found[key].value for key in KEYS] == [0.0] * 5
        assert all((found[key].replicates == 0).all() for key in KEYS)


def test_cell_order_scale_shift_rotation_and_names_do_not_matter(reference):
    x, labels, codes = noisy(1)
    rng = np.random.default_rng(0)
    order, rotation = rng.permutation(len(x)), np.linalg.qr(rng.normal(size=(6, 6)))[0]
    renamed = np.array(["z", "y", "x", "w", "v", "u", "t"])
    back = slice(None, None, -1)
    other = ScGraphReference(tuple(renamed[back]), reference.distances[back, back], 1.0)
    # The trimming is by coordinate: only untrimmed centroids turn with the axes.
    plain = {key: m.value for key, m in scgraph(x, labels, reference, trim=0.0).items()}
    for variant in (
        scgraph(x[order], labels[order], reference, trim=0.0),
        scgraph(3 * x + 7, labels, reference, trim=0.0),
        scgraph(x @ rotation, labels, reference, trim=0.0),
        scgraph(x, renamed[codes], other, trim=0.0),
        scgraph(np.repeat(x, 2, axis=0), np.repeat(labels, 2), reference, trim=0.0),
    ):
        assert {key: m.value for key, m in variant.items()} == pytest.approx(plain)


def test_replicates_without_trimming_are_the_scores_of_the_cells_drawn(reference):
    x, labels, codes = noisy(2)
    resampling = Resampling.stratified(codes, n_replicates=4)
    found = scgraph(x, labels, reference, trim=0.0, resampling=resampling)
    for i, counts in enumerate(resampling.counts):
        drawn = scgraph(np.repeat(x, counts, axis=0), np.repeat(labels, counts), reference, trim=0.0)
        assert [found[key].replicates[i] for key in KEYS] == pytest.approx([drawn[key].value for key in KEYS])


def test_replicates_spread_as_scores_of_fresh_cells_do(reference):
    # A reference of its own: with the centres themselves all correlations would be against their bound of 1.
    points = CENTRES + np.random.default_rng(8).normal(size=CENTRES.shape)
    other = ScGraphReference(TYPES, scaled(cdist(points, points)), 1.0)
    fresh = [noisy(seed, noise=2.0) for seed in range(150)]
    scores = [scgraph(x, labels, other) for x, labels, _ in fresh]
    resampled = [scgraph(x, labels, other, resampling=Resampling.stratified(codes)) for x, labels, codes in fresh[:8]]
    for key in KEYS:
        true = np.std([score[key].value for score in scores])
        assert true / 1.5 < np.mean([each[key].replicates.std() for each in resampled]) < true * 1.5, key


def test_datasets_that_cannot_answer_say_why(reference):
    x, labels, _ = noisy(0)
    with pytest.raises(Undefined, match="2 cell types"):
        scgraph_consensus([(x, np.where(labels == "t0", "a", "b"))])
    with pytest.raises(Undefined, match="0 cell types"):
        scgraph_consensus([])
    with pytest.raises(Undefined, match="no batch of 1000 cells"):
        scgraph_consensus([(x, labels)], min_cells_batch=1000)
    with pytest.raises(Undefined, match="no batch of 30 cells"):
        scgraph_consensus([(x[labels == name], labels[labels == name]) for name in TYPES], min_cells_batch=30)
    with pytest.raises(Undefined, match="at different distances"):
        scgraph(x, labels, ScGraphReference(TYPES, 1 - np.eye(7), 1.0))


def test_batches_of_one_point_say_nothing(atlas):
    flat = (np.ones((200, 3)), np.repeat(TYPES[:4], 50))
    with_flat = scgraph_consensus([*atlas[0], flat])
    np.testing.assert_array_equal(with_flat.distances, scgraph_consensus(atlas[0]).distances)


def test_bad_input_is_an_error(reference):
    x, labels, _ = noisy(0)
    with pytest.raises(DataError, match="labels"):
        scgraph(x, labels[:-1], reference)
    with pytest.raises(DataError, match="no cell of 't0'"):
        scgraph(x, np.where(labels == "t0", "t1", labels), reference)
    with pytest.raises(ModelError, match="NaN"):
        scgraph(np.full(x.shape, np.nan), labels, reference)
    with pytest.raises(DataError, match="batch 1"):
        scgraph_consensus([(x, labels), (x, labels[:-1])])
    with pytest.raises(DataError, match="batch 0"):
        scgraph_consensus([(np.full(x.shape, np.inf), labels)])
