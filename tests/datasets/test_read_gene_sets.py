"""Sets of genes over the genes that are asked about: which are kept, and which of their genes are newer."""

from itertools import combinations

import numpy as np
import pytest

from scarena.base.errors import DataError
from scarena.datasets.gene_truth import MEMBER, NEWER
from scarena.datasets.read_gene_sets import Options, jaccard, read

EVERY = {"file": "sets", "sizes": [1, 20], "jaccard": 2}


def gene(number):
    return f"ENSG{number:011d}"


@pytest.fixture
def made(tmp_path, known):
    """Read sets given as name → genes, with the options of `EVERY` where none are given."""

    def make(sets, later=None, **options):
        files = {}
        for key, each in (("sets", sets), ("later", later or {})):
            files[key] = tmp_path / f"{key}.gmt"
            files[key].write_text("".join("\t".join([name, "", *genes]) + "\n" for name, genes in each.items()))
        return read(files, Options(**{**EVERY, **options}), known)

    return make


def names(*numbers):
    return [f"G{number}" for number in numbers]


def test_genes_are_joined_by_name_and_what_is_lost_is_said(made):
    raw = made({"a": [*names(1, 2, 11), "NOBODY"], "b": names(2, 3)})
    assert raw.sets == {"a": {gene(1): MEMBER, gene(2): MEMBER}, "b": {gene(2): MEMBER, gene(3): MEMBER}}
    assert raw.genes is None
    assert raw.notes[0].startswith("1 of 5 genes in 2 sets are unknown (by symbol); 1 more are not asked about")


def test_ids_and_numbers_name_the_same_genes(made):
    wanted = made({"a": names(1, 2)}).sets
    assert made({"a": ["101", "102"]}, genes="entrez").sets == wanted
    assert made({"a": [gene(1), f"{gene(2)}.4"]}, genes="ensembl").sets == wanted


def test_sizes_are_counted_after_the_genes_are_joined(made):
    raw = made({"a": [*names(1, 2), "X1", "X2", "X3"], "b": names(1, 2, 3), "c": names(4)}, sizes=[2, 2])
    assert list(raw.sets) == ["a"] and "1 of 3 sets have 2 to 2 genes that are asked about" in raw.notes


def test_of_two_sets_that_say_the_same_the_larger_is_kept(made):
    raw = made({"few": names(1, 2, 3), "many": names(1, 2, 3, 4), "other": names(4, 5, 6)}, jaccard=0.5)
    assert list(raw.sets) == ["many", "other"]
    assert raw.notes[-1].startswith("1 sets are left out: their Jaccard index")


def test_of_two_equal_sets_the_first_by_name_is_kept_whatever_the_order_of_the_file(made):
    twins = {"b": names(1, 2), "a": names(1, 2), "c": names(7)}
    assert (
        list(made(twins, jaccard=0.5).sets) == list(made(dict(reversed(twins.items())), jaccard=0.5).sets) == ["a", "c"]
    )


def test_a_set_goes_by_those_that_are_kept_alone(made):
    """The middle one is like both; once it is left out, it takes nobody with it."""
    chain = {"large": names(1, 2, 3, 4, 5), "middle": names(3, 4, 5, 6), "small": names(5, 6)}
    near = jaccard([frozenset(genes) for genes in chain.values()])
    assert near[0, 1] == near[1, 2] == 0.5 and near[0, 2] < 0.5
    assert list(made(chain, jaccard=0.5).sets) == ["large", "small"]


def test_what_is_kept_of_many_is_less_alike_than_the_limit_and_what_is_not_is_not(made):
    rng = np.random.default_rng(0)
    sets = {f"s{i:02d}": names(*sorted(rng.choice(10, rng.integers(2, 7), replace=False) + 1)) for i in range(40)}
    kept = made(sets, jaccard=0.5).sets

    def like(a, b):
        return len(set(a) & set(b)) / len(set(a) | set(b))

    assert all(like(kept[a], kept[b]) < 0.5 for a, b in combinations(kept, 2))
    for name in sets.keys() - kept.keys():
        assert any(like(sets[name], sets[other]) >= 0.5 and len(sets[other]) >= len(sets[name]) for other in kept)


def test_the_index_is_that_of_a_loop():
    rng = np.random.default_rng(1)
    sets = [frozenset(map(str, rng.choice(30, rng.integers(1, 20), replace=False))) for _ in range(12)]
    assert np.allclose(jaccard(sets), [[len(a & b) / len(a | b) for b in sets] for a in sets])


LATER = {"GO:0000001": names(1, 2, 4, 5), "GO:0000002": names(3, 4), "GO:0000009": names(1, 2)}
FIRST = {"division (GO:0000001)": names(1, 2, 3), "death (GO:0000002)": names(3), "sleep (GO:0000003)": names(6)}


def test_what_a_later_file_adds_is_newer_and_what_both_have_is_not(made):
    raw = made(FIRST, LATER, newer={"file": "later", "least": 2})
    old, new = dict.fromkeys(map(gene, (1, 2, 3)), MEMBER), dict.fromkeys(map(gene, (4, 5)), NEWER)
    assert raw.sets == {"division (GO:0000001)": old | new}
    assert "1 of the 3 sets of the later file are not in the first" in raw.notes
    assert "1 of the 2 others gained fewer than 2 genes: left out" in raw.notes


def test_ten_newer_genes_are_asked_for_by_default(made):
    with pytest.raises(DataError, match="no set of genes is left"):
        made(FIRST, LATER, newer={"file": "later"})


def test_a_later_file_may_name_genes_otherwise(made):
    numbered = {name: [str(100 + int(each[1:])) for each in genes] for name, genes in LATER.items()}
    by_symbol = made(FIRST, LATER, newer={"file": "later", "least": 2})
    assert made(FIRST, numbered, newer={"file": "later", "least": 2, "genes": "entrez"}).sets == by_symbol.sets


@pytest.mark.parametrize(
    ("genes", "words"),
    [
        (["NOBODY1", "NOBODY2"], "0 of 2 names of genes are known by symbol"),
        (["Trp53", "Gapdh"], "mouse"),
        (["ENSMUSG00000000001"], "genes of mouse"),
        ([gene(1), gene(2)], "`genes: ensembl`"),
        (["101", "102"], "`genes: entrez`"),
        ([], "the set 'a' has no genes"),
        (names(11), "no set of genes is left"),
    ],
)
def test_sets_that_cannot_be_asked_about_are_one_line(made, genes, words):
    with pytest.raises(DataError) as caught:
        made({"a": genes})
    assert words in str(caught.value) and "sets.gmt" in str(caught.value) and "\n" not in str(caught.value)
