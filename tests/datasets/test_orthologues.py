"""Mouse genes become human ones where each has one counterpart, and the share of those is said."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from scarena.base.errors import DataError
from scarena.datasets.orthologues import humanised, orthologues, read_orthologues
from scarena.datasets.raw import Raw


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "pairs.txt"
    pairs = ["Cd3e\tCD3E", "Actb\tACTB", "H2-K1\tHLA-A", "H2-D1\tHLA-A", "Ins1\tINS", "Ins1\tINS2"]
    path.write_text("\n".join(["MOUSE\tHUMAN", *pairs, pairs[0], ""]))
    return path


def test_genes_with_several_counterparts_on_either_side_are_left_out(table):
    assert read_orthologues(table) == {"cd3e": "CD3E", "actb": "ACTB"}


def test_counts_follow_their_genes_and_the_share_is_said(table):
    raw = Raw(
        csr_matrix(np.arange(6).reshape(2, 3)), pd.DataFrame(index=["a", "b"]), np.array(["actb", "Xist", "Cd3e"])
    )
    found = humanised(raw, read_orthologues(table), "d")
    assert list(found.genes) == ["ACTB", "CD3E"]
    assert found.counts.toarray().tolist() == [[0, 2], [3, 5]]
    assert found.notes == ("2 of 3 mouse genes (66.7%) have one human counterpart and are kept as it",)


def test_names_that_are_no_mouse_genes_are_refused(table):
    raw = Raw(csr_matrix((1, 1)), pd.DataFrame(index=["a"]), np.array(["ENSMUSG00000000001"]))
    with pytest.raises(DataError, match="no gene is a mouse gene"):
        humanised(raw, read_orthologues(table), "d")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"only one column\nA\nB\n"])
def test_what_is_no_table_gives_no_pairs_or_one_line(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    try:
        assert read_orthologues(tmp_path / "x") == {}
    except DataError as error:
        assert "no table of orthologues" in str(error)


def test_the_pinned_table_knows_the_genes_that_everybody_does(cache):
    found = orthologues(cache=cache)
    assert 15_000 < len(found) < 17_000
    assert found["cd3e"] == "CD3E" and found["actb"] == "ACTB"
