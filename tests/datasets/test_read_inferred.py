"""Types of treated cells, inferred from genes that do not respond: right on made cells, and nothing where unsure."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.card import load_card
from scarena.datasets.network_effects import log_normalised
from scarena.datasets.prepare_response import prepare_response
from scarena.datasets.raw import Raw
from scarena.datasets.read_inferred import infer, unmoved
from scarena.datasets.readers import find_reader

N, GENES, RESPONDING = 300, 400, slice(385, 400)


def made(seed=0, markers=4.0):
    """Return cells of three types, half of them treated: fifteen genes respond, the others tell the types."""
    rng = np.random.default_rng(seed)
    types, treated = np.arange(N) % 3, np.arange(N) >= N // 2
    rates = np.full((3, GENES), 1.0)
    for each in range(3):
        rates[each, each * 20 : each * 20 + 20] = markers
    rates = rates[types]
    # The treatment looks like the third type's markers among genes that respond.
    rates[types == 2, RESPONDING] = 2.5
    rates[treated, RESPONDING] = 4.0
    counts = csr_matrix(rng.poisson(rates))
    obs = pd.DataFrame({"batch": "one", "label": np.where(treated, "drug", "ctrl")}, [f"c{i}" for i in range(N)])
    raw = Raw(counts, obs, np.array([f"G{i}" for i in range(GENES)]))
    truth = pd.Series(np.array(["B", "T", "NK"])[types], obs.index)
    return raw, truth, treated


def test_treated_cells_take_the_types_of_untreated_ones():
    raw, truth, treated = made()
    found, said = infer(raw, truth[~treated], "ctrl", 0.6, "file")
    sure = found[treated].dropna()
    assert len(sure) > 0.9 * treated.sum() and (sure == truth[sure.index]).mean() > 0.98
    assert (found[~treated] == truth[~treated]).all()
    assert said.startswith(f"types of {len(sure)} of 150 treated cells are inferred") and "150 untreated cells" in said


def test_no_gene_that_responds_is_looked_at():
    raw, _, treated = made()
    quiet = unmoved(log_normalised(raw.counts.astype(float)), ~treated)
    assert len(quiet) > 100 and not set(quiet) & set(range(385, 400))


def test_where_nothing_tells_types_apart_no_cell_has_one():
    raw, truth, treated = made(markers=1.0)
    found, _ = infer(raw, truth[~treated], "ctrl", 0.8, "file")
    assert found[treated].notna().mean() < 0.1


def test_types_are_joined_by_name_and_untreated_cells_without_one_have_none():
    raw, truth, treated = made()
    known = truth[~treated].iloc[::-1].iloc[20:]
    found, _ = infer(raw, known, "ctrl", 0.8, "file")
    lost = truth[~treated].index.difference(known.index)
    assert len(lost) == 20 and found[lost].isna().all() and (found[known.index] == known).all()


@pytest.mark.parametrize("spoilt", ["no treated cell", "no shared name", "one type"])
def test_too_little_to_infer_from_is_one_typed_line(spoilt):
    raw, truth, treated = made()
    known = truth[~treated]
    if spoilt == "no treated cell":
        raw.obs["label"] = "ctrl"
    known = known.set_axis("x" + known.index) if spoilt == "no shared name" else known
    known = known[known == "B"] if spoilt == "one type" else known
    with pytest.raises(DataError, match=r"treated cells, and . types known.*correct `control`"):
        infer(raw, known, "ctrl", 0.8, "file")


def test_where_every_gene_responds_there_is_nothing_to_infer_from():
    raw, truth, treated = made()
    quiet = np.arange(GENES) < RESPONDING.start
    raw = replace(raw, counts=csr_matrix(np.where(treated[:, None] & quiet, 0, raw.counts.toarray())))
    with pytest.raises(DataError, match="no gene is alike in treated and untreated cells"):
        infer(raw, truth[~treated], "ctrl", 0.8, "file")


def table(folder, raw, name, **columns):
    pd.DataFrame(raw.counts.toarray().T, raw.genes, raw.obs.index).to_csv(folder / f"{name}.csv")
    pd.DataFrame(columns, raw.obs.index).to_csv(folder / f"{name}_cells.csv")
    return {key: folder / f"{key}.csv" for key in (name, f"{name}_cells")}


def test_the_reader_makes_types_the_donors_and_takes_labels_of_cells_without_one(tmp_path):
    raw, truth, _ = made()
    some = Raw(raw.counts[:100], raw.obs[:100].set_axis([f"k{name}" for name in raw.obs.index[:100]]), raw.genes)
    files = {
        **table(tmp_path, raw, "cells", what=raw.obs["label"]),
        **table(tmp_path, some, "types", type=truth[:100].to_numpy()),
    }
    options = {
        "matrix": "cells", "metadata": {"file": "cells_cells"}, "label": {"column": "what"}, "batch": {"value": "one"},
    }  # fmt: skip
    types = {**options, "matrix": "types", "metadata": {"file": "types_cells"}, "label": {"column": "type"}}
    renamed = raw.obs.index.to_series().radd("k")
    pd.read_csv(files["cells"], index_col=0).set_axis(renamed.to_numpy(), axis=1).to_csv(files["cells"])
    pd.read_csv(files["cells_cells"], index_col=0).set_axis(renamed.to_numpy()).to_csv(files["cells_cells"])
    found = find_reader("inferred", "made")(
        files,
        {
            "control": "ctrl", "cells": {"reader": "tables", "options": options},
            "types": {"reader": "tables", "options": types},
        },
    )  # fmt: skip
    assert list(found.obs["donor"][:100]) == list(truth[:100])
    assert found.obs["label"][100:150].isna().all() and set(found.obs["label"].dropna()) == {"ctrl", "drug"}
    assert any("are inferred" in note for note in found.notes)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="the authors' types are in a file that R reads")
def test_kang_stim_has_contexts_that_were_inferred(published, cache, ontology):
    truth, _ = prepare_response(load_card("response_kang_stim"), cache=cache, ontology=ontology)
    sizes = dict(zip(truth.profiles["context"], truth.profiles["n_cells"], strict=True))
    assert {"CD4 T cells", "CD14+ Monocytes"} <= set(sizes) and len(truth.splits) == len(truth.contexts) >= 2
    # Measured before with another choice of genes: 416 CD4 T cells and 209 monocytes.
    assert sizes["CD4 T cells"] == pytest.approx(416, rel=0.1) and sizes["CD14+ Monocytes"] == pytest.approx(
        209, rel=0.1
    )
    assert any("are inferred" in note for note in truth.notes)
