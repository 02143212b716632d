import numpy as np
import pytest
import torch

from scarena.base.errors import ModelError
from scarena.models.foundation.atlas_types import DEPTHS, FILE, REFUSED, read_types, types_of, write_types
from scarena.models.foundation.atlas_use import Laid
from scarena.models.foundation.embed import encode
from scarena.models.foundation.model import FoundationConfig, initialised
from scarena.models.foundation.simulated import SimulationConfig

N_GENES = 60
SIZES = {"n_genes": N_GENES, "n_groups": 1, "gene_width": 4, "width": 64, "embedding": 60, "kind": "bag"}
TERMS = ["CL:1", "CL:2", "CL:3", ""]


def model_of():
    """Return a model whose vectors are the values of the genes themselves."""
    model = initialised(FoundationConfig(**SIZES), 0)
    model.know_genes(torch.eye(N_GENES) * N_GENES**0.5)
    return model.eval()


@pytest.fixture
def laid():
    """Two studies of four types, one of them without a term; in ten genes each a type is high."""
    rng = np.random.default_rng(0)
    rows = []
    for study in range(2):
        for kind in range(4):
            values = rng.lognormal(0, 0.3, N_GENES)
            values[10 * kind : 10 * kind + 10] *= 30
            # What a study adds to all of its types.
            values[50 + study] *= 100
            rows.append(values / values.sum() * 1e4)
    return Laid(
        np.array(rows, np.float32), np.ones((8, N_GENES), bool), np.repeat([0, 1], 4), ("s", "t"), np.array(TERMS * 2)
    )


@pytest.fixture
def words():
    return {
        "label": np.array([f"{study}{kind}" for study in "st" for kind in "abcd"]), "term": np.array(TERMS * 2),
        "tissue": np.full(8, "here"), "source": np.repeat(["s", "t"], 4),
    }  # fmt: skip


def cells_of(laid, source, kinds, depth, seed=1):
    made = laid.simulated(SimulationConfig(mixed=0, shallowest=depth, deepest=depth))
    return made.made_of(source, np.array(kinds), np.random.default_rng(seed))


def test_cells_get_the_type_they_are_of_and_its_term(laid, words):
    model = model_of()
    types = types_of(model, laid, words)
    kinds = np.arange(300) % 3
    cells = cells_of(laid, "s", kinds, 4000)
    found = types.named(encode(model, cells), cells.depth_B)
    named = found["term"].notna()
    assert (found["term"][named] == np.array(TERMS)[kinds[named]]).all()
    # The bound is of cells that may not look at their own study: of those that may, fewer are refused.
    assert 1 - named.mean() <= REFUSED + 0.03
    assert set(found["tissue"].dropna()) == {"here"}


def test_a_twentieth_of_the_cells_of_a_study_that_is_left_out_is_not_named(laid, words):
    model = model_of()
    types = types_of(model, laid, words)
    cells = cells_of(laid, "t", np.arange(2000) % 3, 2000)
    likeness = types.likeness(encode(model, cells))[:, types.words["source"] == "s"]
    assert (likeness.max(axis=1) < types.least(cells.depth_B)).mean() == pytest.approx(REFUSED, abs=0.03)


def test_cells_of_a_type_that_no_study_has_are_not_named(laid, words):
    model = model_of()
    types = types_of(model, laid, words)
    unknown = Laid(
        laid.values_PV[:, np.roll(np.arange(N_GENES), 25)],
        *(getattr(laid, name) for name in ("measured_PV", "source_P", "sources", "term_P")),
    )
    cells = cells_of(unknown, "s", [0] * 100, 8000)
    found = types.named(encode(model, cells), cells.depth_B)
    assert found["label"].isna().mean() > 0.9
    assert found["nearest"].notna().all() and (found["score"] < found["needed"])[found["label"].isna()].all()


def test_a_cell_without_counts_has_no_name_and_no_score(laid, words):
    types = types_of(model_of(), laid, words)
    found = types.named(np.zeros((2, 60), np.float32), np.array([0, 0]))
    assert found.drop(columns="needed").isna().all(axis=None)


def test_bounds_rise_with_the_counts_and_there_is_none_without_a_shared_type(laid, words):
    types = types_of(model_of(), laid, words)
    assert (np.diff(types.least_K) > -0.02).all() and types.least_K[-1] > types.least_K[0]
    np.testing.assert_allclose(types.least(np.array(DEPTHS)), types.least_K, rtol=1e-5)
    alone = types_of(model_of(), laid.some(laid.source_P == 0), {word: each[:4] for word, each in words.items()})
    assert (alone.least_K == -1).all()


def test_types_are_kept_beside_a_checkpoint(laid, words, tmp_path):
    types = types_of(model_of(), laid, words)
    write_types(types, tmp_path)
    again = read_types(tmp_path)
    np.testing.assert_allclose(again.unit_PZ, types.unit_PZ, atol=1e-3)
    assert again.words["term"].tolist() == types.words["term"].tolist() == TERMS[:3] * 2
    (tmp_path / FILE).unlink()
    with pytest.raises(ModelError, match="knows no types"):
        read_types(tmp_path)
    np.savez(
        tmp_path / FILE,
        unit=np.zeros((2, 3)),
        centre=np.zeros(4),
        least=np.zeros(7),
        label=[""],
        term=[""],
        tissue=[""],
        source=[""],
    )
    with pytest.raises(ModelError, match="other shapes"):
        read_types(tmp_path)
