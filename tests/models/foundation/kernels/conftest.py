"""The kernels' tests run Triton in its interpreter, which must be chosen before a kernel is imported."""

import importlib.util
import os
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture
def interpreted() -> Iterator[None]:
    """Force the Triton kernels for the length of a test."""
    if importlib.util.find_spec("triton") is None:
        pytest.skip("triton is not installed")
    from scarena.models.foundation.kernels.dispatch import force

    with force(True):
        yield


@pytest.fixture(params=[0, 1, 2])
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Return generators of several seeds."""
    return np.random.default_rng(request.param)


@pytest.fixture
def ragged() -> Callable[..., SimpleNamespace]:
    """Return a maker of cells of unequal length: some empty, one of one token, one much longer than the rest."""

    def make(rng: np.random.Generator, n_cells: int = 6, most: int = 10) -> SimpleNamespace:
        lengths = rng.integers(2, most, n_cells)
        lengths[rng.permutation(n_cells)[:3]] = 0, 1, 2 * most + 1
        starts = np.concatenate([[0], lengths.cumsum()])
        return SimpleNamespace(
            lengths=lengths, n=int(starts[-1]), n_cells=n_cells, longest=int(lengths.max()),
            starts=torch.from_numpy(starts), slices=[slice(*pair) for pair in pairwise(starts)],
        )  # fmt: skip

    return make
