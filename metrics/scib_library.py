"""The library scib-metrics, which ours is compared with: imported when first asked for, and quietly."""

from __future__ import annotations

import warnings
from typing import Any

from scarena.metrics.compiled import keep_compiled


def scib_library() -> Any:
    """Return the module ``scib_metrics``, imported when first asked for (4 s, mostly jax and numba)."""
    with warnings.catch_warnings():
        # Said at import by umap, of which only the neighbour graph is used; where warnings are errors it ends the
        # import.
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
        import scib_metrics
        import umap.umap_

    # Leiden's graph is built with it: 6 s of compilation for each embedding that is scored.
    keep_compiled(umap.umap_)
    return scib_metrics
