"""How much longer the longest vector is than the median one: it describes, and ranks nothing."""

from math import inf

import numpy as np

from scarena.metrics.info import count
from scarena.metrics.inputs import Inputs
from scarena.metrics.measured import Measured
from scarena.metrics.plug_in import Metric


def norm_ratio(i: Inputs) -> dict[str, Measured]:
    """Return the longest vector's length over the median length."""
    lengths = np.linalg.norm(i.x, axis=1)
    return {"example_norm_ratio": Measured(float(lengths.max() / np.median(lengths)))}


_INFO = count(
    "example_norm_ratio", "Norm ratio", "structure", inf, "length of the longest vector over the median length",
    "an embedding of unit vectors has 1 by construction", "this package", cost="O(n·d)",
)  # fmt: skip
METRIC = Metric((_INFO,), norm_ratio)
