"""Few cells, and batches of one or two, are a result or one typed line."""

import numpy as np
import pytest

from scarena.base.errors import NotApplicable
from scarena.metrics.reference import dataset_reference
from scarena.metrics.scoring import score_embedding
from scarena.models.base import Context
from scarena.models.registry import find_model

LAYOUTS = {
    "twelve cells": (12, lambda n: np.arange(n) % 2),
    "batches of two": (40, lambda n: np.arange(n) // 2),
    "batches of one": (40, np.arange),
    "one batch of two": (60, lambda n: (np.arange(n) >= n - 2).astype(int)),
}


def laid_out(make_cells, layout):
    n_cells, batches = LAYOUTS[layout]
    data = make_cells(n_cells=n_cells)
    data.obs["batch"] = [f"b{number}" for number in batches(n_cells)]
    data.obs["batch"] = data.obs["batch"].astype("category")
    return data


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["hvg", "pca", "harmony", "centroids"])
def test_a_model_gives_vectors_or_says_why_not(make_cells, layout, name):
    data = laid_out(make_cells, layout)
    try:
        z = find_model(name)().embed(data, Context(seed=0))
    except NotApplicable as error:
        assert (name, layout) == ("harmony", "twelve cells") and "12 cells" in str(error)
    else:
        assert z.shape[0] == data.n_obs and np.isfinite(z).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_metric_has_a_value_or_says_why_not(make_cells, layout):
    data = laid_out(make_cells, layout)
    x = find_model("pca")().embed(data, Context(seed=0))
    found = score_embedding(
        x, batch=data.obs["batch"], labels=data.obs["cell_type"], reference=dataset_reference(x), n_replicates=20
    )
    assert {score.state for score in found.values()} <= {"ok", "not applicable"}
    assert found["knn_accuracy"].state == "ok"
