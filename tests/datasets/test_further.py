"""Further truths follow the cells they are of, by name, into the prepared dataset, and never into its counts."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from scarena.base.errors import CardError, DataError, ScarenaError
from scarena.datasets.card import parse_card
from scarena.datasets.genes import gene_table
from scarena.datasets.prepare import prepare
from scarena.datasets.prepared import read_prepared, write_prepared
from scarena.datasets.raw import Raw
from scarena.datasets.stored import is_stored

N = 60
OPTIONS = {
    "matrix": "counts", "metadata": {"file": "cells"}, "batch": {"column": "batch"}, "label": {"column": "type"},
    "malignant": {"column": "call"}, "layer": {"column": "layer"},
    "proteins": {"file": "proteins"}, "coordinates": {"columns": ["x", "y"]},
}  # fmt: skip
SAID = {
    "targets": {"malignant": {"yes": ["m"], "no": ["n"], "other": ["u"]}, "layer": {}},
    "proteins": {"CD3": "CD3E", "IgG": None},
    "coordinates": True,
}


@pytest.fixture
def dataset(tmp_path, cache, ontology):
    """Tables of cells, counts and proteins, each in an order of its own, and a maker of what is prepared from them."""
    rng, names = np.random.default_rng(0), [f"c{i}" for i in range(N)]
    genes = sorted(gene_table(cache=cache).symbol_to_id)[:80]
    counts = pd.DataFrame(rng.poisson(2, (N, len(genes))), index=names, columns=genes)
    counts.iloc[3] = 0
    proteins = pd.DataFrame({"CD3": np.arange(N), "IgG": 7}, index=names)
    cells = pd.DataFrame({"name": names, "batch": np.resize(["a", "b"], N), "type": np.resize(["T", "B", "drop"], N)})
    cells["call"], cells["layer"] = np.resize(["m", "n", "u"], N), np.resize(["out", "in", ""], N)
    cells["x"], cells["y"] = np.arange(N) + 0.5, -np.arange(N)
    tables = {"counts": counts, "proteins": proteins, "cells": cells}

    def make(said=SAID, **options):
        counts.T.to_csv(tmp_path / "counts.csv")
        tables["proteins"].iloc[::-1].T.to_csv(tmp_path / "proteins.csv")
        tables["cells"].sample(frac=1, random_state=1).to_csv(tmp_path / "cells.csv", index=False)
        raw = {
            "name": "d", "title": "d", "description": "d", "labels": {"T": "CL:0000084", "B": "CL:0000236"},
            "drop_labels": ["drop"], **said,
            "files": [{"key": key, "url": f"file:{tmp_path / key}.csv"} for key in tables],
            "reader": {"name": "tables", "options": {**OPTIONS, **options}},
        }  # fmt: skip
        return prepare(parse_card(raw, "d"), cache=cache, ontology=ontology)

    return tables, make


def number(data):
    return np.array([int(name[1:]) for name in data.obs_names])


def test_every_truth_is_of_the_cell_it_was_published_for(dataset, tmp_path):
    _, make = dataset
    write_prepared(make(), tmp_path / "p.h5ad")
    data = read_prepared(tmp_path / "p.h5ad")
    n = number(data)
    # A third is dropped by label, and one cell has no counts.
    assert len(n) == 2 * N // 3 - 1
    assert list(data.obsm["proteins"][:, 0]) == list(n) and data.obsm["proteins"].dtype == np.float32
    assert list(data.obsm["coordinates"][:, 0]) == list(n + 0.5)
    assert list(data.obs["malignant"]) == [("yes", "no", "")[i % 3] for i in n]
    assert list(data.obs["layer"]) == [("out", "in", "")[i % 3] for i in n]
    assert list(data.uns["proteins"]) == ["CD3", "IgG"]


def test_proteins_are_never_among_the_counts(dataset):
    tables, make = dataset
    data = make()
    assert data.n_vars == tables["counts"].shape[1]
    assert (data.X.toarray() == tables["counts"].loc[data.obs_names].to_numpy()).all()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.update(proteins=t["proteins"].iloc[1:]), "1 cells are not in it"),
        (lambda t: t["proteins"].__setitem__("CD3", -1), "negative counts"),
        (lambda t: t["proteins"].__setitem__("CD4", 1), "the card does not name 'CD4'"),
        (lambda t: t.update(proteins=t["proteins"][["CD3"]]), "the reader finds no 'IgG'"),
        (lambda t: t["cells"].__setitem__("x", "here"), "missing or infinite"),
        (lambda t: t["cells"].__setitem__("call", "?"), r"the value '\?' of the target malignant is not on the card"),
        (lambda t: t["cells"].__setitem__("layer", "a\x1b[2J"), "control characters"),
    ],
)
def test_what_cannot_be_joined_or_read_is_one_line(dataset, spoil, words):
    tables, make = dataset
    spoil(tables)
    with pytest.raises(ScarenaError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["targets", "proteins", "coordinates"])
def test_what_the_reader_finds_and_the_card_forgets_is_refused(dataset, key):
    _, make = dataset
    with pytest.raises(CardError, match=f"the card does not name .* of {key}"):
        make({name: value for name, value in SAID.items() if name != key})


def test_a_column_of_places_that_is_not_there_is_answered_with_those_that_are(dataset):
    _, make = dataset
    with pytest.raises(DataError, match=r"no column 'z'.*columns: .*\bx\b"):
        make(coordinates={"columns": ["x", "z"]})


def test_truths_of_counts_on_disk_are_the_same(tmp_path, cells, cache, ontology, on_disk):
    cells.var_names = sorted(gene_table(cache=cache).symbol_to_id)[: cells.n_vars]
    cells.obs["call"] = np.resize(["m", "n"], cells.n_obs)
    cells.X = cells.X.astype(np.float32)
    cells.write_h5ad(tmp_path / "d.h5ad")
    options = {"batch": "batch", "label": "cell_type", "malignant": "call"}
    raw = {
        "name": "d", "title": "d", "description": "d", "labels": dict.fromkeys(["type0", "type1", "type2"]),
        "targets": {"malignant": {"yes": ["m"], "no": ["n"]}}, "reader": {"name": "h5ad", "options": options},
        "files": [{"key": "h5ad", "url": f"file:{tmp_path / 'd.h5ad'}"}],
    }  # fmt: skip
    data = prepare(parse_card(raw, "d"), cache=cache, ontology=ontology, store=tmp_path / "counts.h5")
    assert is_stored(data.X)
    write_prepared(data, tmp_path / "p.h5ad")
    assert list(read_prepared(tmp_path / "p.h5ad").obs["malignant"]) == ["yes", "no"] * (cells.n_obs // 2)


def part(cell, **more):
    matrices = {"proteins": pd.DataFrame({"CD3": [1.0], **more}, index=[cell])}
    obs = pd.DataFrame({"batch": ["b"], "malignant": ["m"]}, index=[cell])
    return Raw(csr_matrix(np.ones((1, 1))), obs, np.array(["A"]), matrices=matrices)


def test_joined_parts_keep_their_truths_under_their_prefixes(monkeypatch):
    from scarena.datasets import readers
    from scarena.datasets.read_joined import read

    raws = iter([part("c"), part("c", CD4=2.0)])
    monkeypatch.setattr(readers, "find_reader", lambda *_: lambda *_: next(raws))
    found = read({}, {"parts": [{"reader": "x", "prefix": "1:"}, {"reader": "x", "prefix": "2:"}]})
    assert list(found.obs.index) == list(found.matrices["proteins"].index) == ["1:c", "2:c"]
    assert list(found.matrices["proteins"]) == ["CD3"]
    assert list(found.obs["malignant"]) == ["m", "m"]


def test_where_the_counts_are_is_no_target(cells):
    from scarena.datasets.annotated import raw_of

    cells.obs["depth"] = "outer"
    options = {"batch": "batch", "label": "cell_type", "layer": "raw", "layer_column": "depth"}
    raw = raw_of(cells.obs, cells.X, cells.var, options, "d.h5ad", None)
    assert set(raw.obs["layer"]) == {"outer"}
    assert "layer" not in raw_of(cells.obs, cells.X, cells.var, {"layer": "raw"}, "d.h5ad", None).obs
