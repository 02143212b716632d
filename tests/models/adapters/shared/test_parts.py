import numpy as np
import pytest
import torch

from scarena.models.adapters.shared.cells import uniform_table
from scarena.models.adapters.shared.encoder import Encoder, EncoderConfig, cell_maxima
from scarena.models.foundation.packed import Packed
from scarena.models.foundation.tokenize import Cells

pytestmark = pytest.mark.usefixtures("one_thread")


def _packed(*sizes: int) -> Packed:
    starts = torch.tensor([0, *np.cumsum(sizes)], dtype=torch.int32)
    ids = torch.zeros(int(starts[-1]), dtype=torch.int32)
    return Packed(ids, ids.float(), starts, max(sizes))


@pytest.mark.parametrize("norm", ["post", "pre", "normed residual"])
def test_tokens_that_are_asked_for_are_those_of_the_whole(norm: str) -> None:
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(32, 2, 2, 64, "gelu", norm=norm)).eval()  # type: ignore[arg-type]
    cells = _packed(3, 7, 2)
    x_TD = torch.randn(12, 32)
    asked_R = torch.tensor([0, 2, 3, 9, 10, 11])
    with torch.no_grad():
        found = encoder(x_TD, cells, asked_R=asked_R)
        assert torch.allclose(found, encoder(x_TD, cells)[asked_R], atol=1e-6)
        assert torch.allclose(found[::2], encoder(x_TD, cells, first=True), atol=1e-6)


def test_maxima_are_those_of_each_cell_and_zero_without_tokens() -> None:
    x_TD = -torch.rand(9, 4)
    found = cell_maxima(x_TD, _packed(4, 0, 5))
    assert torch.equal(found, torch.stack([x_TD[:4].amax(0), torch.zeros(4), x_TD[4:].amax(0)]))


def test_a_cells_numbers_are_its_own_and_spread_evenly() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 20, 50)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    genes = np.concatenate([np.sort(rng.choice(100, size, replace=False)) for size in sizes]).astype(np.int32)
    counts = rng.integers(1, 9, len(genes)).astype(np.float32)
    cells = Cells(starts, genes, counts, np.ones(50, np.float32))
    table = uniform_table(cells, 1000, 0)
    np.testing.assert_array_equal(uniform_table(cells.rows(np.array([7, 3])), 1000, 0), table[[7, 3]])
    assert table.min() >= 0 and table.max() < 1
    assert np.abs(np.histogram(table, 10, (0, 1))[0] / table.size - 0.1).max() < 0.01
    assert np.abs(np.corrcoef(table)[np.triu_indices(50, 1)]).max() < 0.2
    assert (table != uniform_table(cells, 1000, 1)).all()
