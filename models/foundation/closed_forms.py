"""What adaptation does, as far as it can be written down: batches shrunk, noise shrunk, and no training.

Shapes: B cells, D dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BETWEEN = 3.0
"""How much more the differences between batches count than those within, in the product that shrinks them."""


def without_batches(z_BD: NDArray[np.floating], batch_B: NDArray[np.str_]) -> NDArray[np.float32]:
    """Return centred vectors times (T + 3 B)⁻¹ T, float32 [B, D].

    T is the covariance within batches, B that of their means: a direction along which batches differ little stays as
    it is, one along which they differ alone is gone. Where all cells are of one batch nothing is shrunk.
    """
    centred = z_BD - z_BD.mean(axis=0)
    names, place_B = np.unique(batch_B, return_inverse=True)
    if len(names) < 2:
        return centred.astype(np.float32)
    size = np.bincount(place_B)
    means = np.stack([np.bincount(place_B, column, len(names)) / size for column in centred.T], axis=1)
    inside = centred - means[place_B]
    within, between = inside.T @ inside / len(z_BD), (means * size[:, None]).T @ means / len(z_BD)
    # A direction without any variance within batches cannot be told from noise: it is shrunk to nothing.
    least = 1e-9 * max(float(np.trace(within)), 1e-300) * np.eye(len(within))
    return np.asarray(centred @ np.linalg.solve(within + BETWEEN * between + least, within), np.float32)


def by_reliability(
    whole_BD: NDArray[np.floating], first_BD: NDArray[np.floating], second_BD: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return cells along their principal components, each times its reliability, float32 [B, D].

    Parameters
    ----------
    whole_BD
        The cells by all of their counts.
    first_BD, second_BD
        By either half of them.
    """
    from scarena.models.foundation.trust import reliabilities

    centred = whole_BD - whole_BD.mean(axis=0)
    _, _, right_DD = np.linalg.svd(centred, full_matrices=False)
    reliable_D = reliabilities(first_BD @ right_DD.T, second_BD @ right_DD.T)
    return np.asarray(centred @ right_DD.T * reliable_D, np.float32)
