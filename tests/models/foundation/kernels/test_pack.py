"""Tokens of ragged cells are the same from every implementation, and are what the definitions say."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch

from scarena.base.errors import DataError, ModelError
from scarena.models.foundation.kernels import pack_numba
from scarena.models.foundation.kernels.pack import ENCODINGS, pack, pack_twin

N_GENES, N_VOCABULARY = 60, 45


@pytest.fixture
def cells(rng, ragged):
    """Counts with ties and stored zeros, genes in no order, a fourth of them outside the vocabulary."""
    made = ragged(rng, 8, 24)
    genes = np.concatenate([rng.permutation(N_GENES)[:length] for length in made.lengths])
    counts = rng.integers(0, 6, made.n) * rng.choice([1, 1, 1, 300], made.n)
    remap = np.full(N_GENES, -1)
    remap[rng.permutation(N_GENES)[:N_VOCABULARY]] = rng.permutation(N_VOCABULARY)
    made.read = (
        made.starts, torch.from_numpy(genes).int(), torch.from_numpy(counts).int(), torch.from_numpy(remap).int(),
    )  # fmt: skip
    made.medians = torch.from_numpy(rng.choice([0.5, 1.0, 1.5, 3.0], N_VOCABULARY).astype(np.float32))
    return made


def quantile(values, at):
    """Return the linearly interpolated quantile, exactly."""
    place = at * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])


def expected(read, length, encoding, n_bins, medians):
    """Return (gene, value) of every cell's tokens, straight from the definitions."""
    starts, genes, counts, remap = (x.tolist() for x in read)
    cells = []
    for first, last in pairwise(starts):
        depth = max(1, sum(counts[first:last]))
        tokens = [(remap[g], c) for g, c in zip(genes[first:last], counts[first:last], strict=True)]
        tokens = [(place, count) for place, count in tokens if place >= 0 and count > 0]
        ordered = sorted(Fraction(count) for _, count in tokens)
        edges = [quantile(ordered, Fraction(j, n_bins - 1)) for j in range(1, n_bins)] if tokens else []
        by = [Fraction(1)] * N_VOCABULARY if medians is None else [Fraction(each) for each in medians.tolist()]
        kept = sorted(tokens, key=lambda t, by=by: (-t[1] / by[t[0]], t[0]))[:length]
        if encoding == "rank":
            cells.append([(place, float(rank)) for rank, (place, _) in enumerate(kept)])
        elif encoding == "bins":
            cells.append([(place, 1.0 + sum(edge <= count for edge in edges)) for place, count in sorted(kept)])
        else:
            cells.append([(place, np.log1p(1e4 * count / depth)) for place, count in sorted(kept)])
    return cells


def assert_holds(packed, cells):
    genes = [gene for cell in cells for gene, _ in cell]
    values = [value for cell in cells for _, value in cell]
    assert packed.genes_T.tolist() == genes
    np.testing.assert_allclose(packed.values_T, values, rtol=1e-6)
    assert packed.starts_B1.diff().tolist() == [len(cell) for cell in cells]
    assert packed.longest == max(len(cell) for cell in cells)
    kinds = (packed.genes_T.dtype, packed.values_T.dtype, packed.starts_B1.dtype)
    assert kinds == (torch.int32, torch.float32, torch.int32)


# Ranks need medians; the others may do without.
CHOICES = [*((encoding, True) for encoding in ENCODINGS), ("continuous", False), ("bins", False)]


@pytest.mark.parametrize("length", [1, 7, 64])
@pytest.mark.parametrize(("encoding", "compared"), CHOICES)
@pytest.mark.parametrize("which", [pack, pack_twin])
def test_tokens_are_what_the_definitions_say(cells, which, encoding, compared, length):
    medians = cells.medians if compared else None
    found = which(*cells.read, length=length, encoding=encoding, n_bins=7, medians_V=medians)
    assert_holds(found, expected(cells.read, length, encoding, 7, medians))


@pytest.mark.parametrize("length", [5, 64])
@pytest.mark.parametrize(("encoding", "compared"), CHOICES)
def test_the_kernel_finds_the_tokens_of_the_definitions(interpreted, cells, encoding, compared, length):
    from scarena.models.foundation.kernels.pack_triton import pack_triton

    medians = cells.medians if compared else None
    found = pack_triton(*cells.read, length, encoding, 7, medians, block=32, pair=(16, 8))
    assert_holds(found, expected(cells.read, length, encoding, 7, medians))


def test_the_kernel_is_what_pack_runs_when_asked_and_depths_may_be_given(interpreted, cells):
    depth = torch.arange(len(cells.lengths)).float()
    found = pack(*cells.read, length=6, encoding="continuous", depth_B=depth)
    twin = pack_twin(*cells.read, length=6, encoding="continuous", depth_B=depth)
    torch.testing.assert_close(found.values_T, twin.values_T)
    assert found.genes_T.tolist() == twin.genes_T.tolist()


def test_given_depths_are_used_and_less_than_one_counts_as_one(cells):
    depth = torch.arange(len(cells.lengths)).float()
    own = pack(*cells.read, length=64, encoding="continuous")
    given = pack(*cells.read, length=64, encoding="continuous", depth_B=depth)
    twin = pack_twin(*cells.read, length=64, encoding="continuous", depth_B=depth)
    torch.testing.assert_close(given.values_T, twin.values_T)
    summed = torch.stack([cells.read[2][part].sum() for part in cells.slices]).clamp(min=1)
    cell_T = torch.repeat_interleave(torch.arange(len(depth)), own.starts_B1.diff())
    ratio = (summed / depth.clamp(min=1))[cell_T]
    torch.testing.assert_close(torch.expm1(given.values_T), torch.expm1(own.values_T) * ratio, rtol=1e-5, atol=0.0)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_order_of_a_cells_stored_counts_does_not_matter(cells, rng, encoding):
    order = torch.from_numpy(np.concatenate([rng.permutation(np.arange(x.start, x.stop)) for x in cells.slices]))
    starts, genes, counts, remap = cells.read
    given = {"length": 9, "encoding": encoding, "medians_V": cells.medians}
    plain = pack(starts, genes, counts, remap, **given)
    mixed = pack(starts, genes[order], counts[order], remap, **given)
    assert torch.equal(plain.genes_T, mixed.genes_T)
    assert torch.equal(plain.values_T, mixed.values_T)


def test_bins_are_numpys_quantiles_and_digits(rng):
    # 37 and 49 have no common divisor: no quantile but the last falls on a count, so that rounding cannot matter.
    counts = torch.from_numpy(rng.integers(1, 200, 38)).int()
    read = (torch.tensor([0, 38]), torch.arange(38).int(), counts, torch.arange(38).int())
    edges = np.quantile(counts, np.linspace(0, 1, 50))
    found = pack(*read, length=64, encoding="bins").values_T
    assert found.tolist() == np.digitize(counts, edges).tolist()
    assert found.max() == 50


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_portions_and_threads_do_not_show(cells, encoding, monkeypatch):
    given = {"length": 9, "encoding": encoding, "medians_V": cells.medians}
    whole = pack(*cells.read, **given)
    monkeypatch.setattr(pack_numba, "_CELLS", 3)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    parts = pack(*cells.read, **given)
    assert torch.equal(whole.genes_T, parts.genes_T)
    assert torch.equal(whole.values_T, parts.values_T)
    assert torch.equal(whole.starts_B1, parts.starts_B1)


@pytest.mark.parametrize("which", [pack, pack_twin])
def test_counts_that_are_not_whole_are_told_apart(which):
    counts = torch.tensor([2.0, 2.0000002, 1e-3, 1e6, 0.0, 2.0000002])
    read = (torch.tensor([0, 6]), torch.arange(6).int(), counts, torch.arange(6).flip(0).int())
    found = which(*read, length=2, encoding="rank", medians_V=torch.ones(6))
    assert found.genes_T.tolist() == [2, 0]
    assert which(*read, length=2, encoding="continuous").genes_T.tolist() == [0, 2]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_cells_and_empty_cells_give_no_tokens(interpreted, encoding):
    from scarena.models.foundation.kernels.pack_triton import pack_triton

    none, remap, medians = torch.empty(0, dtype=torch.int32), torch.tensor([0], dtype=torch.int32), torch.ones(1)
    for which in (pack_numba.pack_numba, pack_twin, pack_triton):
        for n_cells in (0, 2):
            found = which(torch.zeros(n_cells + 1).long(), none, none, remap, 4, encoding, 5, medians)
            assert (found.n_cells, found.longest, len(found.genes_T)) == (n_cells, 0, 0)
        zeros = torch.zeros(1, dtype=torch.int32)
        found = which(torch.tensor([0, 1, 1]), zeros, zeros, remap, 4, encoding, 5, medians)
        assert (found.n_cells, found.longest, len(found.genes_T)) == (2, 0, 0)


def test_arguments_that_do_not_go_together_are_errors(cells):
    with pytest.raises(ModelError, match="unknown encoding"):
        pack(*cells.read, length=4, encoding="sorted")
    with pytest.raises(ModelError, match="length ≥ 1"):
        pack(*cells.read, length=0, encoding="bins")
    with pytest.raises(ModelError, match="give medians_V"):
        pack(*cells.read, length=4, encoding="rank")
    with pytest.raises(DataError, match="not positive"):
        pack(*cells.read, length=4, encoding="rank", medians_V=cells.medians * 0)
