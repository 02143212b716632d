"""Fingerprints against their definition, and against the Jaccard index they estimate."""

import hashlib

import numpy as np

from scarena.models.foundation.corpus.minhash import EMPTY, MinHash, gene_hashes

GENES = [f"ENSG{i:011d}" for i in range(4000)]


def by_definition(genes, expressed, bins):
    """Return the gene with the smallest hash of every bin."""
    kept = {}
    for place in expressed:
        number = int.from_bytes(hashlib.blake2b(genes[place].encode(), digest_size=8).digest(), "little")
        kept.setdefault(number % bins, []).append((number // bins, place))
    return [min(kept[b])[1] if b in kept else EMPTY for b in range(bins)]


def test_a_fingerprint_holds_the_gene_with_the_smallest_hash_of_every_bin():
    rng = np.random.default_rng(0)
    cells = [rng.choice(4000, size, replace=False) for size in (0, 1, 40, 900, 4000)]
    starts = np.concatenate([[0], np.cumsum([len(cell) for cell in cells])])
    for bins in (8, 100, 128):
        found = MinHash(GENES, bins)(np.concatenate(cells), starts)
        assert found.tolist() == [by_definition(GENES, cell, bins) for cell in cells]


def test_the_order_of_the_genes_does_not_matter():
    rng = np.random.default_rng(1)
    cell = rng.choice(4000, 500, replace=False)
    both = MinHash(GENES, 64)(np.concatenate([cell, cell[::-1]]), np.array([0, 500, 1000]))
    assert np.array_equal(both[0], both[1])


def test_a_gene_has_the_same_hash_in_every_vocabulary():
    places = np.random.default_rng(2).permutation(4000)
    cell = np.arange(0, 4000, 2)
    genes = [GENES[place] for place in places]
    there = np.argsort(places)[cell]
    ours = MinHash(GENES, 128)(cell, np.array([0, len(cell)]))[0]
    theirs = MinHash(genes, 128)(there, np.array([0, len(cell)]))[0]
    assert [GENES[place] for place in ours] == [genes[place] for place in theirs]
    assert gene_hashes(["ENSG00000000419"]) == int.from_bytes(
        hashlib.blake2b(b"ENSG00000000419", digest_size=8).digest(), "little"
    )


def test_the_share_of_matching_bins_estimates_the_jaccard_index():
    rng = np.random.default_rng(3)
    for overlap in (0.2, 0.5, 0.8):
        estimates, truths = [], []
        for _ in range(40):
            one = rng.permutation(4000)[:1000]
            other = np.concatenate(
                [one[: int(1000 * overlap)], np.setdiff1d(np.arange(4000), one)[: 1000 - int(1000 * overlap)]]
            )
            a, b = MinHash(GENES, 128)(np.concatenate([one, other]), np.array([0, 1000, 2000]))
            some = (a != EMPTY) | (b != EMPTY)
            estimates.append((some & (a == b)).sum() / some.sum())
            truths.append(len(np.intersect1d(one, other)) / len(np.union1d(one, other)))
        # Forty draws of 128 bins: a standard error below 0.007.
        assert abs(np.mean(estimates) - np.mean(truths)) < 0.03
