"""Cells come by groups, each cell once, and no held-out cell is ever trained on."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from scarena.models.foundation.cell_sources import CorpusSource, DatasetSource, expressed_share, joined
from scarena.models.foundation.corpus.blocks import Block, Origin, Source
from scarena.models.foundation.corpus.build import build
from scarena.models.foundation.corpus.config import CorpusConfig
from scarena.models.foundation.corpus.store import Corpus

SIZES = {"one": {"a": 90, "b": 33}, "two": {"a": 200}}
FIRST_GENE = {"one": 0, "two": 15}


def dense(cells, n_genes):
    found = np.zeros((len(cells), n_genes))
    found[np.repeat(np.arange(len(cells)), np.diff(cells.starts_B1)), cells.genes_N] = cells.counts_N
    return found


def depths(cells):
    return sorted(cells.depth_B.tolist())


def a_source(name, sizes, seed):
    """Return a made-up dataset of 40 genes; the depth of every cell is its own, and so its name."""
    batches = np.repeat(list(sizes), list(sizes.values()))
    rng = np.random.default_rng(seed)
    counts = csr_matrix(rng.poisson(1.0, (len(batches), 40)))
    depth = 1000 * (seed + 1) + np.arange(len(batches))
    obs = pd.DataFrame({"batch": batches, "donor": "d", "tissue": "t", "assay": "a"})
    obs.index = [f"cell{i}" for i in range(len(batches))]
    genes = tuple(f"ENSG{FIRST_GENE[name] + i:011d}" for i in range(40))
    return Source(Origin(name, "h5ad", (), "", ()), genes, lambda: iter([Block(counts, depth, obs)])), counts, depth


@pytest.fixture(scope="module")
def sources():
    return {name: a_source(name, sizes, seed) for seed, (name, sizes) in enumerate(SIZES.items())}


@pytest.fixture(scope="module")
def corpus(sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("corpus") / "c"
    # The configuration must name something; the sources are those that are given.
    config = CorpusConfig(name="c", cards=("given",), min_cells=1, chunk_cells=16, shard_cells=64)
    build(config, out, given=[source for source, _, _ in sources.values()])
    return Corpus.open(out)


def test_the_groups_of_a_dataset_are_its_batches_with_what_it_measures(cells):
    vocabulary = [*sorted(cells.var_names)[:300], "ENSGX"]
    cells.obs["batch"] = ["z", "a", "a", *["m"] * (cells.n_obs - 3)]
    source = DatasetSource.of(cells[:, 50:].copy(), vocabulary)
    assert [(group.name, group.size) for group in source.groups] == [("a", 2), ("m", cells.n_obs - 3), ("z", 1)]
    expected = (np.arange(301) >= 50) & (np.arange(301) < 300)
    assert all(np.array_equal(group.measured_V, expected) for group in source.groups)
    drawn = source.draw(0, 5, np.random.default_rng(0))
    truth = cells.to_df().reindex(columns=vocabulary, fill_value=0).to_numpy() * expected
    np.testing.assert_array_equal(dense(drawn, 301), truth[1:3])
    np.testing.assert_array_equal(drawn.depth_B, cells.X[1:3, 50:].sum(axis=1).A1)


def test_a_draw_repeats_no_cell_keeps_to_its_group_and_depends_on_the_generator_alone(make_counts):
    counts = np.ones((50, 3))
    batch = np.arange(50) % 3
    source = DatasetSource(make_counts(counts, depth=np.arange(50)), batch.astype(str), np.ones(3, bool))
    seen = set()
    for seed in range(20):
        first, again = (source.draw(1, 7, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(first.depth_B, again.depth_B)
        drawn = first.depth_B.astype(int).tolist()
        assert len(set(drawn)) == len(drawn) == 7
        assert set(batch[drawn]) == {1}
        seen |= set(drawn)
    assert seen == set(np.flatnonzero(batch == 1).tolist())
    assert len(source.draw(1, 1000, np.random.default_rng(0))) == (batch == 1).sum()


def test_training_and_held_out_cells_never_mix_and_together_are_all(corpus, sources):
    kept, held = CorpusSource(corpus), CorpusSource(corpus, held_out=True)
    assert [group.name for group in kept.groups] == [group.name for group in held.groups] == ["one:a", "one:b", "two:a"]
    n_held = 0
    for number, group in enumerate(kept.groups):
        dataset, batch = group.name.split(":")
        parts = [source.draw(number, 10_000, np.random.default_rng(0)) for source in (kept, held)]
        of_source, counts, depth = sources[dataset]
        obs = next(of_source.blocks()).obs
        assert sorted(depths(parts[0]) + depths(parts[1])) == sorted(depth[obs["batch"] == batch].tolist())
        n_held += len(parts[1])
        truth = pd.DataFrame(counts.toarray(), index=depth, columns=of_source.genes)
        for part in parts:
            expected = truth.loc[part.depth_B].reindex(columns=corpus.genes, fill_value=0).to_numpy()
            np.testing.assert_array_equal(dense(part, len(corpus.genes)), expected)
    assert 0.02 * 323 < n_held < 0.1 * 323


def test_small_draws_of_a_corpus_repeat_no_cell_and_never_hold_one_of_the_other_part(corpus):
    kept, held = CorpusSource(corpus), CorpusSource(corpus, held_out=True)
    others = set(depths(held.draw(2, 10_000, np.random.default_rng(0))))
    seen = set()
    for seed in range(120):
        first, again = (kept.draw(2, 24, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(first.depth_B, again.depth_B)
        assert len(set(depths(first))) == len(first) == 24
        seen |= set(depths(first))
    assert not seen & others
    assert len(seen) == 200 - len(others)


def test_a_group_measures_what_its_dataset_does(corpus):
    for group in CorpusSource(corpus).groups:
        first = FIRST_GENE[group.name.split(":")[0]]
        expected = [first <= int(gene[4:]) < first + 40 for gene in corpus.genes]
        assert group.measured_V.tolist() == expected


def test_joined_cells_are_the_parts_one_after_the_other(make_counts):
    counts = np.random.default_rng(0).poisson(0.5, (9, 6))
    whole = make_counts(counts)
    parts = [whole.rows(np.arange(a, b)) for a, b in ((0, 4), (4, 4), (4, 9))]
    found = joined(parts)
    for name in ("starts_B1", "genes_N", "counts_N", "depth_B"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))


class TwoPanels:
    """Two groups that measure different genes; the fourth gene nobody measures."""

    def __init__(self, make_counts):
        rng = np.random.default_rng(0)
        self.measured = np.array([[1, 1, 0, 0], [0, 1, 1, 0]], bool)
        self.counts = [rng.poisson(3.0, (6, 4)) * panel for panel in self.measured]
        source = DatasetSource(make_counts(np.vstack(self.counts)), np.repeat(["a", "b"], 6), self.measured[0])
        self.draw = source.draw
        self.groups = [type(group)(group.name, 6, self.measured[at]) for at, group in enumerate(source.groups)]


def test_a_genes_share_is_of_the_counts_of_groups_that_measure_it(make_counts):
    source = TwoPanels(make_counts)
    found = expressed_share(source, 100)
    depth = [part.sum() for part in source.counts]
    for gene in range(4):
        total = sum(part[:, gene].sum() for part in source.counts)
        of = sum(d for d, panel in zip(depth, source.measured, strict=True) if panel[gene]) or sum(depth)
        assert found[gene] == pytest.approx((total + 0.5) / (of + 1), rel=1e-6)
    assert found.dtype == np.float32
    assert found[3] < found[:3].min()
    few = expressed_share(source, 2, seed=1)
    assert np.array_equal(few, expressed_share(source, 2, seed=1))
    assert not np.array_equal(few, expressed_share(source, 2, seed=2))
