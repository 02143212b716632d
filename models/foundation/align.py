"""Batches laid on each other after the fact: Harmony on a model's vectors.

Adapting gives a model no reason to hold batches apart; it gives it none to bring them together either. Harmony
(Korsunsky et al. 2019, doi:10.1038/s41592-019-0619-0) moves each batch, cluster by cluster, towards the mean of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scarena.models.baselines.harmony import harmonised

if TYPE_CHECKING:
    from numpy.typing import NDArray


def aligned(z: NDArray[np.float32], batch: NDArray[np.str_], *, seed: int = 0, threads: int = 1) -> NDArray[np.float32]:
    """Return vectors without what tells batches apart within a cluster, float32 [n_cells, Z].

    Parameters
    ----------
    z
        float32 [n_cells, Z].
    batch
        [n_cells]; small ones pooled (see `scarena.models.foundation.adapt.pooled`): in a cluster of few cells their
        mean is noise. With one batch the vectors are returned, centred.
    seed
        Of Harmony's clusters.
    threads
        To use.
    """
    # Harmony clusters by angle, and the angle to a corner of space says little.
    centred = np.asarray(z - z.mean(axis=0), np.float32)
    return centred if len(set(batch.tolist())) < 2 else harmonised(centred, batch, seed, threads)
