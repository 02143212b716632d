"""A prepared dataset of perturbations comes back as it was written, and a damaged one is refused in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.gene_facts import FACTS
from scarena.datasets.response_truth import (
    ResponseTruth,
    Split,
    read_response_cells,
    read_response_truth,
    write_response_truth,
)

GENES, NAMES = ("ENSG1", "ENSG2"), ("A | x", "B | x", "A | y")


@pytest.fixture
def truth() -> ResponseTruth:
    """Three profiles in two contexts, with what only cells can tell."""
    rng = np.random.default_rng(0)
    profiles = pd.DataFrame({
        "perturbation": ["A", "B", "A"], "context": ["x", "x", "y"], "targets": ["ENSG1", "", "ENSG1"],
        "n_cells": [3, 0, 5], "reproducibility": [0.5, np.nan, 1.0],
    }, index=NAMES)  # fmt: skip
    genes = pd.DataFrame(np.nan, index=GENES, columns=list(FACTS)).assign(symbol=["S1", "S2"])
    arrays = {name: rng.normal(size=(3, 2)).astype(np.float32) for name in
              ("observed", "whole", "duplicate", "strength", "doubt")}  # fmt: skip
    control = {name: rng.normal(size=(2, 2)).astype(np.float32) for name in ("control_scored", "control_shown")}
    splits = (Split("fold 0", "fold", NAMES[:2], NAMES[2:]), Split("reveal 0", "reveal", (), NAMES[:1]))
    return ResponseTruth("context", profiles, ("x", "y"), GENES, genes, splits=splits, card='{"name": "d"}',
                         notes=("one",), further={"splits_sha256": "0"}, **arrays, **control)  # fmt: skip


@pytest.fixture
def cells() -> AnnData:
    """Two cells of the control."""
    obs = pd.DataFrame({"batch": ["p", "q"], "context": ["x", "y"]}, index=["c1", "c2"])
    var = pd.DataFrame({"symbol": ["S1", "S2"]}, index=GENES)
    return AnnData(csr_matrix(np.array([[1, 0], [2, 3]], np.int32)), obs=obs, var=var)


@pytest.mark.parametrize("bare", [False, True])
def test_it_comes_back_as_it_was_written(truth: ResponseTruth, cells: AnnData, tmp_path: Path, bare: bool) -> None:
    if bare:
        truth = replace(truth, duplicate=None, strength=None, doubt=None, shared_control=True)
    write_response_truth(truth, None if bare else cells, tmp_path / "d.h5ad")
    found = read_response_truth(tmp_path / "d.h5ad")
    for name in ("setting", "contexts", "measured", "splits", "shared_control", "card", "notes", "further", "targets"):
        assert getattr(found, name) == getattr(truth, name)
    for name in ("observed", "whole", "control_scored", "control_shown", "duplicate", "strength", "doubt"):
        np.testing.assert_array_equal(getattr(found, name), getattr(truth, name))
    pd.testing.assert_frame_equal(found.profiles, truth.profiles, check_dtype=False, check_index_type=False)
    pd.testing.assert_frame_equal(found.genes, truth.genes, check_dtype=False, check_index_type=False)
    again = read_response_cells(tmp_path / "d.h5ad")
    assert (again is None) == bare
    if again is not None:
        # The truth is not handed on with the cells.
        assert not again.uns
        np.testing.assert_array_equal(again.X.toarray(), cells.X.toarray())


def _wrong(truth: ResponseTruth) -> dict[str, ResponseTruth]:
    return {
        "observed has shape": replace(truth, observed=truth.observed[:, :1]),
        "control_scored is not of": replace(truth, control_scored=truth.control_scored[:1]),
        "not there: C": replace(truth, splits=(Split("fold 0", "fold", ("C",), NAMES[:1]),)),
    }


@pytest.mark.parametrize("line", ["observed has shape", "control_scored is not of", "not there: C"])
def test_parts_that_do_not_fit_are_refused(truth: ResponseTruth, tmp_path: Path, line: str) -> None:
    write_response_truth(_wrong(truth)[line], None, tmp_path / "d.h5ad")
    with pytest.raises(DataError, match=line):
        read_response_truth(tmp_path / "d.h5ad")


def test_another_file_is_refused_in_one_line(tmp_path: Path, cells: AnnData) -> None:
    cells.write_h5ad(tmp_path / "cells.h5ad")
    (tmp_path / "text.h5ad").write_text("no")
    for name in ("cells.h5ad", "text.h5ad", "gone.h5ad"):
        with pytest.raises(DataError) as refused:
            read_response_truth(tmp_path / name)
        assert "\n" not in str(refused.value)
