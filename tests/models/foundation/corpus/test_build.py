"""Building: every cell and count arrives, in chunks of one group, the same bytes every time, in bounded memory."""

import tracemalloc

import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_matrix

from scarena.base.errors import ConfigError, DataError, SourceError
from scarena.base.files import read_json, sha256_of
from scarena.models.foundation.corpus import spool as spool_module
from scarena.models.foundation.corpus.build import build
from scarena.models.foundation.corpus.config import CorpusConfig, read_config


def cells_of(corpus):
    """Return every cell as name -> (group's name, depth, {gene: count})."""
    found = {}
    for number in range(len(corpus.chunks)):
        chunk = corpus.chunk(number)
        for at, name in enumerate(chunk.names):
            values = slice(chunk.starts[at], chunk.starts[at + 1])
            genes = [corpus.genes[gene] for gene in chunk.genes[values]]
            assert genes == sorted(genes)
            counts = dict(zip(genes, chunk.counts[values].tolist(), strict=True))
            found[name.decode()] = (corpus.groups[chunk.group].name, int(chunk.depth[at]), counts)
    return found


def test_every_cell_arrives_once_with_all_its_counts_in_the_group_of_its_batch(corpus, two):
    found = cells_of(corpus)
    assert len(found) == corpus.n_cells == 240
    for dataset, data in two.items():
        dense = data.X.toarray()
        for row, cell in enumerate(data.obs_names):
            group, depth, counts = found[f"{dataset}:{cell}"]
            assert group == f"{dataset}:{data.obs['sample'].iloc[row]}"
            assert depth == dense[row].sum()
            assert counts == {data.var_names[g]: int(dense[row, g]) for g in np.flatnonzero(dense[row])}


def test_chunks_hold_cells_of_one_group_of_about_one_size_and_shards_are_not_overfull(corpus):
    for group, numbers in zip(corpus.groups, corpus.chunks_of_groups(), strict=True):
        sizes = corpus.chunks["cells"][numbers].astype(int)
        assert sizes.sum() == group.size
        assert sizes.max() <= 16
        assert sizes.max() - sizes.min() <= 1
    filled = np.bincount(corpus.chunks["shard"], corpus.chunks["cells"])
    assert filled.max() <= 64
    assert len(filled) == corpus.manifest["shards"]
    assert len(np.unique(corpus.chunks["group"][:8])) > 2  # shuffled, not group after group


def test_cells_are_shuffled_within_their_group(corpus, two):
    data = two["one"]
    order = {name: row for row, name in enumerate(data.obs_names)}
    numbers = corpus.chunks_of_groups()[[g.name for g in corpus.groups].index("one:s2")]
    rows = [order[name.decode().split(":")[1]] for n in numbers for name in corpus.chunk(n).names]
    assert sorted(rows) != rows
    assert abs(np.corrcoef(np.arange(len(rows)), rows)[0, 1]) < 0.4


def test_the_same_configuration_gives_the_same_bytes_whatever_the_blocks(
    corpus, files, make_corpus, make_entry, tmp_path
):
    entries = [make_entry(path) for path in files.values()]
    again = make_corpus(tmp_path / "again", *entries, block_cells=7)
    turned = make_corpus(tmp_path / "turned", *reversed(entries))
    other = make_corpus(tmp_path / "other", *entries, seed=1)
    for folder in (again.folder, turned.folder):
        assert sha256_of(folder / "manifest.json") == sha256_of(corpus.folder / "manifest.json")
    assert again.manifest["files"] == corpus.manifest["files"]
    assert other.manifest["files"] != corpus.manifest["files"]
    assert cells_of(other) == cells_of(corpus)


def test_the_vocabulary_is_the_genes_seen_in_most_cells(two, files, make_corpus, make_entry, tmp_path):
    seen = {}
    for data in two.values():
        for gene, cells in zip(data.var_names, np.asarray((data.X > 0).sum(axis=0)).ravel(), strict=True):
            seen[gene] = seen.get(gene, 0) + int(cells)
    found = make_corpus(tmp_path / "c", *(make_entry(p) for p in files.values()), max_genes=100, min_cells=3)
    assert found.genes == sorted(sorted(seen, key=lambda gene: (-seen[gene], gene))[:100])
    rare = make_corpus(tmp_path / "rare", *(make_entry(p) for p in files.values()), min_cells=40)
    assert set(rare.genes) == {gene for gene, cells in seen.items() if cells >= 40}


def test_a_given_vocabulary_keeps_its_order_and_counts_outside_it_stay_in_the_depth(
    two, files, make_corpus, make_entry, tmp_path
):
    genes = [*two["one"].var_names[2000:2400][::-1], "ENSG99999999999"]
    (tmp_path / "genes.txt").write_text("\n".join(genes))
    found = make_corpus(tmp_path / "c", make_entry(files["one"]), vocabulary=tmp_path / "genes.txt")
    assert found.genes == genes
    assert not found.measured(0)[-1]
    assert found.measured(0)[:-1].all()
    chunk = found.chunk(0)
    dense = two["one"].to_df()
    for at, name in enumerate(chunk.names):
        cell = dense.loc[name.decode().split(":")[1]]
        assert chunk.depth[at] == cell.sum()
        assert chunk.counts[chunk.starts[at] : chunk.starts[at + 1]].sum() == cell[genes[:-1]].sum()


def test_cells_empty_over_the_vocabulary_are_dropped_and_counted(make_sparse, make_corpus, make_entry, tmp_path):
    data = make_sparse(50)
    dense = data.X.toarray()
    dense[:7, :2990] = 0
    dense[:7, 2990:] = 1
    dense[7:, 2990:] = 0
    data.X = csr_matrix(dense)
    data.write_h5ad(tmp_path / "d.h5ad")
    found = make_corpus(tmp_path / "c", make_entry(tmp_path / "d.h5ad"), min_cells=8)
    assert (found.n_cells, found.manifest["cells_dropped"]) == (43, 7)
    assert found.manifest["sources"][0]["cells_dropped"] == 7
    assert sum(group.size for group in found.groups) == 43


def test_counts_above_65535_saturate_and_are_counted(make_sparse, make_corpus, make_entry, tmp_path):
    data = make_sparse(40)
    dense = data.X.toarray()
    dense[3, 5], dense[4, 6], dense[5, 7] = 65_535, 65_536, 1_000_000
    data.X = csr_matrix(dense)
    data.write_h5ad(tmp_path / "d.h5ad")
    found = make_corpus(tmp_path / "c", make_entry(tmp_path / "d.h5ad"))
    assert found.manifest["sources"][0]["counts_saturated"] == 2
    _, depth, counts = cells_of(found)[f"d:{data.obs_names[5]}"]
    assert counts["ENSG00000000007"] == 65_535
    assert depth == dense[5].sum()


def test_the_manifest_says_where_cells_come_from(corpus, files, two):
    one, _ = corpus.manifest["sources"]
    assert one["files"] == [{"url": "file:one.h5ad", "sha256": sha256_of(files["one"])}]
    assert (one["study"], one["donors"], one["cells"]) == (["study-one"], ["donor0", "donor1"], 150)
    assert corpus.manifest["tissues"] == {"unknown": 240}
    sizes = two["one"].obs["sample"].value_counts()
    assert {g.name: g.size for g in corpus.groups if g.dataset == "one"} == {f"one:{s}": n for s, n in sizes.items()}


@pytest.mark.parametrize("layout", ["layer", "raw", "dense", "symbols"])
def test_counts_are_found_where_the_configuration_says(layout, make_sparse, make_corpus, make_entry, cache, tmp_path):
    data = make_sparse(40, n_genes=300)
    plain, more = data.copy(), {}
    if layout == "layer":
        data.layers["counts"], data.X, more = data.X, csr_matrix(data.X * 0.5), {"layer": "counts"}
    elif layout == "raw":
        data.raw = data.copy()
        data.X, more = csr_matrix(data.X * 0.5), {"layer": "raw"}
    elif layout == "dense":
        data.X = data.X.toarray()
    else:
        data.var["id"], more = data.var_names + ".12", {"genes": "id"}
        data.var_names = [f"g{i}" for i in range(300)]
    data.write_h5ad(tmp_path / "d.h5ad")
    found = make_corpus(tmp_path / "c", make_entry(tmp_path / "d.h5ad", **more))
    dense = plain.X.toarray()
    for row, name in enumerate(plain.obs_names):
        counts = cells_of(found)[f"d:{name}"][2]
        assert counts == {plain.var_names[g]: int(dense[row, g]) for g in np.flatnonzero(dense[row])}
        if row == 3:
            break


def test_memory_is_bounded_by_a_shard_and_not_by_the_corpus(make_sparse, make_corpus, make_entry, tmp_path):
    entries = []
    for number in range(10):
        make_sparse(120, n_genes=1500, seed=number).write_h5ad(tmp_path / f"f{number}.h5ad")
        entries.append(make_entry(tmp_path / f"f{number}.h5ad"))

    def peak(name, some):
        tracemalloc.start()
        make_corpus(tmp_path / name, *some)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak("warm", entries[:1])  # what is imported and compiled once
    small, large = peak("small", entries[:2]), peak("large", entries)
    whole = sum(f["bytes"] for f in read_json(tmp_path / "large" / "manifest.json")["files"].values())
    assert large - small < 0.15 * whole
    assert large < 1.3 * small


def spoil(data, values):
    dense = data.X.toarray()
    dense[0, :3] = values
    data.X = csr_matrix(dense)


def no_genes(data):
    data.var_names = [f"thing{i}" for i in range(data.n_vars)]


def stored_by_columns(data):
    data.X = csc_matrix(data.X)


def without_a_batch(data):
    data.obs["sample"] = data.obs["sample"].astype(object).where(np.arange(data.n_obs) > 0, None)


@pytest.mark.parametrize(
    ("change", "more", "error", "said"),
    [
        (lambda d: spoil(d, [0.5, 1, 1]), {}, DataError, "1 of .* values are not integer counts"),
        (lambda d: spoil(d, [-1, 1, 1]), {}, DataError, "negative values"),
        (lambda d: spoil(d, [np.nan, np.inf, 1]), {}, DataError, "2 values are NaN or infinite"),
        (no_genes, {}, DataError, "no gene is known"),
        (stored_by_columns, {}, DataError, "stored as CSC"),
        (without_a_batch, {}, DataError, "1 cells have no batch"),
        (lambda d: None, {"batch": "library"}, DataError, "no column 'library'.*person, sample|sample, person"),
        (lambda d: None, {"layer": "counts"}, DataError, "has no layers/counts"),
        (lambda d: None, {"genes": "gene"}, DataError, "no column 'gene'"),
        (lambda d: None, {"sha256": "0" * 64}, SourceError, "sha256"),
        (lambda d: setattr(d, "obs_names", ["x" * 200 + str(i) for i in range(30)]), {}, DataError, "too long"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    change, more, error, said, make_sparse, make_corpus, make_entry, cache, tmp_path
):
    data = make_sparse(30, n_genes=200)
    change(data)
    data.write_h5ad(tmp_path / "d.h5ad")
    with pytest.raises(error, match=said) as caught:
        build(
            CorpusConfig.model_validate({"name": "c", "h5ad": [make_entry(tmp_path / "d.h5ad", **more)]}),
            tmp_path / "c",
            cache,
        )
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "c" / "manifest.json").exists()
    assert not (tmp_path / "c" / ".spool").exists()


def test_names_that_occur_twice_and_files_that_are_none_are_refused(make_sparse, make_corpus, make_entry, tmp_path):
    import warnings

    data = make_sparse(30, n_genes=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.obs_names = ["a"] * 30
        data.write_h5ad(tmp_path / "d.h5ad")
    with pytest.raises(DataError, match="29 cell names occur twice"):
        make_corpus(tmp_path / "c", make_entry(tmp_path / "d.h5ad"))
    (tmp_path / "e.h5ad").write_bytes((tmp_path / "d.h5ad").read_bytes()[:3000])
    with pytest.raises(DataError, match=r"e\.h5ad"):
        make_corpus(tmp_path / "c", make_entry(tmp_path / "e.h5ad"))
    with pytest.raises(SourceError, match="no such file"):
        make_corpus(tmp_path / "c", make_entry(tmp_path / "f.h5ad"))


def test_datasets_without_a_gene_in_common_are_refused(make_sparse, make_corpus, make_entry, tmp_path):
    make_sparse(30, n_genes=100).write_h5ad(tmp_path / "a.h5ad")
    make_sparse(30, n_genes=100, first_gene=500).write_h5ad(tmp_path / "b.h5ad")
    entries = [make_entry(tmp_path / f"{name}.h5ad") for name in "ab"]
    with pytest.raises(DataError, match="no gene in common with the other"):
        make_corpus(tmp_path / "c", *entries)
    with pytest.raises(DataError, match="no gene is seen in 31 cells"):
        make_corpus(tmp_path / "c", entries[0], min_cells=31)
    (tmp_path / "v.txt").write_text("ENSG00000000500")
    with pytest.raises(DataError, match="measures no gene of the vocabulary"):
        make_corpus(tmp_path / "c", entries[0], vocabulary=tmp_path / "v.txt")


def test_a_dataset_of_empty_cells_is_refused(make_sparse, make_corpus, make_entry, tmp_path):
    data = make_sparse(30, n_genes=100)
    data.X = csr_matrix(data.shape, dtype=np.float32)
    data.write_h5ad(tmp_path / "empty.h5ad")
    make_sparse(30, n_genes=100).write_h5ad(tmp_path / "full.h5ad")
    with pytest.raises(DataError, match="empty: no cell has a count"):
        make_corpus(tmp_path / "c", *(make_entry(tmp_path / f"{name}.h5ad") for name in ("empty", "full")))


def test_a_corpus_is_not_overwritten_and_an_interrupted_build_is_cleared_away(
    corpus, files, make_corpus, make_entry, tmp_path
):
    with pytest.raises(ConfigError, match="a corpus already"):
        make_corpus(corpus.folder, make_entry(files["one"]))
    for left in ("shard-00077", ".spool"):
        (tmp_path / "c" / left).mkdir(parents=True)
        (tmp_path / "c" / left / "genes.npy").write_bytes(b"half")
    found = make_corpus(tmp_path / "c", make_entry(files["one"]))
    assert not any("00077" in name for name in found.manifest["files"])
    assert {path.name for path in found.folder.iterdir() if path.is_dir()} == {
        f"shard-{n:05d}" for n in range(found.manifest["shards"])
    }


def test_a_benchmark_card_is_refused(tmp_path, cache):
    with pytest.raises(ConfigError, match="baron_h1 is a benchmark set"):
        build(CorpusConfig(name="c", cards=("baron_h1",)), tmp_path / "c", cache)


def test_a_card_goes_in_as_it_is_prepared(tmp_path, cache):
    from scarena.datasets.card import load_card
    from scarena.datasets.prepare import prepare
    from scarena.models.foundation.corpus.store import Corpus

    data = prepare(load_card("celltypist_demo"), cache=cache)
    manifest = build(
        CorpusConfig(name="c", cards=("celltypist_demo",), min_cells=1, max_genes=60_000), tmp_path / "c", cache
    )
    found = cells_of(Corpus.open(tmp_path / "c"))
    assert manifest["tissues"] == {"immune": data.n_obs}
    assert manifest["sources"][0]["study"] == ["celltypist-sample"]
    name = data.obs_names[17]
    row = data[name].X.toarray().ravel()
    assert found[f"celltypist_demo:{name}"][2] == {data.var_names[g]: int(row[g]) for g in np.flatnonzero(row)}


@pytest.mark.parametrize(
    "text",
    [
        "name: c",
        "name: c\ncards: [a]\nseeds: 1",
        "name: c\ncards: [a, a]",
        "name: c\ncards: [a]\nmax_genes: 65536",
        "name: c\ncards: [a]\nshard_cells: 10",
        "name: c\ncensus: {version: stable, value_filter: x}",
        "a: [",
        "- 1",
    ],
)
def test_a_wrong_configuration_is_refused_in_one_line(text, tmp_path):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"c\.yaml") as caught:
        read_config(tmp_path / "c.yaml")
    assert "\n" not in str(caught.value)


def test_a_vocabulary_with_an_id_twice_is_refused(files, make_corpus, make_entry, tmp_path):
    (tmp_path / "v.txt").write_text("ENSG00000000001\nENSG00000000001\n")
    with pytest.raises(ConfigError, match=r"2 ids, 1 of them different"):
        make_corpus(tmp_path / "c", make_entry(files["one"]), vocabulary=tmp_path / "v.txt")


def test_the_spool_keeps_saturated_counts_within_sixteen_bits():
    assert np.iinfo(spool_module.PARTS["counts"]).max == spool_module.MOST_COUNTS


def other_features(data):
    data.var["feature_types"] = ["Antibody Capture"] * 100 + ["Gene Expression"] * (data.n_vars - 100)


def of_mouse(data):
    data.var_names = [f"ENSMUSG{n:011d}" if n > 20 else name for n, name in enumerate(data.var_names)]


def test_what_is_no_gene_is_in_no_corpus_and_the_manifest_says_so(make_sparse, make_corpus, make_entry, tmp_path):
    data = make_sparse(60)
    other_features(data)
    data.write_h5ad(tmp_path / "d.h5ad")
    corpus = make_corpus(tmp_path / "out", make_entry(tmp_path / "d.h5ad"))
    assert not set(data.var_names[:100]) & set(corpus.genes)
    source = read_json(tmp_path / "out" / "manifest.json")["sources"][0]
    assert source["notes"] == ["100 features are no genes and left out (100 Antibody Capture)"]
    assert source["genes_measured"] <= data.n_vars - 100


def test_cells_of_another_species_are_refused_and_so_are_batches_in_words_for_missing(
    make_sparse, make_corpus, make_entry, tmp_path
):
    data = make_sparse(60)
    of_mouse(data)
    data.write_h5ad(tmp_path / "mouse.h5ad")
    with pytest.raises(DataError, match=r"only 21 of 3,000 genes are known.*genes of mouse"):
        make_corpus(tmp_path / "a", make_entry(tmp_path / "mouse.h5ad"))
    data = make_sparse(60)
    data.obs["sample"] = ["NA", "", *data.obs["sample"][2:]]
    data.write_h5ad(tmp_path / "na.h5ad")
    with pytest.raises(DataError, match="2 cells have no batch"):
        make_corpus(tmp_path / "b", make_entry(tmp_path / "na.h5ad"))
