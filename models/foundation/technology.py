"""What one study's protocol makes of a gene and another's does not, estimated from the types that both have.

The ratio of two profiles of one type, from two studies, is the type's own spread and what the protocols differ in; over
several types the first averages out, and the second stays.

Shapes: P profiles, V genes, K pairs of studies.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_TERMS = 3
"""Types that two studies must share: of fewer a mean is still mostly their own."""
_PSEUDO = 0.5
"""Added to expression per 10,000, so that a gene at the edge of detection has no ratio to speak of."""


def technology(
    values_PV: NDArray[np.floating], measured_PV: NDArray[np.bool_], source_P: NDArray[np.integer],
    term_P: Sequence[str],
) -> NDArray[np.float32]:  # fmt: skip
    """Return the log ratios of each pair of studies, [K, V]: a mean over shared types, centred over the genes of both.

    Zero for a gene that either has not measured; no row where no two studies share three types.

    Parameters
    ----------
    values_PV
        Expression per 10,000.
    measured_PV
        Where a gene was measured.
    source_P
        Study of each profile.
    term_P
        Its Cell Ontology term, empty where there is none.
    """
    terms = np.asarray(term_P, dtype=str)
    means = {
        int(source): _by_term(np.log(values_PV[source_P == source] + _PSEUDO), terms[source_P == source])
        for source in np.unique(source_P)
    }
    measured = {source: measured_PV[source_P == source].all(axis=0) for source in means}
    rows = []
    for one, other in combinations(sorted(means), 2):
        shared = sorted(means[one].keys() & means[other].keys())
        both_V = measured[one] & measured[other]
        if len(shared) < LEAST_TERMS or not both_V.any():
            continue
        ratio_V = np.mean([means[one][term] - means[other][term] for term in shared], axis=0)
        rows.append(np.where(both_V, ratio_V - ratio_V[both_V].mean(), 0.0))
    return np.asarray(rows, np.float32).reshape(len(rows), values_PV.shape[1])


def _by_term(log_PV: NDArray[np.floating], term_P: NDArray[np.str_]) -> dict[str, NDArray[np.floating]]:
    return {term: log_PV[term_P == term].mean(axis=0) for term in sorted(set(term_P.tolist()) - {""})}
