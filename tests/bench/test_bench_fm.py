"""What the bench of embedding measures and how it reports it; not how fast anything is."""

import json
import time

import anndata
import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.bench import rebuilt_scgpt as rebuilt
from scarena.bench.fm import COLUMNS, Watched, deviation, memory, notes, table, time_fm
from scarena.bench.fm_sides import OURS, THEIRS, TUNED, Given, generated, models, names, ours, read, theirs
from scarena.models.foundation.checkpoint import read_genes
from scarena.models.foundation.embed import Counts
from scarena.models.foundation.model import Sizes

TINY = {
    "tiny": Sizes(gene_width=8, width=32, heads=2, layers=1, feed_forward=32, embedding=8, length=40),
    "bag": Sizes(kind="bag", width=16, embedding=8),
}


@pytest.fixture(scope="module")
def found():
    """A run of small models on few cells."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield time_fm(6, repeats=2, sizes=TINY, with_memory=False)
    torch.set_num_threads(before)


def test_made_up_cells_express_500_to_3000_genes_and_depend_on_the_seed_alone():
    data, again, other = generated(300), generated(300), generated(300, seed=1)
    sizes = np.diff(data.X.indptr)
    assert 500 <= sizes.min() < 800
    assert 2000 < sizes.max() <= 3000
    assert 1200 < np.median(sizes) < 1400
    assert data.X.has_canonical_format
    assert data.X.data.min() == 1
    assert (data.X != again.X).nnz == 0
    assert (data.X != other.X).nnz > 0
    # As in tissue, some genes in most cells and others in few.
    seen = np.sort(np.bincount(data.X.indices, minlength=data.n_vars)) / 300
    assert seen[-200] > 0.5
    assert np.median(seen) < 0.06


def test_every_row_is_of_the_same_cells_and_ratios_are_to_the_rebuilt_path(found):
    of_tiny = [row for row in found["rows"] if row["model"] == "tiny"]
    assert [(row["what"], row["precision"]) for row in of_tiny] == [
        (THEIRS, "float32"), (TUNED, "float32"), (THEIRS, "bfloat16"), (OURS, "float32"), (OURS, "bfloat16"),
    ]  # fmt: skip
    assert {row["n_cells"] for row in of_tiny} == {6}
    assert of_tiny[0]["ratio"] == 1
    for row in of_tiny:
        assert len(row["seconds"]) == 2
        assert row["cells_per_s"] == pytest.approx(6 / min(row["seconds"]))
        assert row["cells_per_s_median"] <= row["cells_per_s"]
        assert row["ratio"] == pytest.approx(min(of_tiny[0]["seconds"]) / min(row["seconds"]))
        assert row["tokenising_ms"] > 0
        whole = row["tokenising_ms"] + row["encoder_ms"]
        assert whole == pytest.approx(1000 * min(row["seconds"]) / 6)


def test_the_student_has_sixteen_times_the_cells_and_nothing_to_be_compared_with(found):
    (row,) = (row for row in found["rows"] if row["model"] == "bag")
    assert row["n_cells"] == 96
    assert row["ratio"] is None
    assert row["ratio_median"] is None


def test_the_report_can_be_written_and_the_table_read(found):
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["hardware"]["gpu"] is None
    # The package index' build has its CUDA in one of the two alone.
    said = (found["versions"]["torch"], torch.__version__)
    assert len({version.partition("+")[0] for version in said}) == 1
    for row, line in zip(found["rows"], table(found), strict=True):
        assert len(line) == len(COLUMNS)
        assert line[:3] == [row["model"], row["what"], row["precision"]]
        assert (line[6] == "") == (row["ratio"] is None)
    assert [line.split(":")[0] for line in notes(found)] == ["tiny"]


def test_both_sides_read_as_many_genes_of_a_cell():
    given, sizes = Given.of(generated(5), names(19_670)), models()["d256"]
    tokens = Counts.of(given.data, given.genes).packed(0, 5, sizes.length)
    assert tokens.starts_B1.diff().tolist() == [512] * 4 + [min(512, int(np.diff(given.csr[0])[4]))]
    shape = rebuilt.Shape(19_670, length=sizes.length + 1)
    genes, _ = next(iter(rebuilt.loader(rebuilt.CellRows(*given.csr, shape), shape, seed=0)))
    assert (genes < shape.n_genes).sum(1).tolist() == tokens.starts_B1.diff().tolist()


def test_the_rebuilt_path_is_made_in_the_size_of_ours(monkeypatch):
    made = []
    monkeypatch.setattr(rebuilt, "initialised", lambda shape, seed: made.append(shape))
    sizes = models()["d256"]
    theirs("d256", sizes, names(50), "cpu", "float32")
    assert made == [rebuilt.Shape(50, 256, 4, 6, sizes.feed_forward, 513)]


def test_both_sides_give_a_vector_for_every_cell():
    given = Given.of(generated(3), names(19_670))
    for make, width in ((ours, 8), (theirs, 32)):
        z = make("tiny", TINY["tiny"], given.genes, "cpu", "bfloat16").embed(given)
        assert z.shape == (3, width)
        assert np.isfinite(z).all()


def test_the_tuned_path_gives_the_same_vectors_and_leaves_the_setting_as_it_was():
    given = Given.of(generated(3), names(19_670))
    plain, tuned = (theirs("tiny", TINY["tiny"], given.genes, "cpu", "float32", tuned=tuned) for tuned in (False, True))
    np.testing.assert_allclose(tuned.embed(given), plain.embed(given), atol=1e-5)
    assert torch.backends.mha.get_fastpath_enabled()


def test_no_deviation_is_none_and_a_shift_is_an_error_that_keeps_neighbours():
    x = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    assert deviation("m", x, x) == {"model": "m", "relative_error": 0, "neighbours": 1}
    shifted = deviation("m", x, x + np.float32(0.5))
    spread = np.sqrt(((x - x.mean(axis=0)) ** 2).sum())
    assert shifted["relative_error"] == pytest.approx(0.5 * np.sqrt(x.size) / spread, rel=1e-5)
    assert shifted["neighbours"] > 0.99


def test_neighbours_are_counted_as_by_hand():
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(40, 3)).astype(np.float32) for _ in range(2))
    kept = []
    for cell in range(40):
        near = [set(np.argsort(np.where(np.arange(40) == cell, np.inf, ((x - x[cell]) ** 2).sum(1)))[:15].tolist())
                for x in (a, b)]  # fmt: skip
        kept.append(len(near[0] & near[1]) / 15)
    assert deviation("m", a, b)["neighbours"] == pytest.approx(np.mean(kept))


def test_memory_that_was_given_back_is_seen():
    with Watched() as watched:
        held = np.ones(16 << 20)
        # Whole for longer than the watch looks away, on a busy machine too.
        time.sleep(0.5)
        del held
    assert 120 < watched.most - watched.before < 200


def test_the_student_needs_no_more_memory_for_four_times_the_cells():
    small, large = (memory(n_cells, 1) for n_cells in (1_500, 6_000))
    assert large["output_mib"] == pytest.approx(4 * small["output_mib"])
    more = large["input_mib"] - small["input_mib"]
    assert more > 40
    assert large["apart_mib"] - small["apart_mib"] < 0.3 * more


@pytest.fixture
def prepared(tmp_path):
    """A dataset of four cells, one of which has no known gene, and its file."""
    genes = read_genes()
    counts = csr_matrix(np.array([[1, 0, 2, 5], [0, 0, 0, 9], [0, 3, 0, 0], [4, 4, 4, 0]], np.int32))
    data = anndata.AnnData(counts)
    data.obs_names = list("abcd")
    data.var_names = [genes[5], genes[100], genes[7], "unknown"]
    data.write_h5ad(tmp_path / "d.h5ad")
    return tmp_path / "d.h5ad"


def test_cells_of_a_file_are_those_that_express_a_known_gene(prepared):
    data, genes = read(prepared, 100)
    assert data.obs_names.tolist() == ["a", "c", "d"]
    assert genes == read_genes()
    assert len(read(prepared, 2)[0]) == 2


def test_a_file_without_such_cells_is_refused(prepared):
    data = anndata.read_h5ad(prepared)[["b"]].copy()
    data.write_h5ad(prepared)
    with pytest.raises(DataError, match="no cell with a known gene"):
        read(prepared, 1)
