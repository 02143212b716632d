"""The pictures of embeddings: quicker than umap makes them alone, and the same."""

import numpy as np
import pytest

# umap says that it lacks tensorflow, which no picture needs.
pytestmark = pytest.mark.filterwarnings("ignore::ImportWarning")


@pytest.mark.parametrize("dimension", [2, 33])
def test_distances_are_those_of_scikit_learn_to_the_last_bit(dimension):
    from sklearn.metrics import pairwise_distances
    from umap.distances import euclidean

    from scarena.steps.child.umaps import distances_of

    x = np.random.default_rng(0).normal(size=(60, dimension)).astype(np.float32)
    ours, theirs = distances_of(x, euclidean), pairwise_distances(x, metric=euclidean)
    assert ours.dtype == theirs.dtype == np.float32
    assert np.array_equal(ours, theirs)


def test_a_umap_is_the_one_that_umap_makes_alone(tmp_path):
    import warnings

    from umap import UMAP

    from scarena.models.embedding import write_embedding
    from scarena.steps.child import umaps as module

    names = np.array([f"cell{i}" for i in range(80)])
    x = np.random.default_rng(1).normal(size=(80, 5)).astype(np.float32)
    write_embedding(tmp_path / "one.npz", x, names)
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setattr("scarena.datasets.prepared.read_cells", lambda path: _Cells(names))
        module.umaps(
            {"dataset": "d.h5ad", "embeddings": {"one": str(tmp_path / "one.npz")}, "umaps": tmp_path / "u.npz"}
        )
        alone = UMAP(n_neighbors=15, random_state=0, n_jobs=1).fit_transform(x)
    with np.load(tmp_path / "u.npz") as file:
        assert np.array_equal(file["xy:one"], alone.astype(np.float32).round(3))


class _Cells:
    def __init__(self, names):
        import pandas as pd

        self.index = pd.Index(names)
